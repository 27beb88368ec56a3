"""`remit source`: sources are added, tried, listed, shown, paused and removed."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from sqlalchemy import create_engine, text

from index.database import Database
from ingestion.simulator import Company, Simulator
from ingestion.sync.runs import only_one
from tests.api.processes import PATIENCE, environment, remit, wait_until
from tests.api.workshop import Workshop, opened_workshop

CANARY = "c4nary-in-the-coal-mine"


@pytest.fixture
def workshop(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workshop]:
    with opened_workshop(tmp_path, database_url, monkeypatch) as workshop:
        yield workshop


@pytest.fixture
def simulator(company: Company) -> Iterator[Simulator]:
    with Simulator(company) as simulator:
        yield simulator


def _add_desk(workshop: Workshop, simulator: Simulator, *more: str) -> None:
    """A source of the simulated Zendesk, with its token sealed."""
    given = simulator.credentials["zendesk"]
    workshop.done("secret", "set", "desk.api_token", typed=given["api_token"])
    workshop.done(
        "source", "add", "desk", "--connector", "zendesk",
        "--set", f"base_url={simulator.zendesk_url}", "--set", f"email={given['email']}",
        "--set", "api_token=sealed:desk.api_token", *more,
    )  # fmt: skip


def _count(workshop: Workshop, query: str) -> int:
    engine = create_engine(workshop.variables["REMIT_DATABASE_URL"] or "")
    with engine.connect() as connection:
        found = connection.execute(text(query)).scalar_one()
    engine.dispose()
    return int(found)


def test_a_check_counts_in_the_budget_of_its_source(
    workshop: Workshop, simulator: Simulator
) -> None:
    given = simulator.credentials["zendesk"]
    workshop.variables["DESK_TOKEN"] = given["api_token"]
    settings = {
        "base_url": simulator.zendesk_url, "email": given["email"], "api_token": "env:DESK_TOKEN",
    }  # fmt: skip
    desk = {
        "connector": "zendesk",
        "streams": ["users"],
        "requests_per_minute": 600,
        "settings": settings,
    }
    # A file, so that the database hears of the source for the first time.
    workshop.variables["REMIT_SOURCES"] = workshop.write(
        yaml.safe_dump({"sources": {"desk": desk}})
    )
    assert "users: can be read" in workshop.done("source", "check", "desk")
    assert _count(workshop, "SELECT count(*) FROM remit.request_budget WHERE source = 'desk'") == 1
    assert _count(workshop, "SELECT count(*) FROM remit.record") == 0


def test_a_source_is_added_tried_synced_paused_and_removed(
    workshop: Workshop, simulator: Simulator
) -> None:
    _add_desk(workshop, simulator, "--every", "15m", "--stream", "users", "--stream", "tickets")
    assert workshop.done("source", "list").splitlines()[1].split()[:4] == [
        "desk", "zendesk", "0", "never",
    ]  # fmt: skip
    checked = workshop.done("source", "check", "desk")
    assert checked.splitlines() == [
        "desk: can be read",
        "  users: can be read",
        "  tickets: can be read",
    ]
    discovered = workshop.done("source", "discover", "desk")
    assert "tickets" in discovered
    assert "not read" in discovered  # the streams that were not chosen
    assert _count(workshop, "SELECT count(*) FROM remit.record") == 0
    workshop.done("source", "sync", "desk")
    held = _count(workshop, "SELECT count(*) FROM remit.record")
    assert held > 0
    assert _count(workshop, "SELECT count(DISTINCT stream) FROM remit.record") == 2
    workshop.done("source", "pause", "desk")
    listed = workshop.done("source", "list")
    assert "paused since" in listed
    assert "never" not in listed
    assert "paused" in workshop.done("source", "pause", "desk")
    workshop.done("source", "resume", "desk")
    assert "paused" not in workshop.done("source", "list")
    assert f"its {held:,} records stay" in workshop.done("source", "remove", "desk")
    assert "no longer in force, its data are kept" in workshop.done("source", "list")
    assert "configured: none" in workshop.refused("source", "check", "desk")
    assert "--yes" in workshop.refused("source", "remove", "desk", "--with-data")
    database = Database(workshop.variables["REMIT_DATABASE_URL"] or "")
    with only_one(database, "main", "desk", ["tickets"]):  # as a sync under way does
        refusal = workshop.refused("source", "remove", "desk", "--with-data", "--yes")
    database.writer.dispose()
    assert "desk, tickets is already running" in refusal
    assert _count(workshop, "SELECT count(*) FROM remit.record") == held
    workshop.done("source", "remove", "desk", "--with-data", "--yes")
    assert _count(workshop, "SELECT count(*) FROM remit.record") == 0
    assert "desk" not in workshop.done("source", "list")


def test_what_is_shown_can_be_put_into_a_workspace_file(
    workshop: Workshop, simulator: Simulator
) -> None:
    _add_desk(workshop, simulator, "--cron", "0 3 * * *")
    shown = workshop.done("source", "show", "desk")
    described = yaml.safe_load(shown)["sources"]["desk"]
    assert described["settings"]["api_token"] == "sealed:desk.api_token"
    assert described["schedule"] == {"cron": "0 3 * * *", "reconcile": "7d"}
    workshop.write(shown)
    assert "Nothing to change" in workshop.done("apply", "--yes")


def test_a_file_of_sources_needs_no_apply_and_shows_no_secret(
    workshop: Workshop, simulator: Simulator
) -> None:
    given = simulator.credentials["zendesk"]
    path = workshop.write(
        yaml.safe_dump(
            {
                "sources": {
                    "desk": {
                        "connector": "zendesk",
                        "settings": {
                            "base_url": simulator.zendesk_url,
                            "email": given["email"],
                            "api_token": given["api_token"],
                        },
                    }
                }
            }
        ),
        "sources.yaml",
    )
    workshop.variables["REMIT_SOURCES"] = path
    assert "can be read" in workshop.done("source", "check", "desk")
    shown = workshop.done("source", "show", "desk")
    assert "***" in shown
    assert given["api_token"] not in shown
    assert "from REMIT_SOURCES" in workshop.done("source", "list")
    assert "already" in workshop.refused("source", "add", "desk", "--connector", "zendesk",
                                         *_SETTINGS)  # fmt: skip
    assert "Take it out of that file" in workshop.refused("source", "remove", "desk")
    workshop.done("source", "pause", "desk")
    assert "paused" in workshop.done("source", "list")


def test_a_file_of_sources_is_of_the_configured_tenant_alone(workshop: Workshop) -> None:
    path = workshop.write("sources: {desk: {connector: zendesk}}", "sources.yaml")
    home = workshop.folder / "home"
    home.mkdir()
    for where in ("a variable", "settings.env"):
        if where == "a variable":
            workshop.variables |= {"REMIT_SOURCES": path, "REMIT_TENANT": "acme"}
        else:
            workshop.variables |= {"REMIT_SOURCES": None, "REMIT_TENANT": None}
            (home / "settings.env").write_text(f"REMIT_SOURCES={path}\nREMIT_TENANT=acme\n")
        for theirs in ((), ("--tenant", "acme")):
            assert "desk" in workshop.done("source", "list", *theirs)
        listed = workshop.remit("source", "list", "--tenant", "globex")
        assert "desk" not in listed.shown
        assert "sources.yaml is left out" in listed.problems
        asked = ("source", "sync", "desk", "--tenant", "globex")
        assert "No source is configured" in workshop.refused(*asked)


def test_a_name_that_has_records_of_another_account_is_not_taken_for_it(
    workshop: Workshop, simulator: Simulator
) -> None:
    """What is held, and up to where it was read, is of the account that it was read from."""
    _add_desk(workshop, simulator, "--stream", "users")
    workshop.done("source", "sync", "desk")
    shown = workshop.done("source", "show", "desk")
    workshop.write(shown.replace(simulator.zendesk_url, "https://globex.zendesk.com"))
    refusal = workshop.refused("apply", "--yes")
    assert "settings.base_url" in refusal
    assert "--same-account" in refusal
    assert "remove desk --with-data" in refusal
    # Another way of writing it, or another key to the same, is no other account.
    workshop.write(shown.replace(simulator.zendesk_url, f"{simulator.zendesk_url}/"))
    workshop.done("apply", "--yes")
    workshop.write(shown.replace(simulator.zendesk_url, "https://globex.zendesk.com"))
    workshop.done("apply", "--yes", "--same-account")
    assert "globex" in workshop.done("source", "show", "desk")
    # Once it is out of force, nobody knows any more of which account its records are.
    workshop.done("source", "remove", "desk")
    refusal = workshop.refused(*_ADD[:2], "desk", *_ADD[3:], *_SETTINGS)
    assert "--same-account" in refusal
    assert "--same-account" in workshop.refused("apply", "--yes")
    workshop.done(*_ADD[:2], "desk", *_ADD[3:], *_SETTINGS, "--same-account")
    workshop.done("source", "remove", "desk", "--with-data", "--yes")
    workshop.done(*_ADD[:2], "desk", *_ADD[3:], *_SETTINGS)


def test_a_refusal_of_the_vendor_is_told_in_words(workshop: Workshop, simulator: Simulator) -> None:
    _add_desk(workshop, simulator)
    workshop.done("secret", "set", "desk.api_token", typed=CANARY)
    done = workshop.remit("source", "check", "desk")
    assert done.code == 1
    assert "desk: " in done.shown
    assert CANARY not in done.said


# As much of the protocol as it takes to be asked what settings there are.
_CONNECTOR = """
import json, sys
schema = {
    "properties": {
        "auth": {"oneOf": [{"properties": {"pin": {"type": "string", "airbyte_secret": True}}}]},
        "count": {"type": "integer"},
    },
    "required": ["count"],
}
if sys.argv[1] == "spec":
    print(json.dumps({"type": "SPEC", "spec": {"connectionSpecification": schema}}))
