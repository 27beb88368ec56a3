"""One person erased: nothing of theirs is left, all else is, and no sync brings them back."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from index.errors import InvalidRequest
from ingestion.erasure import Receipt, erase, preview_erasure
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk.desk import DeskIndex

ADDRESS = "p00007@c1.io"


@pytest.fixture
def read(desk_index: DeskIndex) -> DeskIndex:
    """An index in which others mention the person, too."""
    desk = desk_index.desk
    desk.comments["m00001"]["text"] = (
        f"Ask {ADDRESS.upper()}. Not jp00007@c1.io or {ADDRESS}.example"
    )
    desk.companies["c1"] |= {"email": ADDRESS, "x_contact": ADDRESS}
    desk.people["p00009"] |= {"born_at": "bad", "friend": ADDRESS}
    desk_index.read()
    return desk_index


def _erase(index: DeskIndex, subject: str) -> Receipt:
    return erase(
        index.database,
        index.tables,
        index.model,
        tenant=TENANT,
        subject=subject,
        actor="dora",
        reason="request 17",
        sources=[index.source()],
    )


def _mentions(index: DeskIndex, words: str) -> list[str]:
    """The tables that hold the words in any column."""
    tables = [f"entity.{name}" for name in index.tables]
    tables += ["remit.record", "remit.rejected_record", "remit.erasure", "remit.sync_run"]
    return [
        table
        for table in tables
        if index.ask(f"SELECT 1 AS one FROM {table} t WHERE t::text ~* '{words}'")  # noqa: S608
    ]


WHOLE = r"\mp00007@c1\.io(?!\.?\w)"


def test_all_that_is_theirs_is_gone(read: DeskIndex) -> None:
    person = read.row("contact", "p00007")
    assert person is not None
    receipt = _erase(read, ADDRESS)
    assert _mentions(read, WHOLE) == []
    assert read.row("contact", "p00007") is None
    assert read.row("comment", "m00007") is None
    assert receipt.removed["rows"] == {"contact": 1, "comment": 1}
    assert (receipt.removed["records"], receipt.removed["rejected"]) == (2, 1)
    # The ticket stays, without who opened it and what they said.
    ticket = read.row("ticket", "t00007")
    assert ticket is not None
    assert (ticket["subject"], ticket["requester_id"], ticket["description"]) == (
        "Question 7", None, None,
    )  # fmt: skip
    (record,) = read.ask("SELECT data FROM remit.record WHERE key = 't00007'")
    assert record["data"]["text"] == "[erased]"
    # Only the whole address is blotted out.
    comment = read.row("comment", "m00001")
    assert comment is not None
    assert comment["body"] == f"Ask [erased]. Not jp00007@c1.io or {ADDRESS}.example"
    (account,) = (row for row in read.rows("account") if row["remote_id"] == "c1")
    assert (account["email"], account["custom"]) == (None, {"x_contact": "[erased]"})
    assert len(read.keys("contact")) == 58  # one was rejected
    (kept,) = read.ask("SELECT * FROM remit.erasure")
    assert (kept["actor"], kept["reason"], kept["removed"]) == (
        "dora", "request 17", receipt.removed,
    )  # fmt: skip


def test_no_sync_and_no_replay_brings_them_back(read: DeskIndex) -> None:
    _erase(read, ADDRESS)
    del read.desk.people["p00009"]["friend"]
    read.read(reconcile=True)
    assert _mentions(read, WHOLE) == []
    # Also when their own record changes at the source.
    read.desk.people["p00007"]["name"] = "New name"
    read.desk.comments["m00007"]["text"] = "More words"
    reports = read.read()
    assert reports.complete
    assert read.row("contact", "p00007") is None
    assert read.row("comment", "m00007") is None
    assert _mentions(read, WHOLE) == []


def test_what_cannot_be_mapped_of_theirs_is_not_set_aside(read: DeskIndex) -> None:
    _erase(read, ADDRESS)
    # One that cannot be mapped, one that cannot be stored.
    read.desk.people["p00007"]["born_at"] = "bad"
    read.desk.comments["m00007"]["text"] = f"nul \x00 character, said {ADDRESS}"
    # Somebody else is.
    del read.desk.people["p00009"]["friend"]
    read.read()
    assert _mentions(read, WHOLE) == []
    (one,) = read.ask("SELECT raw FROM remit.rejected_record")
    assert "p00009" in one["raw"]


def test_named_by_the_id_of_a_row(read: DeskIndex) -> None:
    person = read.row("contact", "p00007")
    assert person is not None
    _erase(read, f"contact:{person['id']}")
    assert _mentions(read, WHOLE) == []
    assert read.row("contact", "p00007") is None


def test_nobody_of_that_name_leaves_a_receipt_of_nothing(read: DeskIndex) -> None:
    before = read.contents()
    receipt = _erase(read, "nobody@nowhere.example")
    assert not any(receipt.removed.values())
    assert read.contents() == before


# Not by a part of an address either, which would take a whole company.
@pytest.mark.parametrize("subject", ["Person 7", "@c1.io", "p00007@", "p00007@c1.io p00008@c2.io"])
def test_subject_must_be_an_address_or_an_id(read: DeskIndex, subject: str) -> None:
    with pytest.raises(InvalidRequest, match="whole e-mail address"):
        _erase(read, subject)


def test_an_address_after_an_escape_of_json_is_found(desk_index: DeskIndex) -> None:
    desk = desk_index.desk
    # What JSON writes as an escape: line breaks and a tab with a letter, others with a number.
    desk.comments["m00001"]["text"] = " ".join(f"{at}{ADDRESS}" for at in "\n\r\t\b\f\v\x1f")
    desk.companies["c1"] |= {"x_note": f"Regards,\n{ADDRESS}\n"}
    desk.people["p00009"] |= {"born_at": "bad", "note": f"Regards,\n{ADDRESS}"}
    # JSON within a text, where the escape is itself escaped.
    desk.comments["m00002"]["text"] = f'{{"text": "Regards,\\n{ADDRESS}"}}'
    desk_index.read()
    receipt = _erase(desk_index, ADDRESS)
    assert _mentions(desk_index, "p00007@") == []
    assert receipt.removed["rejected"] == 1


def test_the_words_go_wherever_the_mapping_finds_them(
    desk_index: DeskIndex, tmp_path: Path
) -> None:
    desk_index.remapped(tmp_path, "description: text", "description: [text, html, parts.0.text]")
    # The same in HTML, but more of it: the text alone does not tell that they belong together.
    desk_index.desk.tickets["t00007"] |= {
        "html": "<p>Words 7</p><p>Call me at home</p>", "parts": [{"text": "at home"}, {"n": 1}],
    }  # fmt: skip
    desk_index.read()
    _erase(desk_index, ADDRESS)
    (held,) = desk_index.ask("SELECT data FROM remit.record WHERE key = 't00007'")
    assert (held["data"]["html"], held["data"]["parts"], held["data"]["subject"]) == (
        "[erased]", [{"text": "[erased]"}, {"n": 1}], "Question 7",
    )  # fmt: skip
    assert _mentions(desk_index, "at home") == []


def test_more_rows_than_a_statement_takes_parameters(read: DeskIndex) -> None:
    person = read.row("contact", "p00007")
    assert person is not None
    with read.database.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO entity.comment"
                " (tenant_id, id, source, stream, remote_id, synced_at, author_id)"
                " SELECT :tenant, gen_random_uuid(), 'desk', 'comments', 'x' || n, now(), :author"
                " FROM generate_series(1, 66000) AS n"
            ),
            {"tenant": TENANT, "author": person["id"]},
        )
    assert _erase(read, ADDRESS).removed["rows"] == {"contact": 1, "comment": 66_001}
    assert len(read.keys("comment")) == 59
    (kept,) = read.ask("SELECT count(*) AS count FROM remit.erased_row")
    assert kept["count"] == 66_002


def test_a_preview_tells_whose_rows_go_and_changes_nothing(desk_index: DeskIndex) -> None:
    # Two who share an address are one person for an erasure.
    desk_index.desk.people["p00008"]["email"] = ADDRESS
    desk_index.read()
    before = desk_index.contents()
    preview = preview_erasure(
        desk_index.database,
        desk_index.tables,
        desk_index.model,
        tenant=TENANT,
        subject=ADDRESS,
        sources=[desk_index.source()],
    )
    assert {(row.entity, row.key) for row in preview.people} == {
        ("contact", "p00007"), ("contact", "p00008"),
    }  # fmt: skip
    assert desk_index.contents() == before
    assert desk_index.ask("SELECT * FROM remit.erasure") == []
    assert desk_index.ask("SELECT * FROM remit.erased_row") == []
    assert _erase(desk_index, ADDRESS).removed == preview.removed


def test_what_stands_in_place_of_an_address_takes_nobody_along(desk_index: DeskIndex) -> None:
    for name in ("p00007", "p00008"):
        desk_index.desk.people[name]["email"] = "none"
    desk_index.read()
    person = desk_index.row("contact", "p00007")
    assert person is not None
    assert _erase(desk_index, f"contact:{person['id']}").removed["rows"] == {
        "contact": 1,
        "comment": 1,
    }
    assert desk_index.row("contact", "p00008") is not None


def test_of_what_they_opened_no_raw_record_is_left(desk_index: DeskIndex, tmp_path: Path) -> None:
    mapped = desk_index.mapping
    desk_index.desk.tickets["t00007"]["text"] = "Call me at home"
    desk_index.unmap(tmp_path)
    desk_index.read("people", "tickets")
    desk_index.mapping = mapped
    desk_index.desk.people["p00007"]["name"] = "Now mapped"
    desk_index.desk.tickets["t00007"]["updated_at"] = "2026-02-01T00:00:00Z"
    desk_index.read("people", "tickets")  # nobody has reprojected what was there
    assert "entity.raw_record" in _mentions(desk_index, "at home")
    assert _erase(desk_index, ADDRESS).removed["rows"] == {"contact": 1, "raw_record": 2}
    assert _mentions(desk_index, "at home") == []
    # The ticket itself goes on being written.
    desk_index.desk.tickets["t00007"] |= {"text": "", "updated_at": "2026-03-01T00:00:00Z"}
    assert desk_index.read_one("tickets").written == 1


def test_what_was_set_aside_of_what_they_opened_goes(desk_index: DeskIndex) -> None:
    desk_index.read()
    desk_index.desk.tickets["t00007"] |= {
        "text": "Call me at home", "due_at": "soon", "updated_at": "2026-02-01T00:00:00Z",
    }  # fmt: skip
    desk_index.read("tickets")
    assert _mentions(desk_index, "at home") == ["remit.rejected_record"]
    assert _erase(desk_index, ADDRESS).removed["rejected"] == 1
    assert _mentions(desk_index, "at home") == []
