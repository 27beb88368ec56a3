"""Jira Service Management from its API to rows: values, references, changes, deletes, silence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from index.incoming import Unstorable
from ingestion.mapping.document import document_text
from ingestion.simulator import Company, Simulator
from ingestion.simulator.jira.api import JiraApi
from ingestion.simulator.jira.jql import moment
from ingestion.simulator.jira.records import ORGANIZATIONS_FIELD
from ingestion.simulator.jira.site import Site
from tests.ingestion.connectors.jira_records import comments_of, issues_of, row_of
from tests.ingestion.index_under_test import Index

Record = dict[str, Any]


def _users(index: Index, *, customers: bool) -> dict[str, Record]:
    return {
        user["accountId"]: user
        for user in Site(index.simulator.company).records("user")
        if (user["accountType"] == "customer") is customers
    }


def _remote_ids(index: Index, *entities: str) -> dict[Any, str]:
    return {row["id"]: row["remote_id"] for entity in entities
            for row in index.rows(entity, source="jira")}  # fmt: skip


def test_every_record_is_a_row(filled: Index) -> None:
    organizations = Site(filled.simulator.company).records("organization")
    expected = {
        "account": {organization["id"] for organization in organizations},
        "contact": _users(filled, customers=True).keys(),
        "user": _users(filled, customers=False).keys(),  # those who left, and programs, too
        "ticket": issues_of(filled).keys(),
        "comment": comments_of(filled).keys(),
    }
    for entity, keys in expected.items():
        assert {row["remote_id"] for row in filled.rows(entity, source="jira")} == keys
    # Developers have issues too, and no customer sees them.
    assert len(issues_of(filled)) < len(Site(filled.simulator.company).records("issue"))


STATUSES = {
    "Open": "NEW",  # by its category
    "Waiting for support": "OPEN",  # by its category
    "Waiting for customer": "PENDING",
    "Pending": "ON_HOLD",
    "Resolved": "SOLVED",
    "Closed": "CLOSED",  # by its category
    "In forensic review": "OPEN",  # the site's own, by its category
}
PRIORITIES = {
    "Highest": "URGENT",
    "High": "HIGH",
    "Medium": "NORMAL",
    "Whenever": "LOW",  # "Low" under another name, and by its id the same
    "Lowest": "LOW",
    "Critical": "URGENT",  # made by the site, with a name that is common
    "Ask the boss": None,  # made by the site; it is kept as it came
}


def test_tickets_have_their_values(filled: Index) -> None:
    issues = issues_of(filled)
    seen = set()
    for row in filled.rows("ticket", source="jira"):
        issue = issues[row["remote_id"]]
        given = issue["fields"]
        status, priority = given["status"]["name"], given["priority"]["name"]
        assert (row["status"], row["status_raw"]) == (STATUSES[status], status)
        assert (row["priority"], row["priority_raw"]) == (PRIORITIES[priority], priority)
        assert (row["number"], row["subject"]) == (issue["key"], given["summary"])
        assert row["tags"] == given["labels"]
        (first, *_) = given["description"]["content"][0]["content"]
        assert row["description"].startswith(first["text"][:20])
        assert (row["created_at"], row["updated_at"]) == (
            moment(given["created"]), moment(given["updated"]),
        )  # fmt: skip
        assert row["remote_url"].endswith(f"/browse/{issue['key']}")
        # Neither the clock of the service level, nor the organizations, which are references.
        own = ("customfield_10019", "customfield_10050", "customfield_10051")
        assert row["custom"] == {name: given[name] for name in own if given[name]}
        seen |= {status, priority}
    assert {"In forensic review", "Whenever", "Ask the boss"} <= seen


def test_references_lead_to_the_rows_they_name(filled: Index) -> None:
    issues, accounts = issues_of(filled), _remote_ids(filled, "account")
    people = _remote_ids(filled, "user", "contact")
    private = 0
    for row in filled.rows("ticket", source="jira"):
        given = issues[row["remote_id"]]["fields"]
        shared = given[ORGANIZATIONS_FIELD]
        assert accounts.get(row["account_id"]) == (shared[0] if shared else None)
        assert people.get(row["requester_id"]) == given["reporter"]
        assert people.get(row["assignee_id"]) == given["assignee"]
        private += not shared
    assert private > 0


def test_comments_are_text_and_public_or_not(filled: Index) -> None:
    comments, tickets = comments_of(filled), _remote_ids(filled, "ticket")
    people = _remote_ids(filled, "user", "contact")
    for row in filled.rows("comment", source="jira"):
        comment = comments[row["remote_id"]]
        assert row["public"] is comment["jsdPublic"]
        assert people[row["author_id"]] == comment["author"]
        assert tickets[row["ticket_id"]] == comment["issue"]
        assert row["body"] in (document_text(comment["body"]) or "")
    assert {row["public"] for row in filled.rows("comment", source="jira")} == {True, False}


def test_a_comment_for_a_group_is_not_public(synced: Index) -> None:
    comment = next(key for key, one in comments_of(synced).items() if one["jsdPublic"])
    site = synced.simulator
    fields = {"visibility": {"type": "group", "value": "lawyers"}}
    issue = comments_of(synced)[comment]["issue"]
    made = site.create("jira", "comment", issue=issue, body="x",
                       author=comments_of(synced)[comment]["author"], **fields)  # fmt: skip
    assert synced.sync("jira").complete
    assert row_of(synced, "comment", made["id"])["public"] is False


def test_people_who_hide_their_address_have_none(filled: Index) -> None:
    users = _users(filled, customers=True)
    rows = filled.rows("contact", source="jira")
    assert {row["email"] for row in rows} == {user.get("emailAddress") for user in users.values()}
    assert None in {row["email"] for row in rows}


def test_a_changed_issue_comes_with_its_new_comment_and_nothing_else(synced: Index) -> None:
    issue = next(iter(issues_of(synced).values()))
    comment = synced.simulator.create(
        "jira", "comment", issue=issue["id"], author=issue["fields"]["reporter"], body="Any news?"
    )
    synced.simulator.forget_requests("jira")
    report = synced.sync("jira")
    assert {s.stream: s.written for s in report.streams if s.written} == {
        "issues": 1, "comments": 1,
    }  # fmt: skip
    assert row_of(synced, "comment", comment["id"])["body"] == "Any news?"
    # The search is for milliseconds, so that neither minutes nor time zones matter.
    assert synced.calls("jira", f"/{issue['id']}/comment") == 1
    assert synced.calls("jira", "/comment") <= 2


def test_what_is_deleted(synced: Index) -> None:
    issue = next(key for key in issues_of(synced) if any(
        comment["issue"] == key for comment in comments_of(synced).values()))  # fmt: skip
    comment = next(one["id"] for one in comments_of(synced).values() if one["issue"] != issue)
    customer = next(iter(_users(synced, customers=True)))
    agent = next(key for key, user in _users(synced, customers=False).items() if user["active"])
    for kind, key in (("issue", issue), ("comment", comment), ("organization", "1"),
                      ("user", customer), ("user", agent)):  # fmt: skip
        synced.simulator.delete("jira", kind, key)
    assert synced.sync("jira").complete
    # These are read whole each time.
    assert row_of(synced, "account", "1")["deleted_at"] is not None
    assert row_of(synced, "contact", customer)["deleted_at"] is not None
    former = row_of(synced, "user", agent)
    assert (former["active"], former["name"], former["deleted_at"]) == (False, "Former user", None)
    # Of issues and comments Jira keeps no trace.
    assert row_of(synced, "ticket", issue)["deleted_at"] is None
    assert synced.sync("jira", reconcile=True).complete
    assert row_of(synced, "ticket", issue)["deleted_at"] is not None
    assert row_of(synced, "comment", comment)["deleted_at"] is not None
    assert not [row for row in synced.rows("comment", source="jira")
                if row["ticket_id"] == row_of(synced, "ticket", issue)["id"]]  # fmt: skip


def test_a_token_that_no_longer_counts_is_told_although_jira_answers(synced: Index) -> None:
    """Strangers may search, and find nothing."""
    before = synced.contents()
    report = synced.sync("jira", api_token="expired-000")
    for stream in report.streams:
        assert stream.read == 0
        assert "check the credentials" in (stream.error or "")
    assert synced.contents()["ticket"] == before["ticket"]


def test_a_project_that_is_named_and_not_seen_is_told(synced: Index) -> None:
    synced.simulator.change("jira", "project", "SUP", browsable=False)
    report = synced.sync("jira", projects=["SUP", "BILL"])
    assert "400" in (report.stream("issues").error or "")
    assert "400" in (report.stream("comments").error or "")
    # Of projects that were not named, Jira only says which issues there are.
    assert synced.sync("jira").complete


def test_issues_that_change_while_they_are_read_hide_nothing(
    index: Index, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is at work on what was just shown."""
    search = JiraApi._search
    changed: list[str] = []

    async def searched_then_changed(api: JiraApi, request: Request) -> Response:
        response = await search(api, request)
        for issue in json.loads(bytes(response.body))["issues"][:2]:
            if issue["id"] not in changed:
                changed.append(issue["id"])
                at = company.as_of.timestamp() * 1000 + 60_000 * len(changed)
                api.change("issue", issue["id"], {"fields": {"labels": ["seen"]}}, int(at))
        return response

    monkeypatch.setattr(JiraApi, "_search", searched_then_changed)
    with Simulator(company, page_limit=5, vendors=["jira"]) as simulator:
        small = replace(index, simulator=simulator)
        items = small.source("jira").read("issues", None, warn=lambda *_: None)
        read = {item["id"] for item in items if isinstance(item, dict)}
    assert len(changed) > 5
    assert issues_of(small).keys() <= read


