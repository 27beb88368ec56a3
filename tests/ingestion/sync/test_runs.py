"""Runs: which streams, who asked, and never two of one stream at once."""

from __future__ import annotations

from threading import Event
from uuid import uuid4

import pytest

from index.errors import ConfigurationError, Unavailable
from index.stream_state import begin_stream
from ingestion.sync.report import Progress
from ingestion.sync.runs import SyncInProgress, only_one
from ingestion.sync.stream_sync import SyncStopped
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk.desk import DeskIndex


def test_one_stream_at_once_and_others_beside_it(desk_index: DeskIndex) -> None:
    with only_one(desk_index.database, TENANT, "desk", ["people", "tickets"]) as release:
        with pytest.raises(SyncInProgress, match="desk, people is already running"):
            desk_index.read("people")
        with pytest.raises(SyncInProgress, match="desk, people is already running"):
            desk_index.read("people", "tickets")
        assert desk_index.read("companies").complete
        # One that has been read is free while the others go on.
        release("people")
        assert desk_index.read("people").complete
        with pytest.raises(SyncInProgress, match="desk, tickets"):
            desk_index.read("tickets")
    assert desk_index.read("tickets").complete


def test_what_another_run_has_in_hand_is_left_to_it(desk_index: DeskIndex) -> None:
    desk_index.read("companies")
    other = uuid4()
    with only_one(desk_index.database, TENANT, "desk", ["people", "tickets"]):
        stream = desk_index.source().stream("people", TENANT)
        with desk_index.database.writing() as connection:
            begin_stream(connection, stream, other)
        report = desk_index.read()
    assert [stream.stream for stream in report.streams] == [
        "companies", "people", "tickets", "comments",
    ]  # fmt: skip
    assert {stream.stream: (stream.read > 0, stream.problem) for stream in report.streams} == {
        "companies": (True, None),
        "people": (False, f"it is being synced by run {other}, and was left to it"),
        # Its turn has not come yet.
        "tickets": (False, "it is being synced by another run, and was left to it"),
        "comments": (True, None),
    }
    assert not report.complete
    assert report.stream("people").remarks == [report.stream("people").problem]
    # The other run's note of where it stands is left alone too.
    held = desk_index.ask("SELECT run_id, tried_at FROM remit.stream_state WHERE stream = 'people'")
    assert [(row["run_id"], row["tried_at"]) for row in held] == [(other, None)]


def test_a_sync_that_is_stopped_goes_on_where_it_was(desk_index: DeskIndex) -> None:
    stop = Event()

    def stop_after_a_batch(_: Progress) -> None:
        stop.set()

    with pytest.raises(SyncStopped):
        desk_index.read("people", "tickets", batch=20, progress=stop_after_a_batch, stop=stop)
    assert 0 < len(desk_index.keys("contact")) < 60
    assert desk_index.keys("ticket") == set()
    stop.clear()
    assert desk_index.read("people", "tickets", stop=stop).complete
    assert len(desk_index.keys("contact")) == len(desk_index.keys("ticket")) == 60


def test_some_streams_in_the_order_of_the_mapping(desk_index: DeskIndex) -> None:
    report = desk_index.read("comments", "people")
    assert [stream.stream for stream in report.streams] == ["people", "comments"]
    with pytest.raises(ConfigurationError, match="no stream 'emails'; it has companies, people"):
        desk_index.read("emails")


def test_a_run_says_who_asked_and_how_each_stream_ended(desk_index: DeskIndex) -> None:
    desk_index.desk.fails_after["people"] = 1
    report = desk_index.read("people", cause="schedule", worker="host/17")
    (run,) = desk_index.ask("SELECT * FROM remit.sync_run")
    assert (run["run_id"], run["cause"], run["worker"]) == (report.run_id, "schedule", "host/17")
    (state,) = desk_index.ask("SELECT * FROM remit.stream_state")
    assert state["problem"] == report.stream("people").error
    assert (state["synced_at"], state["run_id"]) == (None, None)
    assert state["tried_at"] is not None
    desk_index.desk.fails_after.clear()
    desk_index.read("people")
    (state,) = desk_index.ask("SELECT * FROM remit.stream_state")
    assert state["problem"] is None
    assert state["synced_at"] is not None


def test_a_sync_that_was_taken_over_ends(desk_index: DeskIndex) -> None:
    """Postgres gives a lock away when its connection is lost, though the sync may still run."""
    stream = desk_index.source().stream("tickets", TENANT)

    def take_over(_: str) -> None:
        with desk_index.database.writing() as connection:
            begin_stream(connection, stream, uuid4())

    desk_index.desk.on_request = take_over
    with pytest.raises(Unavailable, match="Another sync has taken over desk, tickets"):
        desk_index.read("tickets")
    (state,) = desk_index.ask("SELECT state FROM remit.stream_state")
    assert state["state"] is None


def test_a_sync_that_was_taken_over_writes_no_more(desk_index: DeskIndex) -> None:
    """Not even between two STATEs: what it has read is older than what the other one writes."""
    desk = desk_index.desk
    desk_index.read("people")
    stream = desk_index.source().stream("people", TENANT)
    desk.people["p00055"]["name"] = "As it was"

    def take_over(_: str) -> None:
        with desk_index.database.writing() as connection:
            begin_stream(connection, stream, uuid4())

    desk.on_request = take_over
    with pytest.raises(Unavailable, match="Another sync has taken over desk, people"):
        desk_index.read("people")
    row = desk_index.row("contact", "p00055")
    assert row is not None
    assert row["name"] == "Person 55"


def test_a_sync_that_was_taken_over_removes_nothing(desk_index: DeskIndex) -> None:
    desk_index.read("people")
    del desk_index.desk.people["p00007"]
    stream = desk_index.source().stream("people", TENANT)

    def take_over(told: Progress) -> None:
        if told.read == told.unchanged == 59:  # all is read and written
            with desk_index.database.writing() as connection:
                begin_stream(connection, stream, uuid4())

    with pytest.raises(Unavailable, match="Another sync has taken over desk, people"):
        desk_index.read("people", progress=take_over)
    assert "p00007" in desk_index.keys("contact")
