"""What a workspace file would change in the database, and changing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from index.errors import InvalidRequest
from ingestion.schedule.schedules import (
    Rhythm,
    Slot,
    remove_schedule,
    schedules,
    set_schedule,
)
from ingestion.workspace.account import require_same_account
from ingestion.workspace.definitions import HeldSource, define, held_sources, retire
from ingestion.workspace.format import SourceEntry


@dataclass(frozen=True)
class Difference:
    """What applying a file does; equal to another one when both do the same to the same."""

    added: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name to what of it
    retired: tuple[str, ...] = ()
    left: tuple[str, ...] = ()  # in force, and not in the file
    paused: tuple[str, ...] = ()
    unchanged: int = 0
    scheduled: Mapping[Slot, Rhythm] = field(default_factory=dict)
    unscheduled: tuple[Slot, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything would be changed."""
        return bool(
            self.added or self.changed or self.retired or self.scheduled or self.unscheduled
        )

    def lines(self) -> Iterator[str]:
        """One line a change, then what is left as it is."""
        for name in self.added:
            yield f"source {name}: new"
        for name, parts in self.changed.items():
            yield f"source {name}: changed ({', '.join(parts)})"
        for name in self.retired:
            yield f"source {name}: no longer in force; its data are kept"
        for slot, rhythm in self.scheduled.items():
            yield f"{_named(slot)}: {rhythm}"
        for slot in self.unscheduled:
            yield f"{_named(slot)}: none any more"
        for name in self.left:
            yield f"source {name}: not in the file, left in force (`--prune` takes it out)"
        for name in self.paused:
            yield f"source {name}: paused, stays so until `remit source resume {name}`"


def difference(
    connection: Connection,
    tenant: str,
    entries: Mapping[str, SourceEntry],
    *,
    prune: bool = False,
    same_account: bool = False,
) -> Difference:
    """Compare a file's sources with those in the database.

    Raises InvalidRequest where a name stands for another kind of system than before, or, unless
    somebody vouches for the `same_account`, could stand for another account.
    """
    held = held_sources(connection, tenant)
    for name, entry in entries.items():
        if name in held:
            _require_same_kind(held[name], entry)
            if not same_account:
                require_same_account(connection, tenant, held[name], entry)
    defined = {name: source for name, source in held.items() if source.entry is not None}
    changed = {
        name: parts
        for name, entry in entries.items()
        if name in defined and (parts := _changed_parts(defined[name], entry))
    }
    missing = tuple(name for name in defined if name not in entries)
    wanted = {
        slot: rhythm
        for name, entry in entries.items()
        for slot, rhythm in entry.schedules(name).items()
    }
    standing = {each.slot: each.rhythm for each in schedules(connection, tenant)}
    return Difference(
        added=tuple(name for name in entries if name not in defined),
        changed=changed,
        retired=missing if prune else (),
        left=() if prune else missing,
        paused=tuple(name for name in entries if name in held and held[name].paused_at),
        unchanged=len(entries.keys() & defined.keys()) - len(changed),
        scheduled={slot: rhythm for slot, rhythm in wanted.items() if standing.get(slot) != rhythm},
        # Those of a retired source go with it.
        unscheduled=tuple(
            slot for slot in standing if slot.source in entries and slot not in wanted
        ),
    )


def bring_into_force(
    connection: Connection, tenant: str, entries: Mapping[str, SourceEntry], found: Difference
) -> None:
    """Do what the difference says, in this transaction."""
    for name in (*found.added, *found.changed):
        define(connection, tenant, name, entries[name])
    for name in found.retired:
        retire(connection, tenant, name)
    for slot in found.unscheduled:
        remove_schedule(connection, tenant, slot.source, slot.stream, reconcile=slot.reconcile)
    for slot, rhythm in found.scheduled.items():
        set_schedule(connection, tenant, slot.source, slot.stream, rhythm, reconcile=slot.reconcile)


def _require_same_kind(held: HeldSource, entry: SourceEntry) -> None:
    if held.connector != entry.origin.name:
        raise InvalidRequest(
            f"The source {held.name!r} has been a {held.connector}, and would become a"
            f" {entry.origin.name}: their records would be mixed up. Give the new one another name,"
            f" or remove the old one first: `remit source remove {held.name} --with-data`."
        )


def _changed_parts(held: HeldSource, entry: SourceEntry) -> tuple[str, ...]:
    """Names of what differs; values may be anything, so they are not shown."""
    old: dict[str, Any] = held.entry.definition() if held.entry is not None else {}
    new = entry.definition()
    before, after = old.pop("settings", {}), new.pop("settings", {})
    parts = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    settings = [
        f"settings.{name}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    ]
    return (*parts, *settings)


def _named(slot: Slot) -> str:
    kind = "reconcile" if slot.reconcile else "schedule"
    return f"{kind} of {slot.source}" + ("" if slot.stream is None else f", {slot.stream}")
