"""`remit source list` and `show`: which sources there are, and how they do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml
from sqlalchemy import Connection, select

from api.cli.migrated import migrated_connection
from api.cli.screen import log_to_stderr, remark, tell
from api.settings import Settings
from api.sources import sources_of
from index.errors import InvalidRequest
from index.tables import stream_state
from ingestion.schedule.schedules import Every, Rhythm, Schedule, schedules
from ingestion.workspace.connector_spec import connector_spec
from ingestion.workspace.definitions import HeldSource, held_sources
from ingestion.workspace.format import NEVER, SourceEntry, duration
from ingestion.workspace.specification import masked, masked_command

_HEADINGS = ("source", "connector", "streams", "synced", "due", "remarks")


@dataclass(frozen=True)
class _Stream:
    name: str
    synced_at: datetime | None
    problem: str | None
    reconciled_at: datetime | None
    reconcile_problem: str | None

    @property
    def problems(self) -> list[str]:
        """What is wrong with it, in words."""
        found = [self.problem] if self.problem else []
        if self.reconcile_problem and self.reconcile_problem != self.problem:
            found.append(f"not reconciled: {self.reconcile_problem}")
        return found


def run_list(settings: Settings) -> None:
    """Print the sources: how fresh the stalest stream of each is, when it is due, and what is
    wrong."""
    log_to_stderr()
    with migrated_connection(settings) as connection:
        found = sources_of(settings, connection)
        held = held_sources(connection, settings.tenant)
        streams = _streams(connection, settings.tenant)
        due = _due(schedules(connection, settings.tenant))
    rows = []
    for name in sorted({*found.entries, *held}):
        entry = found.entries.get(name)
        read = streams.get(name, [])
        rows.append(
            (
                name,
                entry.origin.name if entry is not None else held[name].connector,
                str(len(read)),
                _stalest(read),
                _time(due[name]) if name in due else "-",
                "; ".join(_remarks(entry, held.get(name), read, name in found.hidden)),
            )
        )
    tell(_table([_HEADINGS, *rows]))
    remark(f"{len(rows):,} sources of the tenant {settings.tenant}; times in UTC")


def run_show(settings: Settings, name: str) -> None:
    """Print a source as remit.yaml would have it, without any secret, and how its streams do.

    Raises InvalidRequest when there is none of the name.
    """
    log_to_stderr()
    with migrated_connection(settings) as connection:
        found = sources_of(settings, connection)
        held = held_sources(connection, settings.tenant).get(name)
        streams = _streams(connection, settings.tenant).get(name, [])
        standing = [each for each in schedules(connection, settings.tenant) if each.source == name]
    entry = found.entries.get(name)
    if entry is None and held is None:
        raise InvalidRequest(f"There is no source {name!r}; `remit source list` names them.")
    if entry is not None:
        described = {**_described(entry, settings), **_schedule(entry, standing)}
        shown = {"sources": {name: described}}
        tell(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True).splitlines())
    for said in _remarks(entry, held, (), name in found.hidden):
        tell([f"# {said}"])
    for stream in streams:
        parts = [f"synced {_time(stream.synced_at)}", *stream.problems]
        if stream.reconciled_at is not None and stream.reconcile_problem is None:
            parts.insert(1, f"reconciled {_time(stream.reconciled_at)}")
        tell([f"# {stream.name}: {', '.join(parts)}"])


def _described(entry: SourceEntry, settings: Settings) -> dict[str, Any]:
    described = entry.definition()
    if entry.command is not None:
        described["command"] = masked_command(entry.command)
    schema = connector_spec(entry.origin, settings.home)
    return {**described, "settings": masked(schema, entry.settings)}


def _schedule(entry: SourceEntry, standing: Sequence[Schedule]) -> dict[str, Any]:
    """As the file has it."""
    times: dict[str | None, dict[str, str]] = {}
    for each in standing:
        rhythm = each.rhythm
        given = times.setdefault(each.stream, {})
        if each.slot.reconcile:
            given["reconcile"] = _text(rhythm)
        else:
            given["every" if isinstance(rhythm, Every) else "cron"] = _text(rhythm)
    if not times:
        return {}
    whole = times.pop(None, {})
    if not entry.origin.is_process:
        whole.setdefault("reconcile", NEVER)
    return {"schedule": {**whole, **({"streams": times} if times else {})}}


def _text(rhythm: Rhythm) -> str:
    return duration(rhythm.seconds) if isinstance(rhythm, Every) else rhythm.text


def _streams(connection: Connection, tenant: str) -> Mapping[str, list[_Stream]]:
    state = stream_state.c
    rows = connection.execute(
        select(
            state.source,
            state.stream,
            state.synced_at,
            state.problem,
            state.reconciled_at,
            state.reconcile_problem,
        )
        .where(state.tenant_id == tenant)
        .order_by(state.source, state.stream)
    )
    found: dict[str, list[_Stream]] = {}
    for row in rows:
        found.setdefault(row.source, []).append(_Stream(*row[1:]))
    return found


def _due(standing: Iterable[Schedule]) -> Mapping[str, datetime]:
    """When the next sync of each source that is not paused is due."""
    due: dict[str, datetime] = {}
    for each in standing:
        if not each.paused and not each.slot.reconcile:
            due[each.source] = min(each.next_at, due.get(each.source, each.next_at))
    return due


def _remarks(
    entry: SourceEntry | None,
    held: HeldSource | None,
    streams: Iterable[_Stream],
    hidden: bool,
) -> Iterable[str]:
    if entry is None:
        yield "no longer in force, its data are kept"
    elif held is None or held.entry is None:
        yield "from REMIT_SOURCES"
    if hidden:
        yield "also in REMIT_SOURCES, where it has no effect"
    if held is not None and held.paused_at is not None:
        yield f"paused since {_time(held.paused_at)}"
    for stream in streams:
        for problem in stream.problems:
            yield f"{stream.name}: {problem}"


def _stalest(streams: Sequence[_Stream]) -> str:
    """When the stream that waits longest was last read to its end."""
    moments = [stream.synced_at for stream in streams if stream.synced_at is not None]
    if len(moments) < len(streams):
        return "in part" if moments else "never"
    return _time(min(moments, default=None))


def _time(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
