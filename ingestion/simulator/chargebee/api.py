"""Chargebee's API v2 over the site: lists whose entries are wrapped, and single records."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ingestion.simulator.chargebee.site import Site
from ingestion.simulator.company import Company
from ingestion.simulator.responses import json_response

Record = dict[str, Any]
Test = Callable[[Record], bool]

_PAGE = 10
_LARGEST_PAGE = 100
_FILTER = re.compile(r"(\w+)\[(\w+)\]")
_KINDS = ("customer", "subscription", "invoice")
_SORTED_BY = {
    "customer": ("created_at", "updated_at"),
    "subscription": ("created_at", "updated_at"),
    "invoice": ("date", "updated_at"),
}


class _RefusedError(Exception):
    """A request that Chargebee refuses, with the status and the code of the refusal."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ChargebeeApi:
    """A vendor in the sense of `ingestion.simulator.vendor.Vendor`."""

    name = "chargebee"
    credentials: Mapping[str, str] = MappingProxyType({"api_key": "test_simulatedChargebeeKey"})
    controls: Sequence[Route] = ()

    def __init__(self, company: Company, page_limit: int | None = None) -> None:
        self._site = Site(company)
        self.create = self._site.create
        self.change = self._site.change
        self.delete = self._site.delete
        self._page_limit = page_limit or _LARGEST_PAGE
        key = base64.b64encode(f"{self.credentials['api_key']}:".encode()).decode()
        self._accepted = f"Basic {key}"
        routes = []
        for kind in _KINDS:
            routes.append(Route(f"/api/v2/{kind}s", self._list(kind)))
            routes.append(Route(f"/api/v2/{kind}s/{{id}}", self._one(kind)))
        self.app: ASGIApp = Starlette(
            routes=routes, exception_handlers={_RefusedError: _refuse, 404: _unknown}
        )

    def trouble(self, kind: str, retry_after: int) -> Response:
        match kind:
            case "rate_limited":
                return _error(429, "api_request_limit_exceeded", "Too many requests.",
                              {"Retry-After": str(retry_after)})  # fmt: skip
            case "unauthorized":
                return _error(401, "api_authentication_failed", "Sorry, authentication failed.")
            case _:
                return _error(500, "internal_error", "Sorry, something went wrong.")

    def _check_key(self, request: Request) -> None:
        if request.headers.get("authorization") != self._accepted:
            message = "Sorry, authentication failed. Invalid api key."
            raise _RefusedError(401, "api_authentication_failed", message)

    def _one(self, kind: str) -> Callable[[Request], Any]:
        async def one(request: Request) -> Response:
            self._check_key(request)
            record = self._site.get(kind, request.path_params["id"])
            if record is None or record["deleted"]:
                message = f"{request.path_params['id']} not found"
                raise _RefusedError(404, "resource_not_found", message)
            return json_response(self._wrapped(kind, record))

        return one

    def _list(self, kind: str) -> Callable[[Request], Any]:
        async def list_(request: Request) -> Response:
            self._check_key(request)
            tests, order, descending = _asked(kind, request)
            records = [found for found in self._site.records(kind)
                       if all(test(found) for test in tests)]  # fmt: skip
            records.sort(key=lambda found: (found[order], found["id"]), reverse=descending)
            limit = _number(request, "limit", _PAGE)
            if not 1 <= limit <= _LARGEST_PAGE:
                raise _RefusedError(400, "param_wrong_value", "limit : should be from 1 to 100")
            start = _place(request, records)
            page = records[start : start + min(limit, self._page_limit)]
            answer: Record = {"list": [self._wrapped(kind, found) for found in page]}
            if start + len(page) < len(records):
                # A place among the records, not a count of them: what comes later moves no page.
                answer["next_offset"] = orjson.dumps(
                    [str(page[-1][order]), page[-1]["id"]]
                ).decode()
            return json_response(answer)

        return list_

    def _wrapped(self, kind: str, record: Record) -> Record:
        """A record under the name of its kind, a subscription's customer beside it."""
        if kind == "subscription":
            return {kind: record, "customer": self._site.get("customer", record["customer_id"])}
        return {kind: record}


def _asked(kind: str, request: Request) -> tuple[list[Test], str, bool]:
    """The conditions of a list, and its order."""
    asked = request.query_params
    order, descending = _SORTED_BY[kind][0], True
    tests: list[Test] = []
    if asked.get("include_deleted", "false") != "true":
        tests.append(lambda found: not found["deleted"])
    for name, value in asked.items():
        if name in ("limit", "offset", "include_deleted"):
            continue
        match = _FILTER.fullmatch(name)
        if match is None:
            raise _RefusedError(400, "param_wrong_value", f"{name} : unknown parameter")
        field, operator = match[1], match[2]
        if field == "sort_by":
            if value not in _SORTED_BY[kind] or operator not in ("asc", "desc"):
                raise _RefusedError(400, "param_wrong_value", f"sort_by : cannot sort by {value}")
            order, descending = value, operator == "desc"
        else:
            tests.append(_test(field, operator, value))
    return tests, order, descending


def _test(field: str, operator: str, value: str) -> Test:
    if operator in ("after", "before", "on"):
        if not value.isdigit():
            raise _RefusedError(400, "param_wrong_value", f"{field} : should be a timestamp")
        moment = int(value)
    match operator:
        case "after":
            return lambda found: found.get(field, 0) > moment
        case "before":
            return lambda found: found.get(field, 0) < moment
        case "is":
            return lambda found: str(found.get(field)) == value
        case "in":
            values = orjson.loads(value)
            return lambda found: found.get(field) in values
        case _:
            raise _RefusedError(400, "param_wrong_value", f"{field} : no operator {operator}")


def _place(request: Request, records: Sequence[Record]) -> int:
    """The place of the first record after the one that `offset` names."""
    offset = request.query_params.get("offset")
    if offset is None:
        return 0
    try:
        _, record_id = orjson.loads(offset)
        return next(n for n, found in enumerate(records, 1) if found["id"] == record_id)
    except (ValueError, TypeError, StopIteration) as error:
        raise _RefusedError(400, "param_wrong_value", "offset : invalid") from error


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name, str(otherwise))
    if not text.isdigit():
        raise _RefusedError(400, "param_wrong_value", f"{name} : should be a number")
    return int(text)


def _error(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    content = {
        "message": message,
        "type": "invalid_request" if status < 500 else "operation_failed",
        "api_error_code": code,
        "error_code": code,
        "error_msg": message,
        "http_status_code": status,
    }
    return json_response(content, status, headers)


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, _RefusedError)  # noqa: S101
    return _error(error.status, error.code, str(error))


async def _unknown(_: Request, __: Exception) -> Response:
    return _error(404, "site_not_found", "The requested URL was not found.")
