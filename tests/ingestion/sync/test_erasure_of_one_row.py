"""One row erased as the person: who shares the address keeps what is theirs."""

from __future__ import annotations

from uuid import uuid4

import pytest

from index.errors import InvalidRequest
from ingestion.erasure import Erased, Receipt, erase, preview_erasure
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk.desk import DeskIndex

SHARED = "info@c1.io"


@pytest.fixture
def shared(desk_index: DeskIndex) -> DeskIndex:
    """p00007 and p00008 have one address, which stands in their tickets and elsewhere."""
    desk = desk_index.desk
    for number in ("00007", "00008"):
        desk.people[f"p{number}"]["email"] = SHARED
        desk.tickets[f"t{number}"] |= {"subject": f"Mail of {SHARED}", "reply_to": SHARED}
    desk.comments["m00001"]["text"] = f"Ask {SHARED}"
    desk.people["p00009"] |= {"born_at": "bad", "friend": SHARED}
    desk_index.read()
    return desk_index


def _name(index: DeskIndex, key: str) -> str:
    row = index.row("contact", key)
    assert row is not None
    return f"contact:{row['id']}"


def _erase(index: DeskIndex, subject: str) -> Receipt:
    return erase(
        index.database, index.tables, index.model, tenant=TENANT, subject=subject, actor="dora",
        reason="request 17", sources=[index.source()],
    )  # fmt: skip


def _preview(index: DeskIndex, subject: str) -> Erased:
    return preview_erasure(
        index.database, index.tables, index.model, tenant=TENANT, subject=subject,
        sources=[index.source()],
    )  # fmt: skip


def _record(index: DeskIndex, key: str) -> dict[str, str]:
    (held,) = index.ask(f"SELECT data FROM remit.record WHERE key = '{key}'")  # noqa: S608
    return dict(held["data"])


def test_what_belongs_to_the_row_goes(shared: DeskIndex) -> None:
    receipt = _erase(shared, _name(shared, "p00007"))
    assert receipt.removed["rows"] == {"contact": 1, "comment": 1}
    assert (receipt.removed["records"], receipt.removed["rejected"]) == (2, 0)
    assert shared.row("contact", "p00007") is None
    assert shared.row("comment", "m00007") is None
    ticket = shared.row("ticket", "t00007")
    assert ticket is not None
    assert (ticket["requester_id"], ticket["description"]) == (None, None)
    # In what they opened, the address would say who that was.
    assert ticket["subject"] == "Mail of [erased]"
    assert _record(shared, "t00007")["reply_to"] == "[erased]"


def test_what_belongs_to_others_is_left_and_told(shared: DeskIndex) -> None:
    name = _name(shared, "p00007")
    preview = _preview(shared, name)
    assert [(row.entity, row.key) for row in preview.people] == [("contact", "p00007")]
    assert [(row.entity, row.key) for row in preview.others] == [("contact", "p00008")]
    receipt = _erase(shared, name)
    other = shared.row("contact", "p00008")
    assert other is not None
    assert other["email"] == SHARED
    ticket = shared.row("ticket", "t00008")
    assert ticket is not None
    assert (ticket["subject"], ticket["requester_id"]) == (f"Mail of {SHARED}", other["id"])
    assert shared.row("comment", "m00008") is not None
    comment = shared.row("comment", "m00001")
    assert comment is not None
    assert comment["body"] == f"Ask {SHARED}"
    assert receipt.left == preview.left == {
        "rows": {"contact": 1},
        # p00008, t00008 and m00001
        "addresses": {"record": 3, "contact.email": 1, "ticket.subject": 1, "comment.body": 1},
        "rejected": 1,
    }  # fmt: skip
    (kept,) = shared.ask("SELECT removed FROM remit.erasure")
    assert kept["removed"] == {**receipt.removed, "left": receipt.left}


def test_with_the_last_who_has_it_the_address_goes(shared: DeskIndex) -> None:
    _erase(shared, _name(shared, "p00007"))
    receipt = _erase(shared, _name(shared, "p00008"))
    assert receipt.left == {}
    assert receipt.removed["redacted"] == {
        "record": 2, "ticket.subject": 1, "comment.body": 1,
    }  # fmt: skip
    assert shared.ask(f"SELECT 1 FROM remit.record WHERE data::text ~* '{SHARED}'") == []  # noqa: S608
    assert shared.ask("SELECT 1 FROM remit.rejected_record") == []


def test_an_address_of_nobody_else_goes_with_the_row(desk_index: DeskIndex) -> None:
    desk_index.desk.comments["m00001"]["text"] = "Ask p00007@c1.io"
    desk_index.read()
    receipt = _erase(desk_index, _name(desk_index, "p00007"))
    assert receipt.left == {}
    comment = desk_index.row("comment", "m00001")
    assert comment is not None
    assert comment["body"] == "Ask [erased]"


def test_a_row_that_was_erased_may_be_named_again(shared: DeskIndex) -> None:
    name = _name(shared, "p00007")
    _erase(shared, name)
    assert not any(_erase(shared, name).removed.values())


@pytest.mark.parametrize(
    ("entity", "why"),
    [
        ("", "name one row, as contact:ID"),  # an id alone might mean all who share its address
        ("ticket:", "name one row, as contact:ID"),  # not a person
        ("user:", "There is no user row"),  # the id of a contact
    ],
)
def test_a_row_is_named_by_its_entity_and_its_id(shared: DeskIndex, entity: str, why: str) -> None:
    _, _, identity = _name(shared, "p00007").partition(":")
    with pytest.raises(InvalidRequest, match=why):
        _erase(shared, f"{entity}{identity}")


def test_a_row_that_never_was_is_refused(shared: DeskIndex) -> None:
    with pytest.raises(InvalidRequest, match="There is no contact row"):
        _erase(shared, f"contact:{uuid4()}")
