"""Salesforce's cases from the API to rows: the org's words, queues, comments, deletes, live."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from ingestion.airbyte.origin import Origin
from ingestion.live.sources import LiveSources
from ingestion.mapping.text import clean
from ingestion.simulator.company.identifiers import salesforce_id
from ingestion.source import Source
from ingestion.workspace.source_config import SourceConfig
from semantic_layer.freshness import Wanted
from tests.ingestion.index_under_test import TENANT, Index, settings

Record = dict[str, Any]


def _written(index: Index) -> dict[str, int]:
    report = index.sync("salesforce")
    assert report.complete
    return {stream.stream: stream.written for stream in report.streams if stream.written}


def _row(index: Index, entity: str, remote_id: str) -> Any:
    row = index.row(entity, remote_id)
    assert row is not None
    return row


KINDS = [
    # entity, what becomes its rows
    ("ticket", ("Case",)),
    ("comment", ("CaseComment", "EmailMessage")),
]


@pytest.mark.parametrize(("entity", "kinds"), KINDS)
def test_every_living_record_is_a_row(filled: Index, entity: str, kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        assert filled.simulator.company.salesforce[kind]
    records = [one for kind in kinds for one in filled.simulator.company.salesforce[kind]]
    living = {record["Id"] for record in records if not record["IsDeleted"]}
    assert {row["remote_id"] for row in filled.rows(entity, source="salesforce")} == living
    assert len(living) < len(records)


PRIORITIES = {"Low": "LOW", "Medium": "NORMAL", "High": "HIGH", "Critical": "URGENT"}
STATUSES = {"New": "NEW", "Working": "OPEN", "Escalated": "OPEN", "On Hold": "ON_HOLD",
            "Waiting for Customer": "PENDING", "Closed": "CLOSED"}  # fmt: skip


def test_cases_have_their_values(filled: Index) -> None:
    records = {record["Id"]: record for record in filled.simulator.company.salesforce["Case"]}
    for row in filled.rows("ticket", source="salesforce"):
        record = records[row["remote_id"]]
        assert (row["number"], row["subject"]) == (record["CaseNumber"], record["Subject"])
        assert (row["status"], row["status_raw"]) == (STATUSES[record["Status"]], record["Status"])
        assert row["priority"] == PRIORITIES[record["Priority"]]
        assert row["priority_raw"] == record["Priority"]
        assert (row["type"], row["channel"]) == (record["Type"], record["Origin"])
        assert row["custom"] == {"Product_Area__c": record["Product_Area__c"]}


def _said(index: Index, kind: str, stream: str) -> list[tuple[Any, Record]]:
    """The rows of a stream of comments, each with its record."""
    records = {one["Id"]: one for one in index.simulator.company.salesforce[kind]}
    rows = index.rows("comment", source="salesforce")
    return [(row, records[row["remote_id"]]) for row in rows if row["stream"] == stream]


def test_comments_are_public_when_published_and_by_their_author(filled: Index) -> None:
    users = {row["id"]: row["remote_id"] for row in filled.rows("user", source="salesforce")}
    cases = {row["id"]: row["remote_id"] for row in filled.rows("ticket", source="salesforce")}
    for row, record in _said(filled, "CaseComment", "case_comments"):
        assert row["public"] is record["IsPublished"]
        assert users[row["author_id"]] == record["CreatedById"]
        assert cases[row["ticket_id"]] == record["ParentId"]


def test_e_mails_are_public_and_by_whoever_of_the_org_sent_them(filled: Index) -> None:
    users = {row["id"]: row["remote_id"] for row in filled.rows("user", source="salesforce")}
    cases = {row["id"]: row["remote_id"] for row in filled.rows("ticket", source="salesforce")}
    directions = set()
    for row, record in _said(filled, "EmailMessage", "email_messages"):
        assert row["public"] is True
        assert row["body"] == clean(record["TextBody"])
        assert cases[row["ticket_id"]] == record["ParentId"]
        # Salesforce itself makes the record of one that came in.
        author = None if record["Incoming"] else record["CreatedById"]
        assert users.get(row["author_id"]) == author
        directions.add(record["Incoming"])
    assert directions == {True, False}


def test_an_e_mail_of_html_a_draft_and_one_that_is_of_no_case(synced: Index) -> None:
    case = synced.rows("ticket", source="salesforce")[0]["remote_id"]
    make = partial(synced.simulator.create, "salesforce", "EmailMessage")
    written = make(ParentId=case, HtmlBody="<p>Dear <b>you</b></p>", Status="3")
    draft = make(ParentId=case, TextBody="Not yet", Status="5")
    make(TextBody="To a friend", Status="3")
    assert _written(synced) == {"email_messages": 2}
    found = [_row(synced, "comment", one["Id"]) for one in (written, draft)]
    assert [(row["body"], row["public"]) for row in found] == [
        ("Dear you", True), ("Not yet", False),
    ]  # fmt: skip


def test_a_new_case_belongs_to_its_account_and_contact_and_a_queue_is_nobody(
    synced: Index,
) -> None:
    simulator = synced.simulator
    contact = next(one for one in simulator.company.salesforce["Contact"]
                   if one["AccountId"] and not one["IsDeleted"])  # fmt: skip
    agent = simulator.company.salesforce["User"][0]["Id"]
    about = {"AccountId": contact["AccountId"], "ContactId": contact["Id"], "Subject": "Help"}
    queued = simulator.create("salesforce", "Case", **about, OwnerId=salesforce_id("Group", 1))
    taken = simulator.create("salesforce", "Case", **about, OwnerId=agent, Status="Working")
    assert _written(synced) == {"cases": 2}
    for case in (queued, taken):
        row = _row(synced, "ticket", case["Id"])
        assert row["account_id"] == _row(synced, "account", contact["AccountId"])["id"]
        assert row["requester_id"] == _row(synced, "contact", contact["Id"])["id"]
    assert _row(synced, "ticket", queued["Id"])["assignee_id"] is None
    assert _row(synced, "ticket", taken["Id"])["assignee_id"] == _row(synced, "user", agent)["id"]


def test_what_closes_a_case_is_the_org_s_to_say(synced: Index) -> None:
    """Its statuses can have any name; the case itself tells whether one of them ends it."""
    case = next(row["remote_id"] for row in synced.rows("ticket", source="salesforce")
                if row["status"] != "CLOSED")  # fmt: skip
    synced.simulator.change("salesforce", "Case", case, Status="Closed")
    assert _written(synced) == {"cases": 1}
    assert _row(synced, "ticket", case)["status"] == "CLOSED"


def test_a_deleted_case_goes_with_its_comments(synced: Index) -> None:
    email = next(row for row, _ in _said(synced, "EmailMessage", "email_messages"))
    (case,) = [row for row in synced.rows("ticket") if row["id"] == email["ticket_id"]]
    synced.simulator.delete("salesforce", "Case", case["remote_id"])
    assert synced.sync("salesforce").complete
    assert _row(synced, "ticket", case["remote_id"])["deleted_at"] is not None
    left = {row["ticket_id"] for row in synced.rows("comment", source="salesforce")}
    assert case["id"] not in left


@pytest.mark.anyio
async def test_cases_of_an_account_and_comments_of_a_case_are_read_live(synced: Index) -> None:
    live = synced.live()
    account = synced.simulator.company.customer("acme").accounts[0]
    case = synced.simulator.create("salesforce", "Case", AccountId=account, Subject="Now")
    assert await live.refresh(TENANT, [Wanted("salesforce", "accounts", account, "ticket")]) == []
    assert _row(synced, "ticket", case["Id"])["subject"] == "Now"
    comment, email = (
        synced.simulator.create("salesforce", kind, ParentId=case["Id"], **{body: f"By {kind}"})
        for kind, body in (("CaseComment", "CommentBody"), ("EmailMessage", "TextBody"))
    )
    conversation = Wanted("salesforce", "cases", case["Id"], "comment")
    assert await live.refresh(TENANT, [conversation]) == []
    assert _row(synced, "comment", comment["Id"])["body"] == "By CaseComment"
    assert _row(synced, "comment", email["Id"])["body"] == "By EmailMessage"
    # Each is read again by way of the stream that it came from.
    for kind, record in (("CaseComment", comment), ("EmailMessage", email)):
        synced.simulator.delete("salesforce", kind, record["Id"])
    one = Wanted("salesforce", "email_messages", email["Id"])
    assert await live.refresh(TENANT, [one]) == []
    assert _row(synced, "comment", email["Id"])["deleted_at"] is not None
    assert await live.refresh(TENANT, [conversation]) == []
    assert _row(synced, "comment", comment["Id"])["deleted_at"] is not None
    synced.simulator.delete("salesforce", "Case", case["Id"])
    assert await live.refresh(TENANT, [Wanted("salesforce", "cases", case["Id"])]) == []
    assert _row(synced, "ticket", case["Id"])["deleted_at"] is not None
    await live.close()


@pytest.mark.anyio
async def test_a_stream_that_a_source_is_not_to_read_is_not_read_live_either(
    synced: Index,
) -> None:
    """An org may have no e-mails at all, and says so with a refusal."""
    given = settings(synced.simulator, "salesforce")
    config = SourceConfig(
        "salesforce", "salesforce", given, origin=Origin(connector="salesforce"),
        streams=("cases", "case_comments"),
    )  # fmt: skip
    source = Source(config, synced.model.specs)
    live = LiveSources(synced.database, synced.tables, synced.model, lambda: [source],
                       tenant=TENANT)  # fmt: skip
    case = synced.rows("ticket", source="salesforce")[0]["remote_id"]
    synced.simulator.forget_requests("salesforce")
    assert await live.refresh(TENANT, [Wanted("salesforce", "cases", case, "comment")]) == []
    assert synced.calls("salesforce", "/CaseComment/describe") == 1
    assert synced.calls("salesforce", "/EmailMessage/describe") == 0
    await live.close()
