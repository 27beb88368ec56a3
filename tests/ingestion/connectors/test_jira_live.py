"""Jira Service Management read live: what is there, what is gone, and what is only not shown."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from ingestion.live.sources import LiveSources
from ingestion.simulator import Company, Simulator
from ingestion.simulator.jira.api import JiraApi
from ingestion.simulator.jira.records import ORGANIZATIONS_FIELD
from ingestion.simulator.jira.site import Site
from ingestion.simulator.responses import json_response
from semantic_layer.freshness import Wanted
from tests.ingestion.connectors.jira_records import comments_of, issues_of, row_of
from tests.ingestion.index_under_test import TENANT, Index

Record = dict[str, Any]
pytestmark = pytest.mark.anyio


@pytest.fixture
async def live(synced: Index) -> AsyncIterator[LiveSources]:
    live = synced.live()
    yield live
    await live.close()


async def test_the_conversation_of_a_ticket_is_read_live(synced: Index, live: LiveSources) -> None:
    issue = next(iter(issues_of(synced).values()))
    old = [one for one in comments_of(synced).values() if one["issue"] == issue["id"]]
    synced.simulator.delete("jira", "comment", old[0]["id"])
    # More than one page of them.
    for number in range(45):
        synced.simulator.create("jira", "comment", issue=issue["id"], body=f"{number}",
                                author=issue["fields"]["reporter"])  # fmt: skip
    wanted = Wanted("jira", "issues", issue["id"], children="comment")
    assert list(await live.refresh(TENANT, [wanted])) == []
    ticket = row_of(synced, "ticket", issue["id"])["id"]
    found = [row for row in synced.rows("comment", source="jira") if row["ticket_id"] == ticket]
    assert len(found) == len(old) - 1 + 45
    assert synced.sync("jira").stream("comments").written == 0


async def test_the_tickets_of_an_account_are_read_live(synced: Index, live: LiveSources) -> None:
    issues = [issue for issue in issues_of(synced).values()
              if issue["fields"][ORGANIZATIONS_FIELD] == ["1"]]  # fmt: skip
    moved, other = issues[:2]
    synced.simulator.change("jira", "issue", moved["id"], fields={ORGANIZATIONS_FIELD: ["2"]})
    synced.simulator.change("jira", "issue", other["id"], fields={"summary": "Now it is worse"})
    wanted = Wanted("jira", "organizations", "1", children="ticket")
    assert list(await live.refresh(TENANT, [wanted])) == []
    assert row_of(synced, "ticket", other["id"])["subject"] == "Now it is worse"
    second = row_of(synced, "account", "2")["id"]
    assert row_of(synced, "ticket", moved["id"])["account_id"] == second


@pytest.mark.parametrize("children", [None, "comment"])
async def test_what_a_stranger_does_not_find_is_not_gone(
    synced: Index, children: str | None
) -> None:
    issue = next(iter(issues_of(synced)))
    stranger = synced.source("jira", api_token="expired-000")
    live = LiveSources(synced.database, synced.tables, synced.model, lambda: [stranger],
                       tenant=TENANT)  # fmt: skip
    wanted = Wanted("jira", "issues", issue, children=children)
    (failure,) = await live.refresh(TENANT, [wanted])
    assert "401" in failure.reason
    assert row_of(synced, "ticket", issue)["deleted_at"] is None
    await live.close()


async def test_what_is_gone_is_found_live(synced: Index, live: LiveSources) -> None:
    issue = next(iter(issues_of(synced)))
    synced.simulator.delete("jira", "issue", issue)
    assert list(await live.refresh(TENANT, [Wanted("jira", "issues", issue)])) == []
    assert row_of(synced, "ticket", issue)["deleted_at"] is not None


@pytest.mark.parametrize(("settings", "projects"), [
    # the projects that a source reads, by its settings
    ({}, {"SUP", "BILL"}),
    ({"projects": ["BILL"]}, {"BILL"}),
])  # fmt: skip
async def test_what_is_no_part_of_the_source_is_not_read_live_either(
    index: Index, settings: Record, projects: set[str]
) -> None:
    source = index.source("jira", **settings)
    live = LiveSources(index.database, index.tables, index.model, lambda: [source],
                       tenant=TENANT)  # fmt: skip
    issues = Site(index.simulator.company).records("issue")
    shared = {one for issue in issues for one in issue["fields"][ORGANIZATIONS_FIELD]
              if issue["fields"]["project"]["key"] == "DEV"}  # fmt: skip
    for organization in sorted(shared):
        wanted = Wanted("jira", "organizations", organization, children="ticket")
        assert list(await live.refresh(TENANT, [wanted])) == []
    await live.close()
    found = {row["number"].partition("-")[0] for row in index.rows("ticket", source="jira")}
    assert found == projects


def _conversation(index: Index) -> tuple[str, list[str]]:
    """The issue with the most comments, and their keys."""
    talks: dict[str, list[str]] = {}
    for key, comment in comments_of(index).items():
        talks.setdefault(comment["issue"], []).append(key)
    issue, comments = max(talks.items(), key=lambda talk: len(talk[1]))
    assert len(comments) > 2
    return issue, comments


async def _refusal(index: Index, issue: str) -> str:
    """Why the conversation is not read live, of a site that gives one comment a page."""
    with Simulator(index.simulator.company, page_limit=1, vendors=["jira"]) as simulator:
        live = replace(index, simulator=simulator).live()
        (failure,) = await live.refresh(TENANT, [Wanted("jira", "issues", issue, "comment")])
        await live.close()
    return failure.reason


def _are_there(index: Index, comments: list[str]) -> bool:
    """Whether none of them counts as deleted."""
    return all(row_of(index, "comment", key)["deleted_at"] is None for key in comments)


async def test_a_comment_that_slips_to_another_page_is_not_gone(
    synced: Index, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One before it is deleted while its page is read."""
    issue, comments = _conversation(synced)
    shown = JiraApi._comments

    async def shown_then_deleted(api: JiraApi, request: Request) -> Response:
        response = await shown(api, request)
        if api._site.get("comment", comments[0]) is not None:
            api.delete("comment", comments[0], int(company.as_of.timestamp() * 1000))
        return response

    monkeypatch.setattr(JiraApi, "_comments", shown_then_deleted)
    reason = await _refusal(synced, issue)
    assert "changed while it was read" in reason
    assert _are_there(synced, comments)


