"""Stripe's API over the account: lists, single objects and events, in two API versions."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ingestion.simulator.company import Company
from ingestion.simulator.company.events import RETENTION
from ingestion.simulator.responses import json_response
from ingestion.simulator.stripe.account import Account
from ingestion.simulator.stripe.records import ACCOUNT_ID, DEFAULT_VERSION, listing
from ingestion.simulator.stripe.versions import has_basil_shapes, in_basil_shape, is_version
from ingestion.simulator.table import Order, Record, Table

Test = Callable[[Record], bool]

_LIST_LIMIT = 100
_DEFAULT_LIMIT = 10
_PAGING = {"limit", "starting_after", "ending_before", "expand"}
_PARAMETER = re.compile(r"(\w+)(?:\[(\w*)\])?")
_ACCOUNT = {
    "id": ACCOUNT_ID,
    "object": "account",
    "business_type": "company",
    "charges_enabled": True,
    "country": "US",
    "created": 1_600_000_000,
    "default_currency": "usd",
    "details_submitted": True,
    "email": "billing@northbeam.example",
    "metadata": {},
    "payouts_enabled": True,
    "type": "standard",
}


class _RefusedError(Exception):
    """A request that Stripe refuses, with the status and the members of `error`."""

    def __init__(self, status: int, message: str, **members: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": "invalid_request_error", "message": message, **members}


@dataclass(frozen=True)
class _Collection:
    """A list endpoint: where its objects are, and which fields it filters by equality."""

    name: str
    kind: str
    table: Table
    filters: tuple[str, ...]


class StripeApi:
    """A vendor in the sense of `ingestion.simulator.vendor.Vendor`."""

    name = "stripe"
    credentials: Mapping[str, str] = MappingProxyType(
        {"api_key": "sk_test_simulatedStripeSecretKey"}
    )
    controls: Sequence[Route] = ()

    def __init__(self, company: Company, page_limit: int | None = None) -> None:
        self._account = Account(company)
        self.create = self._account.create
        self.change = self._account.change
        self.delete = self._account.delete
        self._key = self.credentials["api_key"]
        self._page_limit = page_limit or _LIST_LIMIT
        self._request_numbers = itertools.count(1)
        account = self._account
        collections = (
            _Collection("customers", "customer", account.customers, ("email",)),
            _Collection("invoices", "invoice", account.invoices,
                        ("customer", "status", "subscription", "collection_method")),
            _Collection("subscriptions", "subscription", account.subscriptions,
                        ("customer", "status", "collection_method")),
            _Collection("events", "event", account.events, ("type",)),
        )  # fmt: skip
        routes = [
            Route("/v1/account", self._guarded(self._own_account)),
            Route("/v1/accounts", self._guarded(self._accounts)),
            Route(f"/v1/accounts/{ACCOUNT_ID}", self._guarded(self._own_account)),
        ]
        for collection in collections:
            path = f"/v1/{collection.name}"
            routes.append(Route(path, self._guarded(self._list(collection))))
            routes.append(Route(f"{path}/{{id}}", self._guarded(self._one(collection))))
        self.app: ASGIApp = Starlette(
            routes=routes, exception_handlers={_RefusedError: self._refuse, 404: self._unknown}
        )

    def trouble(self, kind: str, retry_after: int) -> Response:
        match kind:
            case "rate_limited":
                error = {
                    "type": "invalid_request_error",
                    "code": "rate_limit",
                    "message": "Request rate limit exceeded. You can learn more about rate limits "
                    "here https://stripe.com/docs/rate-limits.",
                }
                return self._answer(error, 429, {"Retry-After": str(retry_after),
                                                 "Stripe-Should-Retry": "true"})  # fmt: skip
            case "unauthorized":
                error = {
                    "type": "invalid_request_error",
                    "message": f"Invalid API Key provided: {_masked(self._key)}",
                }
                return self._answer(error, 401)
            case _:
                error = {"type": "api_error", "message": "An unknown error occurred."}
                return self._answer(error, 500)

    def _answer(
        self, error: Record, status: int, headers: dict[str, str] | None = None
    ) -> Response:
        return json_response({"error": error}, status, {**self._headers(), **(headers or {})})

    def _headers(self) -> dict[str, str]:
        return {"Request-Id": f"req_{next(self._request_numbers):014d}"}

    def _guarded(
        self, endpoint: Callable[[Request, str], Record]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Checks the key and the version, and answers in the shape of that version."""

        async def guarded(request: Request) -> Response:
            self._check_key(request)
            version = request.headers.get("stripe-version") or DEFAULT_VERSION
            if not is_version(version):
                raise _RefusedError(400, f"Invalid Stripe API version: {version}")
            content = endpoint(request, version)
            return json_response(content, headers={**self._headers(), "Stripe-Version": version})

        return guarded

    def _check_key(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            given = _user_name(given)
        if not given:
            raise _RefusedError(
                401,
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                "YOUR_SECRET_KEY').",
            )
        if given != self._key:
            raise _RefusedError(401, f"Invalid API Key provided: {_masked(given)}")

    def _own_account(self, _: Request, __: str) -> Record:
        return _ACCOUNT

    def _accounts(self, _: Request, __: str) -> Record:
        return listing("/v1/accounts", [_ACCOUNT])

    def _one(self, collection: _Collection) -> Callable[[Request, str], Record]:
        def one(request: Request, version: str) -> Record:
            record_id = request.path_params["id"]
            record = collection.table.get(record_id)
            if record is None:
                raise _no_such(collection.kind, record_id, 404, "id")
            if record.get("deleted"):
                return {"id": record_id, "object": collection.kind, "deleted": True}
            return in_basil_shape(record) if has_basil_shapes(version) else record

        return one

    def _list(self, collection: _Collection) -> Callable[[Request, str], Record]:
        def list_(request: Request, version: str) -> Record:
            asked = _Asked(request, collection.filters)
            limit = min(asked.limit, self._page_limit)
            order = collection.table.listed
            tests = asked.tests(collection.filters)
            if customer := asked.one.get("customer"):
                order = collection.table.of(customer)
            if collection.kind == "subscription":
                tests = _subscription_tests(tests, asked)
            elif collection.kind == "event":
                tests.append(self._still_kept)
                if asked.types:
                    tests.append(lambda event: event["type"] in asked.types)
            page, has_more = _page(collection, order, asked, tests, limit)
            if has_basil_shapes(version):
                page = [in_basil_shape(record) for record in page]
            return listing(f"/v1/{collection.name}", page, has_more=has_more)

        return list_

    def _still_kept(self, event: Record) -> bool:
        return bool(event["created"] >= self._account.now - RETENTION)

    async def _refuse(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, _RefusedError)  # noqa: S101
        return self._answer(error.error, error.status)

    async def _unknown(self, request: Request, _: Exception) -> Response:
        message = f"Unrecognized request URL ({request.method}: {request.url.path})."
        return self._answer({"type": "invalid_request_error", "message": message}, 404)


class _Asked:
    """The query of a list request: paging, creation times, event types, and filters by value."""

    def __init__(self, request: Request, filters: tuple[str, ...]) -> None:
        self.one: dict[str, str] = {}
        self.types: set[str] = set()
        self.created: dict[str, int] = {}
        for name, value in request.query_params.multi_items():
            match = _PARAMETER.fullmatch(name)
            base, part = (match[1], match[2]) if match else (name, None)
            if base == "created":
                self.created[part or "eq"] = _integer(name, value)
            elif base == "types" and "type" in filters:
                self.types.add(value)
            elif base in _PAGING or base in filters:
                self.one[base] = value
            else:
                raise _RefusedError(
                    400, f"Received unknown parameter: {base}", code="parameter_unknown", param=base
                )
        self.limit = _integer("limit", self.one.get("limit", str(_DEFAULT_LIMIT)))
        if not 1 <= self.limit <= _LIST_LIMIT:
            bound = "less than or equal to 100" if self.limit > 1 else "greater than or equal to 1"
            raise _RefusedError(
                400,
                f"This value must be {bound} (it currently is '{self.limit}').",
                code="parameter_invalid_integer",
                param="limit",
            )

    def tests(self, filters: tuple[str, ...]) -> list[Test]:
        wanted = {name: self.one[name] for name in filters if name in self.one}

        def matches(record: Record) -> bool:
            return all(record[name] == value for name, value in wanted.items())

        return [matches] if wanted else []

    def bounds(self, order: Order) -> tuple[int, int]:
        """The part of the order that lies within the creation times asked for."""
        low, high = 0, len(order)
        for part, moment in self.created.items():
            if part in ("gte", "eq"):
                low = max(low, order.position((moment,)))
            if part == "gt":
                low = max(low, order.position((moment + 1,)))
            if part in ("lte", "eq"):
                high = min(high, order.position((moment + 1,)))
            if part == "lt":
                high = min(high, order.position((moment,)))
        return low, high


def _subscription_tests(tests: list[Test], asked: _Asked) -> list[Test]:
    """Without a status canceled subscriptions are left out; `all` and `ended` are no statuses."""
    status = asked.one.get("status")
    if status is None:
        return [*tests, lambda found: found["status"] != "canceled"]
    if status in ("all", "ended"):
        del asked.one["status"]
        tests = asked.tests(("customer", "collection_method"))
        if status == "ended":
            tests.append(lambda found: found["ended_at"] is not None)
    return tests


def _page(
    collection: _Collection, order: Order, asked: _Asked, tests: list[Test], limit: int
) -> tuple[list[Record], bool]:
    """One page, newest first, and whether there is more in the direction of reading."""
    low, high = asked.bounds(order)
    backwards = "ending_before" in asked.one
    if anchor_id := asked.one.get("starting_after") or asked.one.get("ending_before"):
        anchor = collection.table.get(anchor_id)
        if anchor is None:
            name = "ending_before" if backwards else "starting_after"
            raise _no_such(collection.kind, anchor_id, 400, name)
        if backwards:
            low = max(low, order.after(order.key_of(anchor)))
        else:
            high = min(high, order.position(order.key_of(anchor)))
    places = range(low, high) if backwards else range(high - 1, low - 1, -1)
    found: list[Record] = []
    for place in places:
        record = order.records[place]
        if all(test(record) for test in tests):
            found.append(record)
            if len(found) > limit:
                break
    page = found[:limit]
    return (page[::-1] if backwards else page), len(found) > limit


def _integer(name: str, text: str) -> int:
    if not re.fullmatch(r"-?\d+", text):
        raise _RefusedError(
            400, f"Invalid integer: {text}", code="parameter_invalid_integer", param=name
        )
    return int(text)


def _no_such(kind: str, record_id: str, status: int, parameter: str) -> _RefusedError:
    return _RefusedError(
        status, f"No such {kind}: '{record_id}'", code="resource_missing", param=parameter,
        doc_url="https://stripe.com/docs/error-codes/resource-missing",
    )  # fmt: skip


def _masked(key: str) -> str:
    return f"{key[:8]}{'*' * max(0, len(key) - 12)}{key[-4:]}"


def _user_name(basic: str) -> str:
    try:
        return base64.b64decode(basic, validate=True).decode().partition(":")[0]
    except ValueError:
        return ""
