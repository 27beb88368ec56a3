"""How long after a publish another process decides by it.

We publish, and `remit serve`, a process of its own, is asked over HTTP until its answer is that of
the new version. Every version has 100 rules for tickets and hides other fields of them, so that the
first request under it waits for all that a new version brings about: its documents are read, its
snapshot is made, and so is a schema for the caller. The reference is a request with nothing new.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import orjson
from sqlalchemy import text

from access_policies.versions.store import draft, put_in_force
from api.auth import Tokens
from api.directory import Directory, save_directory
from benchmarks import desk
from benchmarks.timing import Line, Times, repeat
from index.database import Database
from index.writer import register_source

PUBLISHES, RULES = 20, 100
_SECONDS = 60
_KEY = "a-key-for-benchmarks-that-is-long-enough-to-sign-with"
_QUERY = {"query": "{ customers { totalCount } }"}
_MASKED = ("number", "subject", "description", "type", "channel")
_FILL = f"""
INSERT INTO entity.customer (tenant_id, id, source, stream, remote_id, synced_at, name)
SELECT '{desk.TENANT}', md5('c' || n)::uuid, 'desk', 'customer', 'c' || n, now(), 'Company ' || n
FROM generate_series(1, {PUBLISHES}) n
"""  # noqa: S608


def measure(database: Database, directory: Path) -> list[Line]:
    """Publish again and again. `directory` is for the settings of the service."""
    maya = {"maya": {"department": "support", "regions": ["EMEA"]}}
    with database.writing() as connection:
        save_directory(connection, desk.TENANT, Directory(users=maya, agents={}))
    with database.writing() as connection:
        register_source(connection, desk.TENANT, "desk", "zendesk")
        connection.execute(text(_FILL))
    with _serving(database.url, directory) as count:
        if count() != 0:
            raise AssertionError("before the first version nothing is to be seen")
        committed, effective = _publish_all(database, count)
        ordinary = repeat(count, runs=200)
    return [
        Line(
            what=f"publish to effect in another process, {RULES} rules, {PUBLISHES} publishes",
            measured=f"{_ms(effective)}, {effective.p50 / ordinary.p50:.0f} ×",
            reference=f"a request with nothing new {_ms(ordinary)}",
            reach="≤ 1 s",
        ),
        Line(
            what="of it the publish itself, until committed",
            measured=_ms(committed),
            reference="-",
            reach="-",
        ),
    ]


def _publish_all(database: Database, count: Callable[[], int]) -> tuple[Times, Times]:
    """Seconds from the beginning of each publish until it is committed, and until it is in effect.
    Under the nth version the caller sees n customers."""
    committed, effective = [], []
    for number in range(1, PUBLISHES + 1):
        with database.writing() as connection:
            version = draft(
                connection, desk.TENANT, _documents(number), author="otto", reason="a benchmark"
            )
        started = time.perf_counter()
        with database.writing() as connection:
            put_in_force(
                connection,
                desk.TENANT,
                version.number,
                expected=number - 1 or None,
                actor="otto",
                reason="a benchmark",
            )
        committed.append(time.perf_counter() - started)
        while (seen := count()) != number:
            if seen != number - 1:
                raise AssertionError(f"an answer of neither version: {seen} of {number}")
            if time.perf_counter() - started > _SECONDS:
                raise TimeoutError(f"version {number} never came into effect")
        effective.append(time.perf_counter() - started)
    return Times(tuple(committed)), Times(tuple(effective))


def _documents(number: int) -> Mapping[str, str]:
    names = ", ".join(f'"Company {n}"' for n in range(1, number + 1))
    sets = itertools.chain(*(itertools.combinations(_MASKED, size) for size in (1, 2, 3)))
    hidden = next(itertools.islice(sets, number, None))
    documents = dict(desk.restricted_documents(RULES))
    documents["customer.yaml"] = desk.document("customer", [f"allow: customer.name in [{names}]"])
    documents["ticket.yaml"] += f"  - {{id: all, fields: {list(hidden)}, mask: hide, when: true}}\n"
    return documents


@contextmanager
def _serving(database_url: str, directory: Path) -> Iterator[Callable[[], int]]:
    """A service over the database, as the way to ask it how many customers there are."""
    policies = directory / "policies"
    policies.mkdir(parents=True)
    # What is in force until the first publish: nobody sees anything but accounts.
    (policies / "account.yaml").write_text(desk.document("account", ["allow: true"]))
    (policies / "customer.yaml").write_text(
        desk.document("customer", ['allow: customer.name == ""'])
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REMIT_")}
    variables = {
        "REMIT_HOME": str(directory),
        "REMIT_TENANT": desk.TENANT,
        "REMIT_DATABASE_URL": database_url,
        "REMIT_POLICIES": str(policies),
        "REMIT_TOKEN_KEY": _KEY,
        "REMIT_PORT": "0",
    }
    errors = directory / "errors"
    with errors.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "remit", "serve"], env={**kept, **variables}, stderr=stream
        )
    try:
        token = Tokens(_KEY.encode()).issue(
            tenant=desk.TENANT, user="maya", lifetime=timedelta(hours=1)
        )
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(
            base_url=_address(errors, process), headers=headers, timeout=_SECONDS, trust_env=False
        ) as client:

            def count() -> int:
                answer = orjson.loads(client.post("/graphql", json=_QUERY).content)
                if "errors" in answer:
                    raise AssertionError(f"the service answers with errors: {answer['errors']}")
                return int(answer["data"]["customers"]["totalCount"])

            yield count
    finally:
        process.terminate()
        process.wait(timeout=_SECONDS)


def _address(errors: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the service says that it can be reached, once it can."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"Serving at (\S+);", errors.read_text()):
            return found[1]
        time.sleep(0.05)
    raise TimeoutError(f"the service did not start: {errors.read_text()}")


def _ms(times: Times) -> str:
    return f"p50 {times.p50 * 1000:.0f} p95 {times.p95 * 1000:.0f} ms"
