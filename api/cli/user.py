"""`remit user`: who is there, and what policies may ask about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import orjson
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError

from api.cli.screen import errors, log_to_stderr, output
from api.directory import Changes, listed, lock_directory, save_people
from api.directory_file import FileFormat, Kind, People, read_people
from api.installation import open_database, open_model
from api.settings import Settings
from index.errors import ConfigurationError, InvalidRequest

_MOST_NAMES = 20  # told one by one; of the rest only how many
_NO_TABLE = "42P01"  # Postgres: undefined_table


def run_import(
    settings: Settings,
    path: Path,
    *,
    format: Literal["csv", "json", "yaml"] | None,
    agents: bool,
    replace: bool,
    dry_run: bool,
) -> None:
    """Make the directory say what a file says, all of it or none, and print what that changed.

    Raises ConfigurationError with everything that is wrong with the file.
    """
    callers = open_model(settings).callers
    given = None if format is None else FileFormat(format)
    with errors.status(f"Reading {path}"):
        people = read_people(path, callers, format=given, listed=_kind(agents))
    if agents and "agent" not in people:
        raise ConfigurationError(f"{path} says itself who is a user: leave --agents out.")
    if replace and not any(people.values()):
        raise ConfigurationError(f"{path} names nobody, and --replace would remove everybody.")
    with _connection(settings) as connection:
        if not dry_run and lock_directory(connection, settings.tenant):
            errors.print(f"The tenant {settings.tenant} is new.", markup=False)
        changes = _save(connection, settings.tenant, people, replace=replace, dry_run=dry_run)
    if dry_run:
        output.print("Nothing was changed. An import would do this:")
    for kind, change in changes.items():
        output.print(_told(kind, change))


def run_list(settings: Settings, *, agents: bool) -> None:
    """Print the people of a tenant, one a line: the name, then the attributes as JSON."""
    with _connection(settings) as connection:
        people = listed(connection, settings.tenant, _kind(agents))
    width = max(map(len, people), default=0)
    for name, attributes in people.items():
        output.print(f"{name:<{width}}  {_json(attributes)}")
    errors.print(f"{len(people):,} {_kind(agents)}s of the tenant {settings.tenant}", markup=False)


def run_show(settings: Settings, name: str, *, agents: bool) -> None:
    """Print each declared attribute of somebody. Raises InvalidRequest when nobody is so named."""
    kind = _kind(agents)
    declared = open_model(settings).callers.get(kind, {})
    with _connection(settings) as connection:
        people = listed(connection, settings.tenant, kind, name)
    if name not in people:
        raise InvalidRequest(
            f"There is no {kind} {name!r} in the directory of {settings.tenant!r}; `remit user"
            f" list{' --agents' if agents else ''}` names who is there."
        )
    attributes = people[name]
    width = max(map(len, (*declared, *attributes)), default=0)
    output.print(f"{kind} {name}")
    for attribute in declared:
        known = attribute in attributes
        value = _json(attributes[attribute]) if known else "missing: unknown to every rule"
        output.print(f"  {attribute:<{width}}  {value}")
    for attribute in attributes.keys() - declared.keys():
        output.print(f"  {attribute:<{width}}  not declared by the model: no rule can ask for it")


@contextmanager
def _connection(settings: Settings) -> Iterator[Connection]:
    log_to_stderr()
    with open_database(settings) as database:
        try:
            with database.writing() as connection:
                yield connection
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != _NO_TABLE:
                raise
            raise ConfigurationError(
                "The database has no directory yet: run `remit migrate` first."
            ) from None


def _save(
    connection: Connection,
    tenant: str,
    people: Mapping[Kind, People],
    *,
    replace: bool,
    dry_run: bool,
) -> dict[Kind, Changes]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=errors, transient=True) as bars:

        def save(kind: Kind, named: People) -> Changes:
            line = bars.add_task(f"Writing {kind}s", total=None)
            return save_people(
                connection,
                tenant,
                kind,
                named,
                replace=replace,
                dry_run=dry_run,
                progress=lambda done, of: bars.update(line, completed=done, total=of),
            )

        return {kind: save(kind, named) for kind, named in people.items()}


def _told(kind: Kind, changes: Changes) -> str:
    """Counts on one line, then the names of those whom something changed for."""
    named = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    counts = [f"{len(names):,} {what}" for what, names in named.items()]
    lines = [f"{kind}s: {', '.join(counts)}, {changes.unchanged:,} unchanged"]
    for what, names in named.items():
        if names:
            more = len(names) - _MOST_NAMES
            rest = f" and {more:,} more" if more > 0 else ""
            lines.append(f"  {what}: {', '.join(names[:_MOST_NAMES])}{rest}")
    return "\n".join(lines)


def _kind(agents: bool) -> Kind:
    return "agent" if agents else "user"


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