"""


def test_a_connector_that_is_a_program_says_itself_what_is_secret(workshop: Workshop) -> None:
    program = workshop.write(_CONNECTOR, "connector.py")
    named = ("source", "add", "own", "--command", sys.executable, "--command", f"--token={CANARY}")
    refusal = workshop.refused(*named, "--set", "count=3")
    assert "a word of its `command` is a secret" in refusal
    assert CANARY not in refusal
    add = ("source", "add", "own", "--command", sys.executable, "--command", program)
    refusal = workshop.refused(*add, "--set", f"auth.pin={CANARY}", "--set", "count=3")
    assert "`auth.pin` is a secret" in refusal
    assert CANARY not in refusal
    assert "--set count=..." in workshop.refused(*add)
    workshop.done(*add, "--set", "auth.pin=env:PIN", "--set", "count=3")
    shown = yaml.safe_load(workshop.done("source", "show", "own"))["sources"]["own"]
    assert shown["settings"] == {"auth": {"pin": "env:PIN"}, "count": 3}
    assert shown["command"] == [sys.executable, program]


def test_a_sign_in_that_would_be_lost_is_refused(workshop: Workshop) -> None:
    manifest = workshop.write(
        "{type: DeclarativeSource, version: 7.39.1, streams: [],"
        " definitions: {sign_in: {type: OAuthAuthenticator, refresh_token_updater: {}}}}",
        "manifest.yaml",
    )
    refusal = workshop.refused("source", "add", "own", "--manifest", manifest)
    assert "signs in with a refresh token that each use replaces" in refusal
    settings = {"manifest": manifest, "settings": {"refresh_token": "env:TOKEN"}}
    workshop.variables["TOKEN"] = CANARY
    workshop.variables["REMIT_SOURCES"] = workshop.write(
        yaml.safe_dump({"sources": {"own": settings}})
    )
    done = workshop.remit("source", "check", "own")
    assert done.code == 1
    assert "signs in with a refresh token that each use replaces" in done.shown
    assert CANARY not in done.said


_SETTINGS = ("--set", "base_url=https://x.example", "--set", "email=e", "--set", "api_token=env:T")
_ADD = ("source", "add", "a", "--connector", "zendesk")
# What is typed, and what is said.
MISTAKES: dict[str, tuple[tuple[str, ...], str]] = {
    "no connector": (("source", "add", "a"), "exactly one of connector"),
    "two of them": ((*_ADD, "--package", "airbyte-source-faker"), "exactly one of connector"),
    "an unknown one": (("source", "add", "a", "--connector", "fax"), "There is no connector"),
    "settings left out": (_ADD, "--set api_token=sealed:a.api_token"),
    "a secret in clear": ((*_ADD, *_SETTINGS[:-1], f"api_token={CANARY}"), "stands there in clear"),
    "a value without a name": ((*_ADD, "--set", CANARY), "NAME=VALUE"),
    "an unknown setting": ((*_ADD, *_SETTINGS, "--set", "emial=e"), "did you mean `email`"),
    "a name of two values": ((*_ADD, "--set", "a=1", "--set", "a.b=2"), "has a value of its own"),
    "a secret that is not there": (
        (*_ADD, *_SETTINGS[:-1], "api_token=sealed:nowhere"),
        "remit secret set nowhere",
    ),
    "a name that is none": (("source", "add", "a b", "--connector", "zendesk"), "name is made"),
    "a bad interval": ((*_ADD, *_SETTINGS, "--every", "often"), "a number and a unit"),
    "an interval and a cron": (
        (*_ADD, *_SETTINGS, "--every", "1h", "--cron", "* * * * *"),
        "exactly one of every, cron",
    ),
    "nothing to check": (("source", "check", "nowhere"), "There is no source 'nowhere'"),
    "nothing to show": (("source", "show", "nowhere"), "There is no source 'nowhere'"),
    "nothing to pause": (("source", "pause", "nowhere"), "There is no source 'nowhere'"),
    "nothing to remove": (("source", "remove", "nowhere"), "There is no source 'nowhere'"),
    "nothing to discover": (("source", "discover", "nowhere"), "There is no source 'nowhere'"),
    "no package": (("source", "install", "../nowhere"), "no name of a package"),
}


@pytest.mark.parametrize(("typed", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_and_changes_nothing(
    workshop: Workshop, typed: tuple[str, ...], said: str
) -> None:
    refusal = workshop.refused(*typed)
    assert said in refusal
    # A value that was typed in clear has been on the screen, but is not said again.
    assert CANARY not in refusal
    assert _count(workshop, "SELECT count(*) FROM remit.source") == 0


def test_what_the_connector_needs_is_asked_for_and_secrets_are_not_echoed(
    workshop: Workshop,
) -> None:
    with _at_a_terminal(workshop, "source", "add", "shop", "--connector", "zendesk") as screen:
        screen.answer("base_url", "https://acme.example")
        screen.answer("email", "a@b.example")
        screen.answer_unseen("api_token", CANARY)
        screen.wait_for("is in force")
    assert CANARY not in screen.shown
    shown = yaml.safe_load(workshop.done("source", "show", "shop"))["sources"]["shop"]
    assert shown["settings"] == {
        "base_url": "https://acme.example",
        "email": "a@b.example",
        "api_token": "sealed:shop.api_token",
    }
    assert "used by shop" in workshop.done("secret", "list")


_ASKING = """
import json
kind = {"type": "string", "enum": ["a\\x1b]0;owned", "b"], "default": "b\\x1b[2J"}
schema = {"properties": {"kind": kind}, "required": ["kind"]}
print(json.dumps({"type": "SPEC", "spec": {"connectionSpecification": schema}}))
"""


def test_a_question_of_a_connector_does_not_steer_the_terminal(workshop: Workshop) -> None:
    program = workshop.write(_ASKING, "connector.py")
    command = ("--command", sys.executable, "--command", program)
    with _at_a_terminal(workshop, "source", "add", "own", *command) as screen:
        screen.answer(r"[b\x1b[2J]", "b")
        screen.wait_for("is in force")
    assert r"(a\x1b]0;owned, b)" in screen.shown
    assert "\x1b]0" not in screen.shown
    assert "\x1b[2J" not in screen.shown


@contextmanager
def _at_a_terminal(workshop: Workshop, *typed: str) -> Iterator[_Screen]:
    """A command at work there; at the end it has succeeded."""
    ours, theirs = pty.openpty()
    variables = environment(**{k: v for k, v in workshop.variables.items() if v is not None})
    with subprocess.Popen(
        remit(*typed), env=variables, cwd=workshop.folder, start_new_session=True,
        stdin=theirs, stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        try:
            yield _Screen(ours)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            os.close(ours)


class _Screen:
    """What a terminal shows, as somebody sits at it."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self.shown = ""

    def wait_for(self, words: str) -> None:
        self._read_until(lambda: words in self.shown, words)

    def answer(self, question: str, answer: str) -> None:
        self._read_until(lambda: question in self.shown, question)
        os.write(self._terminal, f"{answer}\n".encode())

    def answer_unseen(self, question: str, answer: str) -> None:
        """To a question after which the terminal shows nothing; what comes before that is lost."""
        self._read_until(lambda: question in self.shown, question)
        wait_until(self._is_blind, "a terminal that shows nothing")
        os.write(self._terminal, f"{answer}\n".encode())

    def _is_blind(self) -> bool:
        return not termios.tcgetattr(self._terminal)[3] & termios.ECHO

    def _read_until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, f"never shown: {what}; but {self.shown}"
            if select.select([self._terminal], [], [], 1)[0]:
                try:
                    self.shown += os.read(self._terminal, 4096).decode()
                except OSError:  # nobody is at the other end any more
                    assert true(), f"never shown: {what}; but {self.shown}"
