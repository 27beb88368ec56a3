"""Zendesk's Support API over the desk."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from ingestion.simulator.company import Company
from ingestion.simulator.responses import json_response
from ingestion.simulator.table import Order, Table
from ingestion.simulator.zendesk.desk import Desk
from ingestion.simulator.zendesk.exports import CursorError, by_cursor, by_time
from ingestion.simulator.zendesk.records import comment_answer

Record = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]

_API = "/api/v2"
_LIST_LIMIT = 100
_EXPORT_LIMIT = 1000


class _RefusedError(Exception):
    """A request that Zendesk refuses, with the status and the body of the refusal."""

    def __init__(self, status: int, error: Any, description: str | None = None) -> None:
        super().__init__(description or error)
        self.status = status
        self.content = {"error": error}
        if description is not None:
            self.content["description"] = description


class ZendeskApi:
    """A vendor in the sense of `ingestion.simulator.vendor.Vendor`."""

    name = "zendesk"
    credentials: Mapping[str, str] = MappingProxyType(
        {
            "email": "integrations@northbeam.example",
            "api_token": "simulated-zendesk-api-token",
            "access_token": "simulated-zendesk-access-token",
        }
    )
    controls: Sequence[Route] = ()

    def __init__(self, company: Company, page_limit: int | None = None) -> None:
        self._desk = Desk(company)
        self.create = self._desk.create
        self.change = self._desk.change
        self.delete = self._desk.delete
        basic = f"{self.credentials['email']}/token:{self.credentials['api_token']}".encode()
        self._accepted = {
            f"Basic {base64.b64encode(basic).decode()}",
            f"Bearer {self.credentials['access_token']}",
        }
        self._page_limit = page_limit or _EXPORT_LIMIT
        self.app: ASGIApp = Starlette(
            routes=self._routes(),
            exception_handlers={_RefusedError: _refuse, CursorError: _bad_cursor, 404: _unknown},
        )

    def _routes(self) -> list[BaseRoute]:
        desk = self._desk
        endpoints: dict[str, Endpoint] = {
            "/incremental/tickets/cursor": self._cursor_export("tickets", desk.tickets),
            "/incremental/users/cursor": self._cursor_export("users", desk.users),
            "/incremental/tickets": self._time_export("tickets", desk.tickets),
            "/incremental/users": self._time_export("users", desk.users),
            "/incremental/organizations": self._time_export("organizations", desk.organizations),
            "/incremental/ticket_events": self._ticket_events,
            "/tickets": self._listing("tickets", desk.tickets),
            "/users": self._listing("users", desk.users),
            "/organizations": self._listing("organizations", desk.organizations),
            "/organizations/{id:int}/tickets": self._of_organization("tickets", desk.tickets),
            "/organizations/{id:int}/users": self._of_organization("users", desk.users),
            "/tickets/{id:int}/comments": self._ticket_comments,
            "/deleted_tickets": self._deleted_tickets,
            "/tags": self._tags,
            "/tickets/{id:int}": self._one("ticket", desk.tickets, _not_deleted),
            "/users/{id:int}": self._one("user", desk.users, lambda _: True),
            "/organizations/{id:int}": self._one(
                "organization", desk.organizations, lambda found: found["deleted_at"] is None
            ),
        }
        return [
            Route(f"{_API}{path}{suffix}", self._guarded(endpoint))
            for path, endpoint in endpoints.items()
            for suffix in ("", ".json")
        ]

    def trouble(self, kind: str, retry_after: int) -> Response:
        match kind:
            case "rate_limited":
                content = {
                    "error": "APIRateLimitExceeded",
                    "description": "Number of allowed API requests per minute exceeded",
                }
                limits = {"Retry-After": str(retry_after), "X-Rate-Limit": "700",
                          "X-Rate-Limit-Remaining": "0"}  # fmt: skip
                return json_response(content, 429, limits)
            case "unauthorized":
                return json_response({"error": "Couldn't authenticate you"}, 401)
            case _:
                return json_response({"error": "InternalError", "description": "Try again"}, 500)

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            if request.headers.get("authorization") not in self._accepted:
                raise _RefusedError(401, "Couldn't authenticate you")
            return await endpoint(request)

        return guarded

    def _one(self, name: str, table: Table, visible: Callable[[Record], bool]) -> Endpoint:
        async def one(request: Request) -> Response:
            record = table.get(request.path_params["id"])
            if record is None or not visible(record):
                raise _record_not_found()
            return json_response({name: record})

        return one

    def _listing(self, name: str, table: Table) -> Endpoint:
        async def listing(request: Request) -> Response:
            return json_response(self._paged(request, name, table.listed))

        return listing

    def _cursor_export(self, name: str, table: Table) -> Endpoint:
        async def export(request: Request) -> Response:
            cursor = request.query_params.get("cursor")
            start_time = None if cursor else _start_time(request)
            size = self._export_size(request)
            return json_response(by_cursor(table, name, _url(request), size, start_time, cursor))

        return export

    def _time_export(self, name: str, table: Table) -> Endpoint:
        async def export(request: Request) -> Response:
            size = self._export_size(request)
            page, rest = by_time(table, _url(request), size, _start_time(request))
            return json_response({name: page, **rest})

        return export

    async def _ticket_events(self, request: Request) -> Response:
        size = self._export_size(request)
        page, rest = by_time(self._desk.comments, _url(request), size, _start_time(request))
        include = request.query_params.get("include", "")
        with_text = "comment_events" in include.split(",")
        if include and rest["next_page"]:
            rest["next_page"] += f"&{urlencode({'include': include})}"
        events = [self._ticket_event(comment, with_text) for comment in page]
        return json_response({"ticket_events": events, **rest})

    def _ticket_event(self, comment: Record, with_text: bool) -> Record:
        """The audit in which the comment was made; the ticket's first also says it was created."""
        ticket_id = comment["ticket_id"]
        created = datetime.fromisoformat(comment["created_at"])
        if with_text:
            child = {**comment_answer(comment), "event_type": "Comment", "via_reference_id": None}
        else:
            child = {"id": comment["id"], "event_type": "Comment", "comment_present": True,
                     "comment_public": comment["public"], "via": comment["via"]}  # fmt: skip
        children = [child]
        if self._desk.comments.of(ticket_id).records[0] is comment:
            ticket = self._desk.tickets.get(ticket_id)
            children.insert(
                0,
                {
                    "id": comment["id"] + 1,
                    "event_type": "Create",
                    "status": "new",
                    "priority": ticket and ticket["priority"],
                    "via": comment["via"],
                },
            )
        return {
            "id": comment["audit_id"],
            "ticket_id": ticket_id,
            "timestamp": int(created.timestamp()),
            "created_at": comment["created_at"],
            "updater_id": comment["author_id"],
            "via": comment["via"]["channel"].title(),
            "system": comment["metadata"]["system"],
            "metadata": {},
            "event_type": "Audit",
            "child_events": children,
        }

    def _of_organization(self, name: str, table: Table) -> Endpoint:
        async def members(request: Request) -> Response:
            organization = self._desk.organizations.get(request.path_params["id"])
            if organization is None or organization["deleted_at"] is not None:
                raise _record_not_found()
            return json_response(self._paged(request, name, table.of(organization["id"])))

        return members

    async def _ticket_comments(self, request: Request) -> Response:
        ticket = self._desk.tickets.get(request.path_params["id"])
        if ticket is None or not _not_deleted(ticket):
            raise _record_not_found()
        answer = self._paged(request, "comments", self._desk.comments.of(ticket["id"]))
        answer["comments"] = [comment_answer(comment) for comment in answer["comments"]]
        return json_response(answer)

    async def _deleted_tickets(self, request: Request) -> Response:
        deleted = [t for t in self._desk.tickets.changed.records if t["status"] == "deleted"]
        answer = self._paged(request, "deleted_tickets", Order(deleted, _id))
        answer["deleted_tickets"] = [
            {
                "id": ticket["id"],
                "subject": ticket["subject"],
                "description": ticket["description"],
                "actor": {"id": ticket["assignee_id"] or ticket["submitter_id"]},
                "deleted_at": ticket["updated_at"],
                "previous_state": "open",
            }
            for ticket in answer["deleted_tickets"]
        ]
        return json_response(answer)

    async def _tags(self, request: Request) -> Response:
        counts: Counter[str] = Counter()
        for ticket in self._desk.tickets.listed.records:
            counts.update(ticket["tags"])
        tags = [{"id": place, "name": name, "count": count}
                for place, (name, count) in enumerate(counts.most_common())]  # fmt: skip
        return json_response(self._paged(request, "tags", Order(tags, _id)))

    def _paged(self, request: Request, name: str, order: Order) -> Record:
        """Cursor paging when asked by `page[size]` or `page[after]`, page numbers otherwise."""
        asked = request.query_params
        if "page[size]" in asked or "page[after]" in asked:
            size = min(_number(asked.get("page[size]", "100")), _LIST_LIMIT, self._page_limit)
            start = order.after(_position(asked["page[after]"])) if "page[after]" in asked else 0
            page = order.records[start : start + size]
            return {name: page, **_cursor_links(request, page, size, start, len(order))}
        size = min(_number(asked.get("per_page", "100")), _LIST_LIMIT, self._page_limit)
        number = max(1, _number(asked.get("page", "1")))
        start = (number - 1) * size
        more = start + size < len(order)
        return {
            name: order.records[start : start + size],
            "count": len(order),
            "next_page": _page_url(request, number + 1, size) if more else None,
            "previous_page": _page_url(request, number - 1, size) if number > 1 else None,
        }

    def _export_size(self, request: Request) -> int:
        asked = _number(request.query_params.get("per_page", str(_EXPORT_LIMIT)))
        return min(max(1, asked), _EXPORT_LIMIT, self._page_limit)


