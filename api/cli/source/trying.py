"""`remit source check`, `discover`, `install` and `map`: what a connector says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from api.cli.migrated import open_migrated
from api.cli.screen import errors, log_to_stderr, remark, tell
from api.installation import open_model
from api.settings import Settings
from api.sources import sources_of
from index.database import Database
from index.errors import ConfigurationError, InvalidRequest
from index.writer import register_source
from ingestion.airbyte.check import CheckResult, StreamCheck
from ingestion.airbyte.installed import install
from ingestion.mapping.proposal import propose_mapping
from ingestion.source import Source
from ingestion.workspace.in_force import SourcesInForce
from semantic_layer import Model


def run_check(settings: Settings, names: Sequence[str]) -> bool:
    """Try the named sources, or all, and say in words what is wrong; returns whether all is well.

    No record is stored. Requests count in the budget of the source, and wait for their turn."""
    log_to_stderr()
    well = True
    with _in_force(settings) as (found, model, database):
        entries = {name: found.entry(name) for name in names or found.entries}
        for name in entries:
            try:
                with errors.status(f"Trying {name}"):
                    result = _counted(found, name, model, database, settings.tenant).check()
            except ConfigurationError as error:
                result = CheckResult(problem=str(error).removesuffix("."))
            tell(_told(name, result))
            well = well and result.ok
    return well


def run_discover(settings: Settings, name: str) -> None:
    """Print the streams that a source has now, and what is done with each."""
    log_to_stderr()
    with _in_force(settings) as (found, model, database):
        source = _counted(found, name, model, database, settings.tenant)
        with errors.status(f"Asking {name}"):
            streams = source.discover()
            read = source.streams
    width = max((len(stream.name) for stream in streams), default=0)
    for stream in streams:
        way = "what is new" if stream.incremental else "all of it, each time"
        entities = read[stream.name].entity_names if stream.name in read else ()
        use = ", ".join(entities) or ("records only" if stream.name in read else "not read")
        tell([f"{stream.name:<{width}}  {use}; reads {way}; key {stream.key}"])
    remark(f"{len(streams):,} streams")


def run_map(settings: Settings, name: str) -> None:
    """Print a mapping for streams that have none, as far as it can be guessed."""
    log_to_stderr()
    with _in_force(settings) as (found, model, database):
        source = _counted(found, name, model, database, settings.tenant)
        with errors.status(f"Asking {name}"):
            streams = [each for each in source.discover() if each.name not in source.mapped]
    if not streams:
        tell([f"Every stream of {name} has a mapping."])
        return
    tell(propose_mapping(streams, model).splitlines())
    remark("Look at each line, keep it in a file, and name that as `mapping` in your remit.yaml.")


def run_install(settings: Settings, name: str, version: str | None) -> None:
    """Install the connector of a source, or a package by its own name, in its own environment."""
    log_to_stderr()
    package = name
    with _in_force(settings) as (found, _, _):
        if name in found.entries:
            origin = found.entries[name].origin
            if origin.package is None:
                raise InvalidRequest(
                    f"The connector of {name!r} is no package, so there is nothing to install."
                )
            package, version = origin.package, version or origin.version
    with errors.status(f"Installing {package}, which takes minutes"):
        installed = install(package, version, settings.home)
    tell([f"{installed.package} {installed.version} is installed."])


@contextmanager
def _in_force(settings: Settings) -> Iterator[tuple[SourcesInForce, Model, Database]]:
    """The sources, the model and the database, with no transaction open: it may take minutes."""
    model = open_model(settings)
    with open_migrated(settings) as database:
        with database.writing() as connection:
            found = sources_of(settings, connection)
        yield found, model, database


def _counted(
    found: SourcesInForce, name: str, model: Model, database: Database, tenant: str
) -> Source:
    """The source, with its requests counted like those of a sync. Raises ConfigurationError."""
    source = Source(found.config(name), model.specs)
    if source.requests_per_minute is not None:
        with database.writing() as connection:
            register_source(connection, tenant, name, source.connector)
        source.queue(database, tenant)
    return source


def _told(name: str, result: CheckResult) -> Iterator[str]:
    if result.problem is not None:
        yield f"{name}: {result.problem}."
        return
    yield f"{name}: {'can be read' if result.ok else 'not all of it can be read'}"
    for stream in result.streams:
        yield f"  {stream.stream}: {_outcome(stream)}"


def _outcome(stream: StreamCheck) -> str:
    if stream.problem is not None:
        return stream.problem
    return "empty, or nothing in it may be seen" if stream.empty else "can be read"
