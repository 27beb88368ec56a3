"""One person erased: nothing of theirs is left, all else is, and no sync brings them back."""

from __future__ import annotations

import pytest

from index.errors import InvalidRequest
from ingestion import Receipt, erase
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


def test_named_by_the_id_of_a_row(read: DeskIndex) -> None:
    person = read.row("contact", "p00007")
    assert person is not None
    _erase(read, str(person["id"]))
    assert _mentions(read, WHOLE) == []
    assert read.row("contact", "p00007") is None


def test_nobody_of_that_name_leaves_a_receipt_of_nothing(read: DeskIndex) -> None:
    before = read.contents()
    receipt = _erase(read, "nobody@nowhere.example")
    assert not any(receipt.removed.values())
    assert read.contents() == before


def test_subject_must_be_an_address_or_an_id(read: DeskIndex) -> None:
    with pytest.raises(InvalidRequest, match="e-mail address"):
        _erase(read, "Person 7")