def _cursor_links(
    request: Request, page: list[Record], size: int, start: int, total: int
) -> Record:
    def link(**where: str) -> str:
        query = {f"page[{name}]": value for name, value in where.items()}
        return f"{_url(request)}?{urlencode({'page[size]': size, **query})}"

    after = _cursor(page[-1]["id"]) if page else None
    before = _cursor(page[0]["id"]) if page else None
    has_more = start + len(page) < total
    return {
        "meta": {"has_more": has_more, "after_cursor": after, "before_cursor": before},
        "links": {
            "next": link(after=after) if after and has_more else None,
            "prev": link(before=before) if before and start > 0 else None,
        },
    }


def _cursor(record_id: int) -> str:
    return base64.urlsafe_b64encode(f"o:{record_id}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor.encode()).decode().removeprefix("o:"))
    except ValueError as error:
        raise CursorError("page[after] is not valid") from error


def _start_time(request: Request) -> int:
    text = request.query_params.get("start_time")
    if text is None:
        raise _RefusedError(400, "StartTimeMissing", "Required start_time parameter is missing.")
    if not text.isdigit():
        raise _RefusedError(400, "InvalidValue", f"{text} is not a valid start_time.")
    return int(text)


def _number(text: str) -> int:
    if not text.isdigit():
        raise _RefusedError(400, "InvalidPaginationParameter", f"{text} is not a number.")
    return int(text)


def _url(request: Request) -> str:
    return str(request.url.replace(query=""))


def _page_url(request: Request, number: int, size: int) -> str:
    return f"{_url(request)}?{urlencode({'page': number, 'per_page': size})}"


def _id(record: Record) -> int:
    return int(record["id"])


def _not_deleted(ticket: Record) -> bool:
    return bool(ticket["status"] != "deleted")


def _record_not_found() -> _RefusedError:
    return _RefusedError(404, "RecordNotFound", "Not found")


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, _RefusedError)  # noqa: S101
    return json_response(error.content, error.status)


async def _bad_cursor(_: Request, error: Exception) -> Response:
    return json_response({"error": "InvalidPaginationParameter", "description": str(error)}, 400)


async def _unknown(_: Request, __: Exception) -> Response:
    return json_response({"error": {"title": "Invalid endpoint", "message": "Not found"}}, 404)
