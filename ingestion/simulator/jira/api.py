"""Jira's REST API v3 and that of Jira Service Management, over the site."""

from __future__ import annotations

import base64
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ingestion.simulator.company import Company
from ingestion.simulator.jira.jql import JqlError, Query, parse
from ingestion.simulator.jira.records import FIELDS, ORGANIZATIONS_FIELD, SLA_FIELD
from ingestion.simulator.jira.site import Site
from ingestion.simulator.responses import json_response

Record = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]

_LARGEST_SEARCH = 100  # when fields are asked for
_PAGE = 50
_LOGIN = "X-Seraph-LoginReason"


class _RefusedError(Exception):
    """A request that Jira refuses, with the status and the words of the refusal."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class JiraApi:
    """A vendor in the sense of `ingestion.simulator.vendor.Vendor`.

    Searches and issues are for strangers too, who see what is public, which is nothing here.
    """

    name = "jira"
    credentials: Mapping[str, str] = MappingProxyType(
        {"email": "integration@northbeam.example", "api_token": "simulatedJiraApiToken"}
    )
    controls: Sequence[Route] = ()

    def __init__(self, company: Company, page_limit: int | None = None) -> None:
        self._site = Site(company)
        self.create = self._site.create
        self.change = self._site.change
        self.delete = self._site.delete
        self._page_limit = page_limit or _LARGEST_SEARCH
        pair = f"{self.credentials['email']}:{self.credentials['api_token']}"
        self._accepted = f"Basic {base64.b64encode(pair.encode()).decode()}"
        members: dict[str, Endpoint] = {
            "/rest/api/3/myself": self._myself,
            "/rest/api/3/users/search": self._users,
            "/rest/api/3/user": self._user,
            "/rest/servicedeskapi/organization": self._organizations,
            "/rest/servicedeskapi/organization/{id}": self._organization,
        }
        everybody: dict[str, Endpoint] = {
            "/rest/api/3/search/jql": self._search,
            "/rest/api/3/field": self._fields,
            "/rest/api/3/issue/{id}": self._issue,
            "/rest/api/3/issue/{id}/comment": self._comments,
        }
        self.app: ASGIApp = Starlette(
            routes=[
                *(Route(path, self._guarded(endpoint)) for path, endpoint in members.items()),
                *(Route(path, self._marked(endpoint)) for path, endpoint in everybody.items()),
            ],
            exception_handlers={_RefusedError: _refuse, JqlError: _refuse},
        )

    def trouble(self, kind: str, retry_after: int) -> Response:
        match kind:
            case "rate_limited":
                return _errors(429, "Rate limit exceeded.", {"Retry-After": str(retry_after)})
            case "unauthorized":
                return _unauthorized()
            case _:
                return _errors(500, "Internal server error")

    def _knows(self, request: Request) -> bool:
        return request.headers.get("authorization") == self._accepted

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            return await endpoint(request) if self._knows(request) else _unauthorized()

        return guarded

    def _marked(self, endpoint: Endpoint) -> Endpoint:
        """For a stranger too; whoever tried to sign in and failed finds that in a header."""

        async def marked(request: Request) -> Response:
            try:
                response = await endpoint(request)
            except (_RefusedError, JqlError) as error:
                response = await _refuse(request, error)
            if self._knows(request):
                response.headers[_LOGIN] = "OK"
            elif "authorization" in request.headers:
                response.headers[_LOGIN] = "AUTHENTICATED_FAILED"
            return response

        return marked

    def _projects(self, request: Request) -> dict[str, Record]:
        """Those that the caller may browse, by key."""
        found = self._site.records("project") if self._knows(request) else []
        return {project["key"]: project for project in found if project["browsable"]}

    async def _myself(self, _: Request) -> Response:
        return json_response(self._shown_user(self._site.records("user")[0]))

    async def _users(self, request: Request) -> Response:
        """A list without any word of whether there is more; a page may be short for no reason."""
        found = self._site.records("user")
        start, size = _number(request, "startAt", 0), _number(request, "maxResults", _PAGE)
        page = found[start : start + min(size, self._page_limit)]
        return json_response([self._shown_user(user) for user in page])

    async def _user(self, request: Request) -> Response:
        user = self._site.get("user", request.query_params.get("accountId", ""))
        if user is None:
            raise _RefusedError(404, "Specified user does not exist or you do not have required"
                                " permissions")  # fmt: skip
        return json_response({**self._shown_user(user), "expand": "groups,applicationRoles"})

    async def _organizations(self, request: Request) -> Response:
        found = self._site.records("organization")
        start, limit = _number(request, "start", 0), _number(request, "limit", _PAGE)
        page = found[start : start + min(limit, _PAGE, self._page_limit)]
        return json_response(
            {
                "size": len(page),
                "start": start,
                "limit": min(limit, _PAGE),
                "isLastPage": start + len(page) >= len(found),
                "_links": {"base": str(request.base_url), "context": ""},
                "values": [self._shown_organization(one) for one in page],
            }
        )

    async def _organization(self, request: Request) -> Response:
        found = self._site.get("organization", request.path_params["id"])
        if found is None:
            return json_response({"errorMessage": "The organization does not exist.",
                                  "i18nErrorMessage": {"i18nKey": "sd.organisation.error"}},
                                 404)  # fmt: skip
        return json_response(self._shown_organization(found))

    async def _fields(self, request: Request) -> Response:
        known = self._knows(request)
        return json_response([field for field in FIELDS if known or not field["custom"]])

    async def _search(self, request: Request) -> Response:
        """A page of issues. The token says after which issue the next one begins."""
        projects = self._projects(request)
        jql = request.query_params.get("jql", "")
        query = parse(jql, projects)
        found = sorted(
            (issue for issue in self._visible(projects) if query.test(issue)), key=query.sort_key
        )
        token = request.query_params.get("nextPageToken")
        if token is not None:
            after = _opened(token, jql)
            found = [issue for issue in found if query.sort_key(issue) > after]
        size = min(_number(request, "maxResults", _PAGE), _LARGEST_SEARCH, self._page_limit)
        page = found[:size]
        fields = request.query_params.get("fields", "id")
        answer: Record = {
            "issues": [self._shown_issue(issue, fields, request) for issue in page],
            "isLast": len(found) <= size,
        }
        if len(found) > size:
            answer["nextPageToken"] = _sealed(query, page[-1], jql)
        return json_response(answer)

    async def _issue(self, request: Request) -> Response:
        fields = request.query_params.get("fields", "*all")
        return json_response(self._shown_issue(self._existing(request), fields, request))

    async def _comments(self, request: Request) -> Response:
        found = self._site.comments(self._existing(request)["id"])
        start, size = _number(request, "startAt", 0), _number(request, "maxResults", 100)
        size = min(size, 100, self._page_limit)
        page = [self._shown_comment(one) for one in found[start : start + size]]
        return json_response(
            {"startAt": start, "maxResults": size, "total": len(found), "comments": page}
        )

    def _visible(self, projects: Mapping[str, Record]) -> list[Record]:
        return [issue for issue in self._site.records("issue")
                if issue["fields"]["project"]["key"] in projects]  # fmt: skip

    def _existing(self, request: Request) -> Record:
        wanted = request.path_params["id"]
        for issue in self._visible(self._projects(request)):
            if wanted in (issue["id"], issue["key"]):
                return issue
        raise _RefusedError(404, "Issue does not exist or you do not have permission to see it.")

    def _shown_issue(self, issue: Record, fields: str, request: Request) -> Record:
        """The issue with the fields asked for, and users and organizations in them."""
        base = str(request.base_url).rstrip("/")
        shown: Record = {"id": issue["id"], "key": issue["key"], "expand": "names,schema",
                         "self": f"{base}/rest/api/3/issue/{issue['id']}"}  # fmt: skip
        wanted = [name.strip() for name in fields.split(",")]
        values: Record = {}
        for name, value in issue["fields"].items():
            if f"-{name}" not in wanted and ("*all" in wanted or name in wanted):
                values[name] = self._shown_value(name, value, base)
        if "comment" in wanted or ("*all" in wanted and "-comment" not in wanted):
            comments = [self._shown_comment(one) for one in self._site.comments(issue["id"])]
            values["comment"] = {"comments": comments[:20], "total": len(comments),
                                 "maxResults": 20, "startAt": 0}  # fmt: skip
        return shown if wanted == ["id"] else {**shown, "fields": values}

    def _shown_value(self, name: str, value: Any, base: str) -> Any:
        if name in ("reporter", "creator", "assignee") and value is not None:
            return self._person(value)
        if name == ORGANIZATIONS_FIELD:
            found = [self._site.get("organization", one) for one in value]
            return [
                {"id": one["id"], "name": one["name"], "uuid": one["uuid"],
                 "_links": {"self": f"{base}/rest/servicedeskapi/organization/{one['id']}"}}
                for one in found if one is not None
            ]  # fmt: skip
        if name == SLA_FIELD and value is not None:
            # The clock of the service level runs on.
            running = {"paused": False, "elapsedTime": {"millis": time.time_ns() // 1000}}
            return {**value, "ongoingCycle": running}
        return value

    def _shown_comment(self, comment: Record) -> Record:
        shown = {name: value for name, value in comment.items() if name != "issue"}
        return {**shown, "author": self._person(comment["author"]),
                "updateAuthor": self._person(comment["updateAuthor"])}  # fmt: skip

    def _person(self, account_id: str) -> Record:
        user = self._site.get("user", account_id)
        assert user is not None  # noqa: S101  # users stay for ever
        return {name: value for name, value in user.items() if name != "locale"}

    def _shown_user(self, user: Record) -> Record:
        return {**user, "self": f"/rest/api/3/user?accountId={user['accountId']}"}

    def _shown_organization(self, organization: Record) -> Record:
        link = f"/rest/servicedeskapi/organization/{organization['id']}"
        return {**organization, "_links": {"self": link}}


def _sealed(query: Query, last: Record, jql: str) -> str:
    place = orjson.dumps({"after": query.sort_key(last), "jql": jql})
    return base64.urlsafe_b64encode(place).decode()


def _opened(token: str, jql: str) -> list[float]:
    try:
        place = orjson.loads(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise _RefusedError(400, "The provided next page token is invalid.") from error
    if place["jql"] != jql:
        raise _RefusedError(400, "The provided next page token belongs to another query.")
    after: list[float] = place["after"]
    return after


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name, str(otherwise))
    if not text.isdigit():
        raise _RefusedError(400, f"The value '{text}' of {name} is not a number.")
    return int(text)


def _errors(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return json_response({"errorMessages": [message], "errors": {}}, status, headers)


def _unauthorized() -> Response:
    content = {
        "message": "Client must be authenticated to access this resource.",
        "status-code": 401,
    }
    return json_response(content, 401, {"WWW-Authenticate": 'OAuth realm="https%3A%2F%2Fjira"'})


async def _refuse(_: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, _RefusedError) else 400
    return _errors(status, str(error))