def test_a_header_that_comes_twice_is_no_refusal(
    index: Index, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = JiraApi._marked

    def marked_twice(api: JiraApi, endpoint: Any) -> Any:
        once = marked(api, endpoint)

        async def twice(request: Request) -> Response:
            response: Response = await once(request)
            response.headers.append("X-Seraph-LoginReason", "OK")
            return response

        return twice

    monkeypatch.setattr(JiraApi, "_marked", marked_twice)
    with Simulator(company, vendors=["jira"]) as simulator:
        items = replace(index, simulator=simulator).source("jira").read(
            "fields", None, warn=lambda *_: None)  # fmt: skip
        assert any(isinstance(item, dict) for item in items)


def test_a_text_as_deep_as_a_well_holds_up_nobody(synced: Index) -> None:
    """Whoever may write a request may write it so."""
    issue = next(iter(issues_of(synced)))
    body: Record = {"type": "paragraph", "content": [{"type": "text", "text": "at the bottom"}]}
    for _ in range(100):
        body = {"type": "blockquote", "content": [body]}
    fields = {"description": {"type": "doc", "content": [body]}, "customfield_10050": body}
    synced.simulator.change("jira", "issue", issue, fields=fields)
    report = synced.sync("jira")
    assert report.complete
    assert row_of(synced, "ticket", issue)["description"] == "at the bottom"


def test_a_text_that_is_deeper_still_cannot_be_kept(synced: Index) -> None:
    body: Record = {"type": "text", "text": "at the bottom"}
    for _ in range(300):
        body = {"type": "blockquote", "content": [body]}
    transformed = synced.source("jira").transformation("issues")
    with pytest.raises(Unstorable):
        transformed({"id": "1", "fields": {"updated": "", "description": body}})
