"""Commands about what is held of a source: set aside, made anew, purged, erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.workshop import Workshop, opened_workshop
from tests.ingestion.sync.desk import desk as desk_module
from tests.ingestion.sync.desk.desk import Desk, filled_desk, serving

_DESK = Path(desk_module.__file__).parent


@pytest.fixture
def workshop(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workshop]:
    with opened_workshop(tmp_path, database_url, monkeypatch) as workshop:
        yield workshop


@pytest.fixture
def desk() -> Iterator[Desk]:
    with serving(filled_desk(20)) as desk:
        yield desk


@pytest.fixture
def held(workshop: Workshop, desk: Desk) -> Workshop:
    """A synced source `desk` with its mapping in the folder; p00003 and t00004 were set aside."""
    desk.people["p00003"]["born_at"] = "03.02.2001"
    desk.tickets["t00004"]["due_at"] = "soon"
    mapping = workshop.write((_DESK / "mapping.yaml").read_text(), "mapping.yaml")
    manifest = str(_DESK / "manifest.yaml")
    workshop.done("migrate")
    workshop.done(
        "source", "add", "desk", "--manifest", manifest, "--mapping", mapping,
        "--set", f"base_url={desk.url}",
    )  # fmt: skip
    workshop.done("sync", "desk")
    return workshop


def test_set_aside_and_replayed(held: Workshop) -> None:
    shown = held.done("source", "rejected", "list", "desk")
    assert "desk, people: field created_at: it is not a time" in shown
    assert "p00003@" not in shown
    shown = held.done("source", "rejected", "list", "--stream", "people", "--raw")
    assert "p00003@" in shown
    assert "tickets" not in shown
    mapping = (held.folder / "mapping.yaml").read_text()
    held.write(mapping.replace(", created_at: born_at", ""), "mapping.yaml")
    shown = held.done("source", "rejected", "replay", "desk")
    assert shown.splitlines() == [
        "desk, people: 1 taken, 0 still set aside",
        "desk, tickets: 0 taken, 1 still set aside",
    ]


def test_rows_made_anew(held: Workshop) -> None:
    mapping = (held.folder / "mapping.yaml").read_text()
    held.write(mapping.replace("description: text", "description: subject"), "mapping.yaml")
    shown = held.done("source", "reproject", "desk", "--stream", "tickets")
    assert shown == "desk, tickets: 19 rows written anew, of 19 records\n"
    shown = held.done("source", "reproject")
    assert "desk, tickets: 0 rows written anew, of 19 records" in shown


def test_deleted_then_purged(held: Workshop, desk: Desk) -> None:
    del desk.comments["m00001"]
    held.done("sync", "desk")
    assert held.done("source", "purge").startswith("0 records and 0 rows")
    assert held.done("source", "purge", "--days", "0").startswith("1 records and 1 rows")


def test_erased(held: Workshop) -> None:
    who = ("erase", "p00007@c1.io", "--actor", "dora", "--reason", "request 17")
    assert "no terminal to ask at" in held.refused(*who)
    shown = held.done(*who, "--dry-run").splitlines()
    assert shown[0] == "rows taken for the person's: 1"
    assert shown[1].startswith("  contact ")
    assert shown[1].endswith(": desk, people, p00007")
    assert "  rows comment: 1" in shown
    assert held.done(*who, "--dry-run").splitlines() == shown  # for nothing has changed
    done = held.remit(*who, "--yes")
    assert done.code == 0, done.said
    assert done.shown.startswith("receipt ")
    assert "  rows contact: 1" in done.shown.splitlines()
    assert "  rows comment: 1" in done.shown.splitlines()
    assert "erase the person there as well" in done.problems
    assert "p00007" not in done.said
    assert held.done(*who, "--dry-run").splitlines() == [
        "rows taken for the person's: 0",
        "what is removed or changed: nothing",
    ]
    assert "e-mail address" in held.refused(
        "erase", "Ann", "--actor", "dora", "--reason", "r", "--yes"
    )
