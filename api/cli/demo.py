"""`remit demo`: everything at once, with a sample company, on one machine."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from api.auth import KEY_FILE, make_key_file
from api.cli.migrate import prepare
from api.cli.screen import errors, log_to_stderr
from api.cli.serve import address, listen, server
from api.cli.sync import show, sync_all
from api.cli.tour import show_tour
from api.directory import load_directory, save_directory
from api.hash_key import HASH_KEY_FILE
from api.installation import POSTGRES_FOLDER, open_database
from api.services import Services, open_services
from api.settings import PREFIX, SETTINGS_FILE, Settings, load_settings
from index.errors import ConfigurationError, Unavailable
from index.yaml_text import read_yaml
from ingestion.simulator import Simulator, build_company

_MARK = "# Written by `remit demo`, so that other commands find what it set up.\n"


def run_demo(given: Settings, *, seed: int, scale: float) -> None:
    """Set up, sync and serve the sample company until stopped by SIGINT or SIGTERM."""
    log_to_stderr()
    _refuse_own_data(given)
    with ExitStack() as stack:
        stack.enter_context(_only_one(given.home))
        _claim(given.home)
        listening = stack.enter_context(listen(given))
        with errors.status("Starting the bundled Postgres"):
            database = stack.enter_context(open_database(given))
        with errors.status("Starting the simulated Salesforce, Zendesk and Stripe"):
            simulator = stack.enter_context(_simulator(given.home, seed, scale))
        settings = _configure(given, simulator, listening)
        services = open_services(settings, database)
        with errors.status("Creating the schema"):
            prepare(database, services.model)
        people = load_directory(_examples() / "directory.yaml", services.model.callers)
        with database.writing() as connection:
            save_directory(connection, settings.tenant, people)
        reports = sync_all(settings, database, services.model, services.sources())
        show(reports)
        if len(reports) < len(services.sources()):
            raise Unavailable("The sample company could not be read; see above.")
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(services, simulator, listening))
        errors.print("\nStopped.")


async def _serve(services: Services, simulator: Simulator, listening: socket.socket) -> None:
    web = server(services)
    serving = asyncio.create_task(web.serve(sockets=[listening]))
    try:
        while not web.started and not serving.done():
            await asyncio.sleep(0.02)
        if web.started:
            await show_tour(services, simulator, address(services.settings, listening))
            log_to_stderr(requests=True)
        await serving
    finally:
        await services.close()


def _refuse_own_data(settings: Settings) -> None:
    """The demo must never write a sample company into somebody's own data."""
    if settings.database_url is not None:
        raise ConfigurationError(
            f"{PREFIX}DATABASE_URL is set, and the demo has a Postgres of its own. Unset it for the"
            " demo; for your own data use `remit migrate`, `remit sync` and `remit serve`."
        )
    file = settings.home / SETTINGS_FILE
    ours = file.exists() and file.read_text(encoding="utf-8").startswith(_MARK)
    if not ours and (file.exists() or (settings.home / POSTGRES_FOLDER).exists()):
        raise ConfigurationError(
            f"{settings.home} holds settings or data of yours. Set {PREFIX}HOME to another folder"
            " for the demo."
        )


def _claim(home: Path) -> None:
    """Mark the folder as the demo's before anything else is in it, however the run may end."""
    if not (home / SETTINGS_FILE).exists():
        _write_private(home / SETTINGS_FILE, _MARK)


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the demo's folder. The lock ends with the process, whatever way it ends."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "demo.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ConfigurationError(
                f"A demo is already running in {home} (process {file.read().strip() or 'unknown'})."
                f" Stop it, or set {PREFIX}HOME to another folder and choose another --port."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _simulator(home: Path, seed: int, scale: float) -> Simulator:
    """The vendors, with the changes that were made to them in earlier runs."""
    try:
        return Simulator(build_company(seed=seed, scale=scale), journal=home / "changes.jsonl")
    except ValueError as error:
        raise ConfigurationError(
            f"{home} holds a demo that does not fit: {error}. Remove the folder, or set"
            f" {PREFIX}HOME to another."
        ) from None


def _configure(given: Settings, simulator: Simulator, listening: socket.socket) -> Settings:
    """Write what other commands need to work on the same demo, and load it."""
    home = given.home.resolve()
    sources = home / "sources.yaml"
    _write_private(sources, yaml.safe_dump(_filled_in_sources(simulator), sort_keys=False))
    make_key_file(home / KEY_FILE)
    make_key_file(home / HASH_KEY_FILE)
    content = {"policies": _examples() / "policies", "sources": sources}
    lines = [f'{PREFIX}{name.upper()}="{value}"\n' for name, value in content.items()]
    _write_private(home / SETTINGS_FILE, _MARK + "".join(lines))
    return load_settings(
        home=given.home, host=given.host, port=listening.getsockname()[1], **content
    )


def _filled_in_sources(simulator: Simulator) -> dict[str, Any]:
    """The example's sources with each `env:VENDOR_SETTING` replaced by the simulator's own."""
    known = {
        "SALESFORCE_URL": simulator.salesforce_url,
        "ZENDESK_URL": simulator.zendesk_url,
        "STRIPE_URL": simulator.stripe_url,
    }
    for vendor, credentials in simulator.credentials.items():
        known |= {f"{vendor}_{name}".upper(): value for name, value in credentials.items()}
    content = read_yaml((_examples() / "sources.yaml").read_text(encoding="utf-8"))
    sources: Mapping[str, Any] = content["sources"]
    for source in sources.values():
        source["settings"] = {
            name: known[str(value).removeprefix("env:")]
            for name, value in source["settings"].items()
        }
    return {"sources": dict(sources)}


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _examples() -> Path:
    """`examples/demo` beside the rooms, in a checkout as in the wheel."""
    return Path(__file__).resolve().parents[2] / "examples" / "demo"
