"""What is held of the sources: what was set aside, rows made anew, what is purged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.cli.migrated import open_migrated
from api.cli.screen import log_to_stderr, remark, tell
from api.installation import open_model
from api.settings import Settings
from api.sources import sources_of
from index.database import Database
from index.entity_tables import EntityTables
from index.removal import purge
from ingestion.source import Source
from ingestion.sync.replay import rejected, replay
from ingestion.sync.reproject import reproject
from semantic_layer import Model

_LONGEST_RAW = 200


@dataclass(frozen=True)
class _Held:
    """What the commands work on."""

    database: Database
    model: Model
    tables: EntityTables
    tenant: str
    settings: Settings

    def sources(self, names: Sequence[str]) -> Iterator[Source]:
        """Those of that name, all when none is named."""
        with self.database.writing() as connection:
            found = sources_of(self.settings, connection)
            configured = [found.config(name) for name in names or found.entries]
        for config in configured:
            yield Source(config, self.model.specs)


def run_rejected_list(
    settings: Settings, source: str | None, streams: Sequence[str], *, limit: int, raw: bool
) -> None:
    """Print what is set aside and why; the records themselves, which are data, only when asked."""
    with _held(settings) as held:
        found = rejected(
            held.database,
            tenant=held.tenant,
            source=source,
            streams=streams or None,
            limit=limit,
        )
    for one in found:
        tell([f"{one.rejected_at:%Y-%m-%d %H:%M:%S}Z {one.source}, {one.stream}: {one.reason}"])
        if raw:
            tell([f"  {_shortened(one.raw)}"])
    if not found:
        remark("No record is set aside.")
    elif len(found) == limit:
        remark(f"These are the newest {limit}; --limit shows more.")


def run_replay(settings: Settings, names: Sequence[str], streams: Sequence[str]) -> None:
    """Map what is set aside again, with the mapping as it is now."""
    with _held(settings) as held:
        for source in held.sources(names):
            replayed = replay(
                held.database,
                held.tables,
                held.model,
                source,
                tenant=held.tenant,
                streams=_of(source, streams),
            )
            tell(
                f"{source.name}, {one.stream}: {one.accepted:,} taken, {one.rejected:,} still set"
                " aside"
                for one in replayed
                if one.accepted or one.rejected
            )


def run_reproject(settings: Settings, names: Sequence[str], streams: Sequence[str]) -> None:
    """Make the rows of the sources anew from what is held; only what differs is written."""
    with _held(settings) as held:
        for source in held.sources(names):
            for one in reproject(
                held.database,
                held.tables,
                held.model,
                source,
                tenant=held.tenant,
                streams=_of(source, streams),
            ):
                tell([f"{source.name}, {one.stream}: {one.rewritten:,} rows written anew, of"
                      f" {one.records:,} records"])  # fmt: skip
                tell(f"  {one.unmappable:,} cannot be mapped: {why}" for why in one.reasons)


def run_purge(settings: Settings, *, days: int | None) -> None:
    """Remove for good what was deleted so many days ago or earlier, None for the retention."""
    days = settings.retention_days if days is None else days
    with _held(settings) as held, held.database.writing() as connection:
        before = datetime.now(UTC) - timedelta(days=days)
        purged = purge(connection, held.tables, held.tenant, before)
    tell([f"{purged.records:,} records and {purged.rows:,} rows that were deleted more than {days}"
          " days ago are gone."])  # fmt: skip


@contextmanager
def _held(settings: Settings) -> Iterator[_Held]:
    log_to_stderr()
    model = open_model(settings)
    with open_migrated(settings) as database:
        yield _Held(database, model, EntityTables(model.specs), settings.tenant, settings)


def _of(source: Source, streams: Sequence[str]) -> list[str] | None:
    """The streams to work on: of several sources, each has some of those that were named."""
    return [name for name in streams if name in source.streams] if streams else None


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_RAW else f"{text[:_LONGEST_RAW]}…"
