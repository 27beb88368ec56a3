"""Schedules: what is taken, when they are due, and that what is due is queued once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from index.database import Database
from index.errors import ConfigurationError
from ingestion.schedule import Cron, Every, remove_schedule, schedules, set_schedule
from ingestion.schedule.schedules import Slot
from ingestion.schedule.streams import streams_to_sync
from ingestion.schedule.tick import tick
from tests.ingestion.index_under_test import TENANT

# A Sunday.
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def _execute(database: Database, statement: str, **values: object) -> None:
    with database.writing() as connection:
        connection.execute(text("SET LOCAL search_path TO remit_jobs"))
        connection.execute(text(statement), values)


def _jobs(database: Database) -> list[tuple[str, str, str]]:
    """Source, stream and status of all jobs."""
    with database.writing() as connection:
        rows = connection.execute(
            text("SELECT args, status::text FROM remit_jobs.procrastinate_jobs ORDER BY id")
        )
        return [(row.args["source"], row.args["stream"], row.status) for row in rows]


def _tick(database: Database) -> int:
    with database.writing() as connection:
        return tick(connection, TENANT)


def _next_at(database: Database) -> datetime:
    with database.writing() as connection:
        (only,) = schedules(connection, TENANT)
    return only.next_at


def _due_since(database: Database, ago: timedelta) -> None:
    _execute(database, "UPDATE remit.schedule SET next_at = now() - :ago", ago=ago)


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("0 13 * * *", NOON + timedelta(hours=1)),
        # not now: from now on
        ("0 12 * * *", NOON + timedelta(days=1)),
        ("*/20 * * * *", NOON + timedelta(minutes=20)),
        # both names and numbers of days
        ("0 0 * * mon", NOON + timedelta(hours=12)),
        ("0 0 * * 1", NOON + timedelta(hours=12)),
        ("15 4 1 * *", datetime(2026, 12, 1, 4, 15, tzinfo=UTC)),
    ],
)
def test_cron_is_in_utc(expression: str, first: datetime) -> None:
    assert Cron(expression).first(NOON) == first


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "five fields"),
        ("every day", "five fields"),
        # seconds are not for us
        ("0 0 12 * * *", "five fields"),
        ("61 * * * *", "out of range"),
        ("x * * * *", "not acceptable"),
        # there is no such day
        ("0 0 30 2 *", "failed to find"),
    ],
)
def test_a_bad_cron_is_refused_with_words(expression: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Cron(expression)


def test_too_often_is_refused_with_words() -> None:
    with pytest.raises(ConfigurationError, match="shortest is 10 s"):
        Every(9)


@pytest.mark.parametrize(
    ("late", "after"),
    [
        # on time, and the next is a whole interval away
        (timedelta(), timedelta(minutes=5)),
        # a little late: the rhythm stays
        (timedelta(minutes=4), timedelta(minutes=5)),
        # three were missed: none of them is made up for
        (timedelta(minutes=16), timedelta(minutes=20)),
        (timedelta(days=30, minutes=1), timedelta(days=30, minutes=5)),
    ],
)
def test_an_interval_keeps_its_rhythm(late: timedelta, after: timedelta) -> None:
    assert Every(300).after(NOON, NOON + late) == NOON + after


def test_setting_listing_and_removing(queue: Database) -> None:
    with queue.writing() as connection:
        set_schedule(connection, TENANT, "zendesk", None, Every(3600))
        set_schedule(connection, TENANT, "zendesk", "tickets", Cron("*/5 * * * *"))
        listed = schedules(connection, TENANT)
    assert [(one.source, one.stream, one.rhythm, one.paused) for one in listed] == [
        ("zendesk", None, Every(3600), False),
        ("zendesk", "tickets", Cron("*/5 * * * *"), False),
    ]
    with queue.writing() as connection:
        assert remove_schedule(connection, TENANT, "zendesk", "tickets")
        assert not remove_schedule(connection, TENANT, "zendesk", "tickets")
        assert len(schedules(connection, TENANT)) == 1


def test_setting_the_same_again_changes_nothing(queue: Database) -> None:
    with queue.writing() as connection:
        set_schedule(connection, TENANT, "zendesk", None, Every(3600))
    assert _tick(queue) == 1
    before = _next_at(queue)
    with queue.writing() as connection:
        set_schedule(connection, TENANT, "zendesk", None, Every(3600))
    assert _next_at(queue) == before
    with queue.writing() as connection:
        set_schedule(connection, TENANT, "zendesk", None, Every(7200))
    assert _next_at(queue) < before


def test_a_reconcile_stands_beside_the_sync_and_is_first_due_after_its_interval(
    queue: Database,
) -> None:
    with queue.writing() as connection:
        set_schedule(connection, TENANT, "zendesk", None, Every(3600))
        set_schedule(connection, TENANT, "zendesk", None, Every(86_400), reconcile=True)
        sync, reconcile = schedules(connection, TENANT)
    assert [sync.slot, reconcile.slot] == [Slot("zendesk"), Slot("zendesk", reconcile=True)]
    assert reconcile.next_at - sync.next_at == timedelta(days=1)
    assert [_tick(queue), _tick(queue)] == [1, 0]
    # Both may be under way: the locks of their streams say who waits.
    _due_since(queue, timedelta(days=30))
    assert _tick(queue) == 1
    with queue.writing() as connection:
        assert remove_schedule(connection, TENANT, "zendesk", reconcile=True)
        (left,) = schedules(connection, TENANT)
    assert left.slot == Slot("zendesk")


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        # what has a schedule of its own is not done twice
        (None, ("organizations", "users")),
        ("tickets", ("tickets",)),
        # the source has it no more
        ("gone", ()),
    ],
)
def test_a_schedule_of_a_source_is_for_its_other_streams(
    queue: Database, stream: str | None, expected: Sequence[str]
) -> None:
    known = ("organizations", "users", "tickets")
    with queue.writing() as connection:
        set_schedule(connection, TENANT, "zendesk", None, Every(3600))
        set_schedule(connection, TENANT, "zendesk", "tickets", Every(60))
        assert streams_to_sync(connection, TENANT, "zendesk", stream, known) == expected


def test_what_is_due_is_queued_once(queue: Database) -> None:
    with queue.writing() as connection:
        set_schedule(connection, TENANT, "zendesk", None, Every(3600))
        set_schedule(connection, TENANT, "zendesk", "tickets", Every(60))
        set_schedule(connection, TENANT, "salesforce", None, Cron("0 0 1 1 *"))
    with ThreadPoolExecutor(4) as pool:
        queued = list(pool.map(lambda _: _tick(queue), range(4)))
    assert sum(queued) == 2
    assert sorted(_jobs(queue)) == [("zendesk", "", "todo"), ("zendesk", "tickets", "todo")]


def test_missed_times_are_caught_up_by_one_sync(queue: Database) -> None:
    with queue.writing() as connection:
        set_schedule(connection, TENANT, "zendesk", None, Every(60))
    _due_since(queue, timedelta(days=3))
    assert [_tick(queue), _tick(queue)] == [1, 0]
    assert _next_at(queue) > datetime.now(UTC)
    # While that one waits or runs, further times are missed.
    for status in ("todo", "doing"):
        _execute(
            queue,
            "UPDATE procrastinate_jobs SET status = CAST(:status AS procrastinate_job_status)",
            status=status,
        )
        _due_since(queue, timedelta(minutes=30))
        assert _tick(queue) == 0
    _execute(queue, "DELETE FROM procrastinate_jobs")
    assert [_tick(queue), _tick(queue)] == [1, 0]


def test_a_paused_source_is_not_queued_until_it_goes_on(queue: Database) -> None:
    with queue.writing() as connection:
        set_schedule(connection, TENANT, "zendesk", None, Every(60))
    _execute(queue, "UPDATE remit.source SET paused_at = now() WHERE name = 'zendesk'")
    _due_since(queue, timedelta(hours=5))
    assert _tick(queue) == 0
    with queue.writing() as connection:
        assert schedules(connection, TENANT)[0].paused
    _execute(queue, "UPDATE remit.source SET paused_at = NULL")
    assert [_tick(queue), _tick(queue)] == [1, 0]


def test_a_tenant_does_not_do_the_syncs_of_another(queue: Database) -> None:
    with queue.writing() as connection:
        set_schedule(connection, TENANT, "zendesk", None, Every(60))
        assert tick(connection, "another") == 0
        assert tick(connection, TENANT) == 1
