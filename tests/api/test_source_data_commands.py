"""Commands about what is held of a source: set aside, made anew, purged, erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.workshop import Workshop, opened_workshop
from tests.ingestion.sync.desk import desk as desk_module
from tests.ingestion.sync.desk.desk import Desk, filled_desk, serving

_DESK = Path(desk_module.__file__).parent
ERASE = ("--actor", "dora", "--reason", "request 17")


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


def test_apply_says_what_stays_as_it_was_mapped_before(workshop: Workshop, desk: Desk) -> None:
    mapping = workshop.write((_DESK / "mapping.yaml").read_text(), "mapping.yaml")
    unmapped = f"""
sources:
  desk:
    manifest: {_DESK / "manifest.yaml"}
    settings: {{base_url: "{desk.url}"}}
"""
    workshop.write(unmapped)
    done = workshop.remit("apply", "--yes")
    assert "reproject" not in done.said
    workshop.done("sync", "desk")
    workshop.write(f"{unmapped}    mapping: {mapping}\n")
    done = workshop.remit("apply", "--yes")
    assert "source desk: changed (mapping)" in done.shown
    assert "`remit source reproject desk`" in done.problems
    shown = workshop.done("source", "reproject", "desk")
    assert "desk, people: 40 rows written anew, of 20 records" in shown  # a contact for a raw one


def test_deleted_then_purged(held: Workshop, desk: Desk) -> None:
    del desk.comments["m00001"]
    held.done("sync", "desk")
    assert held.done("source", "purge").startswith("0 records and 0 rows")
    assert held.done("source", "purge", "--days", "0").startswith("1 records and 1 rows")


def test_erased(held: Workshop) -> None:
    who = ("erase", "p00007@c1.io", *ERASE)
    assert "no terminal to ask at" in held.refused(*who)
    shown = held.done(*who, "--dry-run").splitlines()
    assert shown[0] == "rows taken for the person's: 1"
    assert shown[1].startswith("  contact:")
    assert shown[1].endswith(", from desk, people, p00007")
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
    assert "e-mail address" in held.refused("erase", "Ann", *ERASE, "--yes")


def test_one_row_erased(held: Workshop, desk: Desk) -> None:
    desk.people["p00008"]["email"] = "p00007@c1.io"
    held.done("sync", "desk")
    shown = held.done("erase", "p00007@c1.io", *ERASE, "--dry-run").splitlines()
    (row,) = (line for line in shown if line.endswith("p00007"))
    name = row.strip().partition(",")[0]  # as it is shown, it can be typed
    shown = held.done("erase", name, *ERASE, "--dry-run").splitlines()
    assert "rows with the same address, which stay: 1" in shown
    shown = held.done("erase", name, *ERASE, "--yes").splitlines()
    assert "  rows contact: 1" in shown
    told = shown.index("what is left because others have the same address:")
    assert "  addresses contact.email: 1" in shown[told:]
    assert held.done("erase", "p00007@c1.io", *ERASE, "--dry-run").splitlines()[0] == (
        "rows taken for the person's: 1"
    )


def test_erased_whatever_the_sources_are(held: Workshop, desk: Desk) -> None:
    mapping = held.folder / "mapping.yaml"
    said = mapping.read_text()
    mapping.unlink()
    # Of this one neither secret nor connector is there; and nothing of the person is held of it.
    held.variables["REMIT_SOURCES"] = held.write(
        "sources: {other: {package: airbyte-source-nowhere, settings: {key: env:NOT_SET}}}"
    )
    desk.url = ""
    done = held.remit("erase", "p00007@c1.io", *ERASE, "--yes")
    assert done.code == 1
    assert "  rows contact: 1" in done.shown.splitlines()
    assert "desk: 1 records of tickets that they opened cannot be searched" in done.problems
    assert str(mapping) in done.problems
    assert "other" not in done.problems.replace("other forms", "")
    # Nor does it matter when not even the sources can be told.
    held.variables["REMIT_SOURCES"] = held.write("sources: [")
    done = held.remit("erase", "p00007@c1.io", *ERASE, "--yes")
    assert (done.code, "desk: 1 records" in done.problems) == (1, True)
    held.variables["REMIT_SOURCES"] = None
    mapping.write_text(said)
    shown = held.done("erase", "p00007@c1.io", *ERASE, "--yes").splitlines()
    assert shown[1:] == ["  finished: 1"]
