"""Freshdesk's API v2 over the help desk."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ingestion.simulator.company import Company
from ingestion.simulator.freshdesk.helpdesk import Helpdesk
from ingestion.simulator.responses import json_response

Record = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]

_PAGE = 30
_LARGEST_PAGE = 100
_PAGES_OF_TICKETS = 300
_SHOWN_DAYS = 30  # tickets made before are listed only when updated_since asks for them
_ORDERS = ("created_at", "due_by", "updated_at", "status")
_INCLUDES = ("description", "requester", "stats", "company")


class _InvalidError(Exception):
    """A parameter that Freshdesk refuses."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class FreshdeskApi:
    """A vendor in the sense of `ingestion.simulator.vendor.Vendor`."""

    name = "freshdesk"
    credentials: Mapping[str, str] = MappingProxyType({"api_key": "simulatedFreshdeskApiKey"})
    controls: Sequence[Route] = ()
    last_page = _PAGES_OF_TICKETS

    def __init__(self, company: Company, page_limit: int | None = None) -> None:
        self._desk = Helpdesk(company)
        self.create = self._desk.create
        self.change = self._desk.change
        self.delete = self._desk.delete
        self._page_limit = page_limit or _LARGEST_PAGE
        key = base64.b64encode(f"{self.credentials['api_key']}:X".encode()).decode()
        self._accepted = f"Basic {key}"
        endpoints: dict[str, Endpoint] = {
            "/agents": self._agents,
            "/agents/{id:int}": self._one("agent"),
            "/companies": self._companies,
            "/companies/{id:int}": self._one("company"),
            "/contacts": self._contacts,
            "/contacts/{id:int}": self._one("contact"),
            "/tickets": self._tickets,
            "/tickets/{id:int}": self._one("ticket"),
            "/tickets/{id:int}/conversations": self._conversations,
        }
        self.app: ASGIApp = Starlette(
            routes=[
                Route(f"/api/v2{path}", self._guarded(endpoint))
                for path, endpoint in endpoints.items()
            ],
            exception_handlers={_InvalidError: _invalid, 404: _not_found},
        )

    def trouble(self, kind: str, retry_after: int) -> Response:
        match kind:
            case "rate_limited":
                content = {"message": "You have exceeded the limit of requests per minute"}
                return json_response(content, 429, {"Retry-After": str(retry_after)})
            case "unauthorized":
                return _unauthorized()
            case _:
                return Response(status_code=500)

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            if request.headers.get("authorization") != self._accepted:
                return _unauthorized()
            response = await endpoint(request)
            response.headers["X-RateLimit-Total"] = "700"
            response.headers["X-RateLimit-Remaining"] = "699"
            response.headers["X-RateLimit-Used-CurrentRequest"] = "1"
            return response

        return guarded

    def _one(self, kind: str) -> Endpoint:
        async def one(request: Request) -> Response:
            record = self._desk.get(kind, request.path_params["id"])
            if record is None or (kind == "contact" and record.get("deleted")):
                return Response(status_code=404)
            return json_response(record)

        return one

    async def _agents(self, request: Request) -> Response:
        return self._page(request, self._desk.records("agent"))

    async def _companies(self, request: Request) -> Response:
        return self._page(request, self._desk.records("company"))

    async def _contacts(self, request: Request) -> Response:
        state = request.query_params.get("state")
        if state not in (None, "verified", "unverified", "blocked", "deleted"):
            raise _InvalidError("state", "It should be one of these values")
        company = request.query_params.get("company_id")
        since = _moment(request, "_updated_since")
        found = [
            contact
            for contact in self._desk.records("contact")
            if contact.get("deleted", False) is (state == "deleted")
            and _is_of(contact, company)
            and (since is None or _time(contact, "updated_at") >= since)
        ]
        return self._page(request, found)

    async def _tickets(self, request: Request) -> Response:
        asked = request.query_params
        view = asked.get("filter")
        if view not in (None, "new_and_my_open", "watching", "spam", "deleted"):
            raise _InvalidError("filter", "It should be one of these values")
        order = asked.get("order_by", "created_at")
        if order not in _ORDERS:
            raise _InvalidError("order_by", f"It should be one of these values: {_ORDERS}")
        includes = [name for name in asked.get("include", "").split(",") if name]
        if set(includes) - set(_INCLUDES):
            raise _InvalidError("include", "It should be one of these values")
        since = _moment(request, "updated_since")
        made_after = self._desk.now - timedelta(days=_SHOWN_DAYS)
        found = [
            ticket
            for ticket in self._desk.records("ticket")
            if ticket.get("deleted", False) is (view == "deleted")
            and _is_of(ticket, asked.get("company_id"))
            and (ticket["spam"] is (view == "spam") or view == "deleted")
            and (
                _time(ticket, "created_at") >= made_after
                if since is None
                else _time(ticket, "updated_at") >= since
            )
        ]
        descending = asked.get("order_type", "desc") == "desc"
        found.sort(key=lambda ticket: (ticket[order] or "", ticket["id"]), reverse=descending)
        found = [self._listed(ticket, includes) for ticket in found]
        return self._page(request, found, last=self.last_page)

    def _listed(self, ticket: Record, includes: Sequence[str]) -> Record:
        shown = dict(ticket)
        if "description" not in includes:
            del shown["description"], shown["description_text"]
        if "stats" in includes:
            closed = ticket["updated_at"] if ticket["status"] in (4, 5) else None
            shown["stats"] = {"resolved_at": closed, "closed_at": closed}
        if "requester" in includes:
            contact = self._desk.get("contact", ticket["requester_id"])
            names = ("id", "name", "email", "mobile", "phone")
            shown["requester"] = contact and {name: contact[name] for name in names}
        return shown

    async def _conversations(self, request: Request) -> Response:
        ticket = self._desk.get("ticket", request.path_params["id"])
        if ticket is None or ticket.get("deleted"):
            return Response(status_code=404)
        found = [one for one in self._desk.records("conversation")
                 if one["ticket_id"] == ticket["id"]]  # fmt: skip
        return self._page(request, found)

    def _page(
        self, request: Request, records: Sequence[Record], last: int | None = None
    ) -> Response:
        """One page, and the address of the next one in the header Link."""
        size, number = _number(request, "per_page", _PAGE), _number(request, "page", 1)
        if size > _LARGEST_PAGE:
            raise _InvalidError("per_page", "It should be a positive integer less than 101")
        if last is not None and number > last:
            raise _InvalidError("page", f"You cannot access tickets beyond the {last}th page")
        size = min(size, self._page_limit)
        end = number * size
        headers = {}
        if end < len(records):
            query = urlencode({**request.query_params, "page": number + 1})
            headers["Link"] = f'<{request.url.replace(query=query)}>; rel="next"'
        return json_response(records[end - size : end], headers=headers)


def _is_of(record: Record, company: str | None) -> bool:
    return company is None or str(record["company_id"]) == company


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name, str(otherwise))
    if not text.isdigit() or int(text) < 1:
        raise _InvalidError(name, "It should be a positive integer")
    return int(text)


def _moment(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _InvalidError(name, "It should be in the 'combined date and time' format") from error
    if moment.tzinfo is None:
        raise _InvalidError(name, "It should be in the 'combined date and time' format")
    return moment


def _time(record: Record, name: str) -> datetime:
    return datetime.fromisoformat(record[name])


def _unauthorized() -> Response:
    content = {
        "code": "invalid_credentials",
        "message": "You have to be logged in to perform this action.",
    }
    return json_response(content, 401)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, _InvalidError)  # noqa: S101
    problem = {"field": error.field, "message": str(error), "code": "invalid_value"}
    return json_response({"description": "Validation failed", "errors": [problem]}, 400)


async def _not_found(_: Request, __: Exception) -> Response:
    return Response(status_code=404)
