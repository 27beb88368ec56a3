"""`remit source pause`, `resume` and `remove`: whether a source is in force, and at work."""

from __future__ import annotations

from sqlalchemy import Connection

from api.cli.migrated import migrated_connection, open_migrated
from api.cli.screen import agreed, errors, log_to_stderr, tell
from api.installation import open_model
from api.settings import PREFIX, Settings
from api.sources import sources_of
from index.database import Database
from index.entity_tables import EntityTables
from index.errors import InvalidRequest
from index.writer import register_source
from ingestion.sync.runs import only_one
from ingestion.workspace.definitions import held_sources, lock_definitions, pause, retire
from ingestion.workspace.removal import forget_source, records_of, streams_of
from semantic_layer import Model


def run_pause(settings: Settings, name: str, *, paused: bool) -> None:
    """Let no schedule run a source, or let them again. A sync under way goes on to its end."""
    log_to_stderr()
    with migrated_connection(settings) as connection:
        _require_known(settings, connection, name)
        entry = sources_of(settings, connection).entries.get(name)
        if entry is not None:  # one of a file that was never synced has no row yet
            register_source(connection, settings.tenant, name, entry.origin.name)
        changed = pause(connection, settings.tenant, name, paused=paused)
    if not changed:
        tell([f"The source {name} was {'paused' if paused else 'not paused'} before."])
    elif paused:
        tell([f"No schedule runs {name} until `remit source resume {name}`."])
    else:
        tell([f"The schedules of {name} run again; one that was missed runs once."])


def run_remove(settings: Settings, name: str, *, with_data: bool, yes: bool) -> bool:
    """Take a source out of force, and with its data forget it; returns whether that was done.

    Raises InvalidRequest for one that a file keeps in force, and where nobody can be asked; with
    its data, SyncInProgress while it is being synced.
    """
    log_to_stderr()
    model = open_model(settings)
    with open_migrated(settings) as database:
        with database.writing() as connection:
            _lock_removable(settings, connection, name)
            count = records_of(connection, settings.tenant, name)
            if not with_data:
                retire(connection, settings.tenant, name)
        if not with_data:
            kept = f"; its {count:,} records stay" if count else ""
            tell([f"The source {name} is no longer in force{kept}."])
            return True
        question = f"Remove {name} with its {count:,} records and all that was made of them?"
        if not agreed(question, yes=yes):
            return False
        with errors.status(f"Removing {name}"):
            count = _forget(settings, database, model, name)
    tell([f"The source {name} is removed, with {count:,} records and all that was made of them."])
    return True


def _forget(settings: Settings, database: Database, model: Model, name: str) -> int:
    """Remove it with its data while no sync of it runs; returns how many records it had."""
    tenant = settings.tenant
    with database.writing() as connection:
        entry = sources_of(settings, connection).entries.get(name)
        chosen = entry.streams if entry is not None else None
        streams = sorted({*streams_of(connection, tenant, name), *(chosen or ())})
    with only_one(database, tenant, name, streams), database.writing() as connection:
        _lock_removable(settings, connection, name)
        return forget_source(connection, EntityTables(model.specs), model, tenant, name)


def _lock_removable(settings: Settings, connection: Connection, name: str) -> None:
    """Let nobody else define sources, and make sure that this one is there and in no file."""
    lock_definitions(connection, settings.tenant)
    _require_known(settings, connection, name)
    held = held_sources(connection, settings.tenant).get(name)
    found = sources_of(settings, connection)
    in_file = name in found.hidden or (
        name in found.entries and (held is None or held.entry is None)
    )
    if in_file:
        raise InvalidRequest(
            f"The source {name!r} is in {settings.sources} ({PREFIX}SOURCES). Take it out of"
            " that file first, or it would be in force again at once."
        )


def _require_known(settings: Settings, connection: Connection, name: str) -> None:
    known = {
        *held_sources(connection, settings.tenant),
        *sources_of(settings, connection).entries,
    }
    if name not in known:
        raise InvalidRequest(f"There is no source {name!r}; there are {', '.join(sorted(known))}.")
