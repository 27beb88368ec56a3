"""Which streams are synced when: the schedules as they are stored, one for a source or a stream.

There are two kinds: syncs, which read what is new, and reconciles, which read everything to find
what the source has no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from croniter import croniter
from croniter.croniter import CroniterError
from sqlalchemy import Connection, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from index.errors import ConfigurationError
from index.tables import schedule as table
from index.tables import source as source_table

ALL_OTHERS = ""  # as a stream: those of the source without a schedule of their own
SHORTEST = 10  # seconds between two syncs
_CRON_FIELDS = 5


@dataclass(frozen=True)
class Every:
    """A sync each so many seconds. Raises ConfigurationError for fewer than `SHORTEST`."""

    seconds: int

    def __post_init__(self) -> None:
        if self.seconds < SHORTEST:
            raise ConfigurationError(
                f"A schedule of every {self.seconds} s is too close: the shortest is {SHORTEST} s."
                " For fresher answers ask with `maxAge`, which reads the source live."
            )

    def __str__(self) -> str:
        return f"every {timedelta(seconds=self.seconds)}"

    def first(self, now: datetime) -> datetime:
        """A new schedule is due at once."""
        return now

    def after(self, due: datetime, now: datetime) -> datetime:
        """The first time after now, in the rhythm of `due`: what was missed is not made up for."""
        missed = max(0, int((now - due).total_seconds() // self.seconds))
        return due + timedelta(seconds=self.seconds * (missed + 1))


@dataclass(frozen=True)
class Cron:
    """Syncs at the times of a cron expression of five fields, in UTC.

    Raises ConfigurationError for one that cannot be read, and for one that never comes.
    """

    text: str

    def __post_init__(self) -> None:
        if len(self.text.split()) != _CRON_FIELDS:
            raise ConfigurationError(
                f"{self.text!r} is no cron expression: it has five fields, which are minute, hour,"
                " day of the month, month and day of the week, as in '30 4 * * 1-5'."
            )
        try:
            self.first(datetime.now(UTC))
        except (CroniterError, ValueError, KeyError) as error:
            raise ConfigurationError(
                f"The cron expression {self.text!r} cannot be used: {error}."
            ) from None

    def __str__(self) -> str:
        return f"cron {self.text} UTC"

    def first(self, now: datetime) -> datetime:
        """The next time from now."""
        found: datetime = croniter(self.text, now).get_next(datetime)
        return found

    def after(self, due: datetime, now: datetime) -> datetime:  # noqa: ARG002
        """The next time from now, however many were missed."""
        return self.first(now)


Rhythm = Every | Cron


class Slot(NamedTuple):
    """What a schedule is for; without a `stream`, all streams that have none of their own."""

    source: str
    stream: str | None = None
    reconcile: bool = False


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A schedule as it stands."""

    slot: Slot
    rhythm: Rhythm
    next_at: datetime
    paused: bool

    @property
    def source(self) -> str:
        return self.slot.source

    @property
    def stream(self) -> str | None:
        return self.slot.stream


def set_schedule(
    connection: Connection,
    tenant: str,
    source: str,
    stream: str | None,
    rhythm: Rhythm,
    *,
    reconcile: bool = False,
) -> None:
    """Sync a registered source, or one stream of it, in this rhythm from now on.

    One that stands already in the same rhythm keeps its next time. The first sync of an interval is
    due at once, the first reconcile after it: there is nothing yet to be compared.
    """
    now: datetime = connection.execute(select(func.now())).scalar_one()
    new = {
        "every_seconds": rhythm.seconds if isinstance(rhythm, Every) else None,
        "cron": rhythm.text if isinstance(rhythm, Cron) else None,
        "next_at": rhythm.after(now, now) if reconcile else rhythm.first(now),
    }
    statement = insert(table).values(
        tenant_id=tenant,
        source=source,
        stream=stream or ALL_OTHERS,
        reconcile=reconcile,
        **new,
    )
    another = or_(
        table.c.every_seconds.is_distinct_from(statement.excluded.every_seconds),
        table.c.cron.is_distinct_from(statement.excluded.cron),
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(table.primary_key),
            set_=new,
            where=another,
        )
    )


def remove_schedule(
    connection: Connection,
    tenant: str,
    source: str,
    stream: str | None = None,
    *,
    reconcile: bool = False,
) -> bool:
    """Remove one schedule; False when there was none. A sync under way goes on to its end."""
    result = connection.execute(
        delete(table).where(
            table.c.tenant_id == tenant,
            table.c.source == source,
            table.c.stream == (stream or ALL_OTHERS),
            table.c.reconcile == reconcile,
        )
    )
    return bool(result.rowcount)


def schedules(connection: Connection, tenant: str) -> tuple[Schedule, ...]:
    """All schedules of a tenant, by source and stream, the syncs of each before its reconciles."""
    found = connection.execute(
        select(table, source_table.c.paused_at)
        .join(
            source_table,
            (source_table.c.tenant_id == table.c.tenant_id)
            & (source_table.c.name == table.c.source),
        )
        .where(table.c.tenant_id == tenant)
        .order_by(table.c.source, table.c.stream, table.c.reconcile)
    )
    return tuple(
        Schedule(
            slot=Slot(row.source, row.stream or None, row.reconcile),
            rhythm=rhythm_of(row.every_seconds, row.cron),
            next_at=row.next_at,
            paused=row.paused_at is not None,
        )
        for row in found
    )


def stands(
    connection: Connection, tenant: str, source: str, stream: str | None, *, reconcile: bool
) -> bool:
    """Whether the schedule still is there, and its source not paused."""
    slot = Slot(source, stream, reconcile)
    return any(one.slot == slot and not one.paused for one in schedules(connection, tenant))


def rhythm_of(every_seconds: int | None, cron: str | None) -> Rhythm:
    """The rhythm of a stored schedule, which has one of the two."""
    return Every(every_seconds) if every_seconds is not None else Cron(str(cron))
