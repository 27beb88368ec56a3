"""Salesforce's cases from the API to rows: the org's words, queues, comments, deletes, live."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.simulator.company.identifiers import salesforce_id
from semantic_layer.freshness import Wanted
from tests.ingestion.index_under_test import TENANT, Index

Record = dict[str, Any]


def _written(index: Index) -> dict[str, int]:
    report = index.sync("salesforce")
    assert report.complete
    return {stream.stream: stream.written for stream in report.streams if stream.written}


def _row(index: Index, entity: str, remote_id: str) -> Any:
    row = index.row(entity, remote_id)
    assert row is not None
    return row


@pytest.mark.parametrize(("kind", "entity"), [("Case", "ticket"), ("CaseComment", "comment")])
def test_every_living_record_is_a_row(filled: Index, kind: str, entity: str) -> None:
    records = filled.simulator.company.salesforce[kind]
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


def test_comments_are_public_when_published_and_by_their_author(filled: Index) -> None:
    records = {one["Id"]: one for one in filled.simulator.company.salesforce["CaseComment"]}
    users = {row["id"]: row["remote_id"] for row in filled.rows("user", source="salesforce")}
    cases = {row["id"]: row["remote_id"] for row in filled.rows("ticket", source="salesforce")}
    for row in filled.rows("comment", source="salesforce"):
        record = records[row["remote_id"]]
        assert row["public"] is record["IsPublished"]
        assert users[row["author_id"]] == record["CreatedById"]
        assert cases[row["ticket_id"]] == record["ParentId"]


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
    comment = synced.rows("comment", source="salesforce")[0]
    (case,) = [row for row in synced.rows("ticket") if row["id"] == comment["ticket_id"]]
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
    assert await live.refresh(TENANT, [Wanted("salesforce", "account", account, "ticket")]) == []
    assert _row(synced, "ticket", case["Id"])["subject"] == "Now"
    comment = synced.simulator.create(
        "salesforce", "CaseComment", ParentId=case["Id"], CommentBody="Seen", IsPublished=True
    )
    assert await live.refresh(TENANT, [Wanted("salesforce", "ticket", case["Id"], "comment")]) == []
    assert _row(synced, "comment", comment["Id"])["body"] == "Seen"
    synced.simulator.delete("salesforce", "Case", case["Id"])
    assert await live.refresh(TENANT, [Wanted("salesforce", "ticket", case["Id"])]) == []
    assert _row(synced, "ticket", case["Id"])["deleted_at"] is not None
    await live.close()
