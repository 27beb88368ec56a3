"""Workers as processes of their own: each sync once, and none is lost with its worker."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text

from api.cli.sync import sync_all
from api.cli.worker_process import WorkerProcess
from api.installation import open_model
from api.ready_sources import find_source
from index.database import Database
from index.entity_tables import EntityTables
from index.writer import register_source
from ingestion.schedule import Every, set_schedule
from ingestion.schedule.queue_tables import migrate_queue
from ingestion.simulator import Company, Simulator
from semantic_layer import load_model
from tests.api.processes import PATIENCE, environment, processes_of, remit, started, wait_until
from tests.api.site import EXAMPLES, KEY, TENANT, settings_for
from tests.conftest import connected, fresh_database
from tests.ingestion.index_under_test import Index

_RARELY = Every(86_400)
_STREAMS = ("organizations", "users", "tickets", "comments")
_TICKETS = "/api/v2/incremental/tickets"


@dataclass
class Plant:
    """A database with schedules, the vendors to read from, and workers that can be ended."""

    database: Database
    simulator: Simulator
    variables: dict[str, str]
    folder: Path

    def schedule(self, source: str, *streams: str | None) -> None:
        with self.database.writing() as connection:
            register_source(connection, TENANT, source, source)
            for stream in streams or (None,):
                set_schedule(connection, TENANT, source, stream, _RARELY)

    @contextmanager
    def worker(self, name: str = "worker") -> Iterator[subprocess.Popen[str]]:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        with started(remit("worker"), self.variables, folder) as process:
            yield process

    def said(self, name: str = "worker") -> str:
        return (self.folder / name / "err").read_text()

    def ask(self, statement: str) -> list[dict[str, Any]]:
        with self.database.writing() as connection:
            return [dict(row) for row in connection.execute(text(statement)).mappings()]

    def runs(self) -> list[dict[str, Any]]:
        return self.ask("SELECT * FROM remit.sync_run ORDER BY started_at")

    def jobs(self) -> list[str]:
        """The status of each job there is; those that are done are gone."""
        found = self.ask("SELECT status::text FROM remit_jobs.procrastinate_jobs ORDER BY id")
        return [row["status"] for row in found]

    def ended(self) -> int:
        """How many runs have ended."""
        return len([run for run in self.runs() if run["finished_at"] is not None])

    def workers(self) -> int:
        """How many workers have said that they are there."""
        return len(self.ask("SELECT FROM remit_jobs.procrastinate_workers"))

    def asked_for(self, path: str) -> bool:
        return any(path in request["path"] for request in self.simulator.requests("zendesk"))


@pytest.fixture(scope="module")
def simulator(company: Company) -> Iterator[Simulator]:
    """One for all: records hold its addresses, so contents can only be compared from the same."""
    with Simulator(company, page_limit=20) as simulator:
        yield simulator


@pytest.fixture
def plant(cluster: str, template: str, simulator: Simulator, tmp_path: Path) -> Iterator[Plant]:
    with fresh_database(cluster, template) as url, connected(url) as database:
        settings = settings_for(tmp_path, url, simulator)
        with database.writing() as connection:
            migrate_queue(connection)
        variables = environment(
            REMIT_HOME=str(tmp_path),
            REMIT_TENANT=TENANT,
            REMIT_DATABASE_URL=url,
            REMIT_POLICIES=str(EXAMPLES / "policies"),
            REMIT_SOURCES=str(settings.sources),
            REMIT_TOKEN_KEY=KEY,
            REMIT_PORT="0",
        )
        simulator.forget_requests("zendesk")
        yield Plant(database, simulator, variables, tmp_path)
        simulator.clear_faults("zendesk")


@pytest.fixture(scope="module")
def undisturbed(
    cluster: str, template: str, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """What a sync of Zendesk leaves that nobody kills."""
    with fresh_database(cluster, template) as url, connected(url) as database:
        settings = settings_for(tmp_path_factory.mktemp("undisturbed"), url, simulator)
        model = open_model(settings)
        source = find_source(settings, database, model, "zendesk")
        assert sync_all(settings, database, model, [source])[0].complete
        yield _contents(database, simulator)


def _contents(database: Database, simulator: Simulator) -> dict[str, Any]:
    model = load_model()
    found = Index(database, model, EntityTables(model.specs), simulator).contents()
    del found["state"]  # it names the run
    return found


def test_two_workers_sync_each_stream_once_and_one_goes_on_for_the_other(
    plant: Plant, undisturbed: dict[str, Any]
) -> None:
    with plant.worker("one") as one, plant.worker("two") as two:
        workers = {str(one.pid): one, str(two.pid): two}
        wait_until(lambda: plant.workers() == 2, "both workers")

        plant.simulator.fault("zendesk", "slow", path_prefix=_TICKETS, seconds=PATIENCE)
        plant.schedule("zendesk", *_STREAMS)
        # A job is done a moment after its run.
        wait_until(
            lambda: plant.asked_for(_TICKETS) and plant.ended() == 3 and plant.jobs() == ["doing"],
            "all but tickets",
        )
        (unfinished,) = [run for run in plant.runs() if run["finished_at"] is None]
        victim = workers.pop(_process(unfinished))
        victim.kill()
        victim.wait()
        assert _contents(plant.database, plant.simulator) != undisturbed
        plant.simulator.clear_faults("zendesk")
        wait_until(lambda: plant.ended() == 4 and not plant.jobs(), "the sync of the other")

        (survivor,) = workers.values()
        survivor.send_signal(signal.SIGTERM)
        assert survivor.wait(PATIENCE) == 0
    assert _contents(plant.database, plant.simulator) == undisturbed
    runs = plant.runs()
    complete = [run for run in runs if run["finished_at"] is not None]
    assert sorted(name for run in complete for name in run["report"]) == sorted(_STREAMS)
    assert {run["cause"] for run in runs} == {"schedule"}
    assert _process(complete[-1]) == str(survivor.pid)
    assert "taken over" in plant.said("one") + plant.said("two")


def _process(run: dict[str, Any]) -> str:
    """The id of the process that a run names."""
    return str(run["worker"].rpartition(":")[2])


def test_the_worker_beside_the_service_ends_with_it(plant: Plant) -> None:
    with started(remit("serve"), plant.variables, plant.folder) as service:
        wait_until(lambda: plant.workers() == 1, "the worker")
        plant.schedule("zendesk")
        wait_until(lambda: plant.ended() == 1, "a sync")
        service.kill()
        service.wait(PATIENCE)
    wait_until(lambda: processes_of(plant.folder) == [], "the end of the worker")


def test_the_worker_beside_is_started_again_and_ended(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in plant.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(plant.folder)
    with WorkerProcess():
        wait_until(lambda: plant.workers() == 1, "the worker")
        (worker,) = [child for child in psutil.Process().children() if _is_worker(child)]
        worker.kill()
        later = "SELECT FROM remit_jobs.procrastinate_workers WHERE id > 1"
        wait_until(lambda: bool(plant.ask(later)), "another worker")
        (another,) = [child for child in psutil.Process().children() if _is_worker(child)]
    assert not another.is_running()


def _is_worker(process: psutil.Process) -> bool:
    return process.status() != psutil.STATUS_ZOMBIE and "worker" in process.cmdline()