async def test_a_list_that_ends_early_is_no_whole_list(
    synced: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue, comments = _conversation(synced)
    shown = JiraApi._comments

    async def nothing_more(api: JiraApi, request: Request) -> Response:
        answer = json.loads(bytes((await shown(api, request)).body))
        return json_response({**answer, **({"comments": []} if answer["startAt"] else {})})

    monkeypatch.setattr(JiraApi, "_comments", nothing_more)
    reason = await _refusal(synced, issue)
    assert "before its end" in reason
    assert _are_there(synced, comments)


async def test_comments_that_a_stranger_is_not_shown_are_not_gone(
    synced: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some projects are open to everybody, and what their agents write to each other is not."""
    issue, comments = _conversation(synced)
    monkeypatch.setattr(JiraApi, "_visible", lambda api, _: api._site.records("issue"))
    shown = Site.comments
    monkeypatch.setattr(Site, "comments", lambda site, key: shown(site, key)[:1])
    stranger = synced.source("jira", api_token="expired-000")
    live = LiveSources(synced.database, synced.tables, synced.model, lambda: [stranger],
                       tenant=TENANT)  # fmt: skip
    (failure,) = await live.refresh(TENANT, [Wanted("jira", "issues", issue, children="comment")])
    await live.close()
    assert "401" in failure.reason
    assert _are_there(synced, comments)
