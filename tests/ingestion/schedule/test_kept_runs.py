"""The runs that are kept, as they are listed."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert

from index.database import Database
from index.errors import InvalidRequest
from index.tables import stream_state
from ingestion.schedule.kept_runs import KeptRun, find_run, kept_runs
from ingestion.sync.runs import begin_run, only_one
from tests.ingestion.index_under_test import TENANT, Index


def _runs(database: Database, source: str | None = None) -> tuple[KeptRun, ...]:
    with database.writing() as connection:
        return kept_runs(connection, TENANT, source=source)


def _begin(database: Database) -> UUID:
    """What a sync of tickets notes before it reads."""
    with database.writing() as connection:
        run_id = begin_run(
            connection, TENANT, "zendesk", "zendesk", cause="schedule", worker="here:1"
        )
        state = {"tenant_id": TENANT, "source": "zendesk", "stream": "tickets", "run_id": run_id}
        connection.execute(insert(stream_state).values(state))
    return run_id


def test_a_run_is_under_way_as_long_as_its_process_is(queue: Database) -> None:
    with only_one(queue, TENANT, "zendesk", ["organizations", "tickets"]):
        run_id = _begin(queue)
        (run,) = _runs(queue)
        assert (run.run_id, run.outcome, run.worker) == (run_id, "running", "here:1")
    (run,) = _runs(queue)
    assert run.outcome == "cut off"


def test_what_came_of_each_stream_is_kept(synced: Index) -> None:
    runs = _runs(synced.database)
    assert [run.outcome for run in runs] == ["complete"] * len(runs)
    assert [run.started_at for run in runs] == sorted(
        (run.started_at for run in runs), reverse=True
    )
    (zendesk,) = _runs(synced.database, "zendesk")
    assert zendesk.count("read") == sum(each["read"] for each in zendesk.streams.values()) > 0
    assert not zendesk.problems
    synced.simulator.fault("zendesk", "server_error", path_prefix="/api/v2/incremental/tickets")
    synced.sync("zendesk")
    worse = _runs(synced.database, "zendesk")[0]
    assert worse.outcome == "incomplete"
    assert list(worse.problems) == ["tickets"]


def test_a_run_is_found_by_the_beginning_of_its_id(synced: Index) -> None:
    run = _runs(synced.database)[0]
    with synced.database.writing() as connection:
        assert find_run(connection, TENANT, str(run.run_id)[:8]) == run
        assert find_run(connection, TENANT, str(run.run_id).upper()) == run
        with pytest.raises(InvalidRequest, match="no run"):
            find_run(connection, TENANT, str(uuid4()))
        # no pattern of anybody's own
        with pytest.raises(InvalidRequest, match="no run"):
            find_run(connection, TENANT, "%")
        with pytest.raises(InvalidRequest, match="more than one"):
            find_run(connection, TENANT, "")
