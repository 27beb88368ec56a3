"""`remit sync` where nobody watches, and `remit runs` about it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.simulator import Company, Simulator
from tests.api.forked_commands import ForkedCommands
from tests.api.processes import PATIENCE, environment, remit, run, started, wait_until
from tests.api.site import TENANT, settings_for
from tests.conftest import fresh_database


@pytest.fixture
def simulator(company: Company) -> Iterator[Simulator]:
    with Simulator(company) as simulator:
        yield simulator


@pytest.fixture
def variables(
    cluster: str, template: str, simulator: Simulator, tmp_path: Path
) -> Iterator[dict[str, str]]:
    with fresh_database(cluster, template) as url:
        settings = settings_for(tmp_path, url, simulator)
        yield environment(
            REMIT_HOME=str(tmp_path),
            REMIT_TENANT=TENANT,
            REMIT_DATABASE_URL=url,
            REMIT_SOURCES=str(settings.sources),
        )


def test_it_says_what_it_did_in_plain_lines(
    commands: ForkedCommands, variables: dict[str, str], tmp_path: Path
) -> None:
    code, _, said = run(remit("sync", "zendesk", "stripe"), variables, tmp_path)
    assert code == 0, said
    assert "\x1b" not in said
    assert "\r" not in said
    for stream in ("zendesk, tickets", "zendesk, users", "stripe, customers"):
        (line,) = [line for line in said.splitlines() if line.startswith(f"{stream}: ")]
        assert " read, " in line

    again = ("sync", "zendesk", "--stream", "users")
    code, _, said = commands.run(*again, variables=variables, folder=tmp_path)
    assert code == 0, said
    assert "tickets" not in said

    code, shown, said = commands.run("runs", "list", variables=variables, folder=tmp_path)
    assert (code, said) == (0, "")
    _, *lines = shown.splitlines()
    assert [line.split()[1] for line in lines].count("zendesk") == 2
    assert all(" complete " in line and " command " in line for line in lines)
    assert lines[0].split()[1] == "zendesk"  # the newest

    id = lines[0].split()[0]
    code, shown, said = commands.run("runs", "show", id, variables=variables, folder=tmp_path)
    assert (code, said) == (0, "")
    assert "users" in shown
    assert "tickets" not in shown


def test_streams_are_those_of_one_source(
    commands: ForkedCommands, variables: dict[str, str], tmp_path: Path
) -> None:
    stream = ("sync", "--stream", "users")
    code, _, said = commands.run(*stream, variables=variables, folder=tmp_path)
    assert code == 1
    assert "Name the one source" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_its_batch_and_with_words(
    variables: dict[str, str], simulator: Simulator, tmp_path: Path, number: signal.Signals
) -> None:
    tickets = "/api/v2/incremental/tickets"
    simulator.fault("zendesk", "slow", path_prefix=tickets, times=1, seconds=3)
    with started(remit("sync", "zendesk"), variables, tmp_path) as process:
        wait_until(
            lambda: any(one["path"].startswith(tickets) for one in simulator.requests("zendesk")),
            "the middle of the sync",
        )
        process.send_signal(number)
        assert process.wait(PATIENCE) == 1
    said = (tmp_path / "err").read_text()
    assert "Stopping after the batches that are under way" in said
    assert "zendesk: stopped; what was written stays." in said
    assert "Traceback" not in said
