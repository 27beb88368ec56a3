"""The simulated Jira.

Atlassian publishes no client for Python. The shapes are those of its description of the API (Jira
platform REST API v3, Jira Service Management REST API): which names a record may have, which of
them it has always, and of what type each is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ingestion.simulator import Company, Simulator
from ingestion.simulator.jira.records import jira_time

SERVICE = "projectType = service_desk"


@pytest.fixture(scope="module")
def site(company: Company) -> Iterator[Simulator]:
    with Simulator(company, vendors=["jira"]) as sim:
        yield sim


def _http(sim: Simulator, token: str | None = None) -> httpx.Client:
    keys = sim.credentials["jira"]
    return httpx.Client(
        base_url=sim.urls["jira"],
        auth=(keys["email"], token or keys["api_token"]),
        timeout=20,
        trust_env=False,
    )


@pytest.fixture
def http(site: Simulator) -> Iterator[httpx.Client]:
    with _http(site) as client:
        yield client


def _search(http: httpx.Client, jql: str, **asked: Any) -> Iterator[Any]:
    """The pages of a search."""
    token: dict[str, str] = {}
    while True:
        answer = http.get("/rest/api/3/search/jql", params={"jql": jql, **asked, **token})
        answer.raise_for_status()
        page = answer.json()
        yield page
        if page["isLast"]:
            assert "nextPageToken" not in page
            return
        token = {"nextPageToken": page["nextPageToken"]}


def _found(http: httpx.Client, jql: str) -> list[Any]:
    pages = _search(http, jql, fields="updated,project,customfield_10002", maxResults=100)
    return [issue for page in pages for issue in page["issues"]]


_USER = {
    "accountId": str, "accountType": str, "active": bool, "applicationRoles": dict,
    "avatarUrls": dict, "displayName": str, "emailAddress": str, "expand": str, "groups": dict,
    "key": str, "locale": str, "name": str, "self": str, "timeZone": str,
}  # fmt: skip
_PERSON = {name: _USER[name] for name in (
    "accountId", "accountType", "active", "avatarUrls", "displayName", "emailAddress", "key",
    "name", "self", "timeZone",
)}  # fmt: skip
_STATUS = {"id": str, "name": str, "description": str, "iconUrl": str, "self": str, "scope": dict,
           "statusCategory": dict}  # fmt: skip
_CATEGORY = {"id": int, "key": str, "colorName": str, "name": str, "self": str}
_DOCUMENT = {"type": str, "version": int, "content": list}

SHAPES: list[tuple[str, list[str | int], set[str], dict[str, Any]]] = [
    # address; where a record is in the answer; names that it must have, and all it may have
    ("/rest/api/3/myself", [], {"accountId", "displayName", "active"}, _USER),
    ("/rest/api/3/users/search", [0], {"accountId", "accountType", "active"}, _USER),
    ("/rest/api/3/field", [6], {"id", "name", "custom", "schema"}, {
        "id": str, "key": str, "name": str, "custom": bool, "orderable": bool, "navigable": bool,
        "searchable": bool, "clauseNames": list, "schema": dict, "scope": dict,
    }),
    ("/rest/api/3/field", [6, "schema"], {"type", "custom", "customId"}, {
        "type": str, "items": str, "system": str, "custom": str, "customId": int,
        "configuration": dict,
    }),
    ("/rest/servicedeskapi/organization", [], {"isLastPage", "size", "start", "values"}, {
        "_expands": list, "_links": dict, "isLastPage": bool, "limit": int, "size": int,
        "start": int, "values": list,
    }),
    ("/rest/servicedeskapi/organization", ["values", 0], {"id", "name", "uuid"}, {
        "id": str, "name": str, "uuid": str, "created": dict, "scimManaged": bool, "_links": dict,
    }),
    ("/rest/servicedeskapi/organization", ["values", 0, "created"], {"iso8601"}, {
        "epochMillis": int, "friendly": str, "iso8601": str, "jira": str,
    }),
    (f"/rest/api/3/search/jql?jql={SERVICE}&fields=*all", [], {"issues", "isLast"}, {
        "issues": list, "isLast": bool, "nextPageToken": str, "names": dict, "schema": dict,
    }),
    (f"/rest/api/3/search/jql?jql={SERVICE}&fields=*all", ["issues", 0],
     {"id", "key", "self", "fields"}, {
        "id": str, "key": str, "self": str, "expand": str, "fields": dict, "changelog": dict,
        "editmeta": dict, "names": dict, "operations": dict, "properties": dict,
        "renderedFields": dict, "schema": dict, "transitions": list,
        "versionedRepresentations": dict, "fieldsToInclude": dict,
    }),
    ("/rest/api/3/issue/10200", ["fields", "status"], {"id", "name", "statusCategory"}, _STATUS),
    ("/rest/api/3/issue/10200", ["fields", "status", "statusCategory"], {"key"}, _CATEGORY),
    ("/rest/api/3/issue/10200", ["fields", "priority"], {"id", "name"}, {
        "id": str, "name": str, "description": str, "iconUrl": str, "isDefault": bool, "self": str,
        "statusColor": str,
    }),
    ("/rest/api/3/issue/10200", ["fields", "reporter"], {"accountId"}, _PERSON),
    ("/rest/api/3/issue/10200", ["fields", "description"], set(_DOCUMENT), _DOCUMENT),
    ("/rest/api/3/issue/10200/comment", [], {"comments", "maxResults", "startAt", "total"}, {
        "comments": list, "maxResults": int, "startAt": int, "total": int,
    }),
    ("/rest/api/3/issue/10200/comment", ["comments", 0],
     {"id", "author", "body", "created", "updated", "jsdPublic"}, {
        "author": dict, "body": dict, "created": str, "id": str, "jsdAuthorCanSeeRequest": bool,
        "jsdPublic": bool, "properties": list, "renderedBody": str, "self": str,
        "updateAuthor": dict, "updated": str, "visibility": dict,
    }),
    ("/rest/api/3/issue/10200/comment", ["comments", 0, "body"], set(_DOCUMENT), _DOCUMENT),
    ("/rest/api/3/issue/99999", [], {"errorMessages", "errors"}, {
        "errorMessages": list, "errors": dict, "status": int,
    }),
]  # fmt: skip


@pytest.mark.parametrize(("address", "path", "always", "types"), SHAPES)
def test_records_are_as_the_description_says(
    http: httpx.Client, address: str, path: list[str | int], always: set[str], types: dict[str, Any]
) -> None:
    record = http.get(address).json()
    for step in path:
        record = record[step]
    assert always <= record.keys() <= types.keys()
    assert [name for name in record if not isinstance(record[name], types[name])] == []


def test_a_search_is_paged_by_tokens_in_its_order(http: httpx.Client) -> None:
    jql = f"{SERVICE} ORDER BY updated ASC"
    pages = list(_search(http, jql, fields="updated", maxResults=7))
    assert {len(page["issues"]) for page in pages[:-1]} == {7}
    times = [datetime.fromisoformat(issue["fields"]["updated"])
             for page in pages for issue in page["issues"]]  # fmt: skip
    assert times == sorted(times)
    assert len({issue["id"] for page in pages for issue in page["issues"]}) == len(times)
    other = http.get("/rest/api/3/search/jql", params={
        "jql": SERVICE, "nextPageToken": pages[0]["nextPageToken"]})  # fmt: skip
    assert other.status_code == 400


def test_without_fields_a_search_gives_ids_alone(http: httpx.Client) -> None:
    (page, *_) = _search(http, SERVICE, maxResults=1)
    assert "fields" not in page["issues"][0]


def test_conditions(http: httpx.Client) -> None:
    service = _found(http, SERVICE)
    assert {issue["fields"]["project"]["key"] for issue in service} == {"SUP", "BILL"}
    assert _found(http, "project in (SUP, BILL)") == service
    mine = _found(http, "organizations = 1 ORDER BY key ASC")
    assert {one["fields"]["customfield_10002"][0]["id"] for one in mine} == {"1"}


def test_times_are_milliseconds_or_minutes_of_the_agent_s_zone(http: httpx.Client) -> None:
    issues = _found(http, f"{SERVICE} ORDER BY updated ASC")
    middle = datetime.fromisoformat(issues[len(issues) // 2]["fields"]["updated"])
    milliseconds = int(middle.timestamp() * 1000)
    since = _found(http, f"{SERVICE} AND updated >= {milliseconds}")
    later = _found(http, f"{SERVICE} AND updated > {milliseconds}")
    assert len(since) == len(later) + 1
    # The same text in UTC would be another moment, four or five hours away.
    text = f"{middle:%Y-%m-%d %H:%M}"
    assert len(_found(http, f'{SERVICE} AND updated >= "{text}"')) >= len(since)
    assert jira_time(middle) == issues[len(issues) // 2]["fields"]["updated"]


REFUSALS = [
    # query, what is said
    ("", "Unbounded JQL queries are not allowed here"),
    ("ORDER BY updated ASC", "Unbounded JQL queries are not allowed here"),
    ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
    ("mood = good", "Field 'mood' does not exist"),
    ("updated >= yesterday", "Date value 'yesterday' for field 'updated' is invalid"),
    ("updated", "Error in the JQL Query"),
    ("project = SUP ORDER BY mood", "Not able to sort using field 'mood'"),
]


@pytest.mark.parametrize(("jql", "said"), REFUSALS)
def test_queries_are_refused_with_the_reason(http: httpx.Client, jql: str, said: str) -> None:
    answer = http.get("/rest/api/3/search/jql", params={"jql": jql})
    assert answer.status_code == 400
    assert said in answer.json()["errorMessages"][0]


def test_strangers_find_nothing_and_are_only_told_so_in_a_header(site: Simulator) -> None:
    with _http(site, "wrong") as stranger:
        search = stranger.get("/rest/api/3/search/jql", params={"jql": SERVICE})
        assert (search.status_code, search.json()) == (200, {"issues": [], "isLast": True})
        assert search.headers["X-Seraph-LoginReason"] == "AUTHENTICATED_FAILED"
        assert stranger.get("/rest/api/3/issue/10200").status_code == 404
        for members_only in ("/rest/api/3/myself", "/rest/api/3/users/search",
                             "/rest/servicedeskapi/organization"):  # fmt: skip
            assert stranger.get(members_only).status_code == 401


def test_the_clock_of_a_service_level_runs_on(http: httpx.Client) -> None:
    def running() -> Any:
        issues = http.get("/rest/api/3/search/jql", params={"jql": SERVICE, "fields": "*all"})
        clocks = (issue["fields"]["customfield_10030"] for issue in issues.json()["issues"])
        return next(clock for clock in clocks if clock)

    assert running() != running()


def test_changes(company: Company) -> None:
    with Simulator(company, vendors=["jira"]) as sim, _http(sim) as http:
        before = datetime.now(UTC) - timedelta(seconds=5)
        since = f"{SERVICE} AND updated >= {int(before.timestamp() * 1000)}"
        assert _found(http, since) == []
        person = sim.create("jira", "user", accountId="qm:new", displayName="New",
                            accountType="customer")  # fmt: skip
        issue = sim.create("jira", "issue", project="SUP", summary="Fire", reporter="qm:new")
        note = sim.create("jira", "comment", issue=issue["id"], author=person["accountId"],
                          body="Still burning.", jsdPublic=False)  # fmt: skip
        comments = http.get(f"/rest/api/3/issue/{issue['key']}/comment").json()["comments"]
        assert [(one["id"], one["jsdPublic"]) for one in comments] == [(note["id"], False)]
        assert [one["id"] for one in _found(http, since)] == [issue["id"]]
        sim.delete("jira", "issue", issue["id"])
        assert http.get(f"/rest/api/3/issue/{issue['id']}").status_code == 404
        sim.delete("jira", "user", "qm:new")
        left = http.get("/rest/api/3/user", params={"accountId": "qm:new"}).json()
        assert (left["active"], left["displayName"]) == (False, "Former user")
        organization = sim.create("jira", "organization", name="New")
        address = f"/rest/servicedeskapi/organization/{organization['id']}"
        assert http.get(address).json()["name"] == "New"
        sim.delete("jira", "organization", organization["id"])
        assert http.get(address).status_code == 404
        sim.change("jira", "project", "SUP", browsable=False)
        hidden = http.get("/rest/api/3/search/jql", params={"jql": "project = SUP"})
        assert hidden.status_code == 400
        sim.fault("jira", "rate_limited", times=1, retry_after=7)
        limited = http.get("/rest/api/3/myself")
        assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
