"""HubSpot's CRM API v3 over the portal: lists, single objects, search, properties and pipelines."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ingestion.simulator.company import Company
from ingestion.simulator.hubspot.definitions import (
    CHANGED,
    CREATED,
    DEFAULTS,
    TYPES,
    property_definitions,
)
from ingestion.simulator.hubspot.portal import Portal
from ingestion.simulator.hubspot.search import LIMIT, SearchError, search
from ingestion.simulator.responses import json_response

Record = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Record]]

_LIST_LIMIT = 100
_OWNER_LIMIT = 500
_ASSOCIATION_LIMIT = 500
# Of what is always in an answer, whatever properties are asked for.
_ALWAYS = ("hs_object_id", *{*CREATED.values(), *CHANGED.values()})
_BATCH_LIMIT = 1000
_BATCH_AT = "2026-11-01T00:00:00.000Z"
_UI_TYPES = {
    "contacts": "0-1", "companies": "0-2", "deals": "0-3", "tickets": "0-5", "notes": "0-46",
    "emails": "0-49",
}  # fmt: skip
PORTAL_ID = "48211177"


class _RefusedError(Exception):
    """A request that HubSpot refuses, with the status and the category of the refusal."""

    def __init__(self, status: int, category: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.category = category


class HubSpotApi:
    """A vendor in the sense of `ingestion.simulator.vendor.Vendor`."""

    name = "hubspot"
    credentials: Mapping[str, str] = MappingProxyType(
        {
            "access_token": "pat-eu1-simulated-hubspot-token",
            "portal_id": PORTAL_ID,
            "client_id": "simulated-hubspot-client-id",
            "client_secret": "simulated-hubspot-client-secret",
            "refresh_token": "simulated-hubspot-refresh-token",
        }
    )
    controls: Sequence[Route] = ()
    limit = "TEN_SECONDLY_ROLLING"  # the policy that a rate-limited caller is told of, or DAILY

    def __init__(self, company: Company, page_limit: int | None = None) -> None:
        self._portal = Portal(company)
        self.create = self._portal.create
        self.change = self._portal.change
        self.delete = self._portal.delete
        self._page_limit = page_limit or LIMIT
        self._request_numbers = itertools.count(1)
        self._issued: set[str] = set()  # to the public app
        self.app: ASGIApp = Starlette(
            routes=[
                self._route("/crm/v3/owners", self._owners),
                self._route("/crm/v3/owners/{id}", self._owner),
                self._route("/crm/v3/objects/{kind}", self._objects),
                self._route("/crm/v3/objects/{kind}/search", self._search, "POST"),
                self._route("/crm/v3/objects/{kind}/{id}", self._object),
                self._route("/crm/v3/properties/{kind}", self._properties),
                self._route("/crm/v3/pipelines/{kind}", self._pipelines),
                self._route("/crm/v4/objects/{kind}/{id}/associations/{to}", self._linked),
                self._route("/crm/v4/associations/{kind}/{to}/batch/read", self._links, "POST"),
                Route("/oauth/v3/token", self._token, methods=["POST"]),
            ],
            exception_handlers={
                _RefusedError: self._refuse,
                SearchError: self._refuse_search,
                404: self._unknown,
                405: self._unknown,
            },
        )

    def trouble(self, kind: str, retry_after: int) -> Response:
        match kind:
            case "rate_limited":
                content = {
                    "status": "error",
                    "message": f"You have reached your {self.limit.lower()} limit.",
                    "errorType": "RATE_LIMIT",
                    "correlationId": self._correlation_id(),
                    "policyName": self.limit,
                    "groupName": "private-apps",
                }
                limits = {**self._limits(), "X-HubSpot-RateLimit-Remaining": "0",
                          "Retry-After": str(retry_after)}  # fmt: skip
                return json_response(content, 429, limits)
            case "unauthorized":
                return self._error(401, "EXPIRED_AUTHENTICATION", "The token has expired.")
            case _:
                return self._error(500, "INTERNAL_ERROR", "internal error")

    def _route(self, path: str, endpoint: Endpoint, method: str = "GET") -> Route:
        async def guarded(request: Request) -> Response:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            if token not in {self.credentials["access_token"], *self._issued}:
                raise _RefusedError(
                    401, "INVALID_AUTHENTICATION", "Authentication credentials not found."
                )
            kinds = {request.path_params[name] for name in ("kind", "to")
                     if name in request.path_params}  # fmt: skip
            if kinds - TYPES.keys():
                raise _RefusedError(400, "VALIDATION_ERROR", "Unable to infer object type")
            # Searches are counted apart, and their answers say nothing of limits.
            headers = {} if method == "POST" else self._limits()
            answer = await endpoint(request)
            return json_response(answer, 207 if "numErrors" in answer else 200, headers)

        return Route(path, guarded, methods=[method])

    async def _owners(self, request: Request) -> Record:
        owners = self._portal.records("owners", archived=_flag(request, "archived"))
        page, rest = self._page(request, owners, _OWNER_LIMIT)
        return {"results": page, **rest}

    async def _owner(self, request: Request) -> Record:
        return self._found(request, "owners")

    async def _objects(self, request: Request) -> Record:
        kind = request.path_params["kind"]
        records = self._portal.records(kind, archived=_flag(request, "archived"))
        page, rest = self._page(request, records, _LIST_LIMIT)
        return {"results": [self._shown(request, kind, record) for record in page], **rest}

    async def _object(self, request: Request) -> Record:
        kind = request.path_params["kind"]
        return self._shown(request, kind, self._found(request, kind))

    async def _search(self, request: Request) -> Record:
        kind = request.path_params["kind"]
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError as error:
            raise _RefusedError(400, "VALIDATION_ERROR", "Invalid input JSON") from error
        records = self._portal.records(kind)
        total, page, after = search(kind, records, body, self._page_limit)
        asked = body.get("properties") or []
        answer: Record = {
            "total": total,
            "results": [_with_properties(kind, record, asked) for record in page],
        }
        if after is not None:
            answer["paging"] = {"next": {"after": after}}
        return answer

    async def _properties(self, request: Request) -> Record:
        return {"results": property_definitions(request.path_params["kind"])}

    async def _pipelines(self, request: Request) -> Record:
        return {"results": self._portal.pipelines.get(request.path_params["kind"], [])}

    async def _token(self, request: Request) -> Response:
        """A token of half an hour for the refresh token, which stays as it is."""
        form = {
            name: values[0] for name, values in parse_qs((await request.body()).decode()).items()
        }
        wanted = ("client_id", "client_secret", "refresh_token")
        if form.get("grant_type") != "refresh_token" or any(
            form.get(name) != self.credentials[name] for name in wanted
        ):
            return self._error(400, "BAD_REFRESH_TOKEN", "missing or unknown refresh token")
        token = secrets.token_urlsafe(24)
        self._issued.add(token)
        return json_response(
            {
                "access_token": token,
                "refresh_token": form["refresh_token"],
                "expires_in": 1800,
                "token_type": "bearer",
            }
        )

    async def _linked(self, request: Request) -> Record:
        kind, to = request.path_params["kind"], request.path_params["to"]
        linked = self._portal.linked(kind, self._found(request, kind), to)
        page, rest = self._page(request, linked, _ASSOCIATION_LIMIT)
        if rest:
            after = rest["paging"]["next"]["after"]
            rest["paging"]["next"]["link"] = f"?after={after}"
        return {"results": [_association(one["id"]) for one in page], **rest}

    async def _links(self, request: Request) -> Record:
        """Those of many at once; what has none is not among the results but among the errors."""
        kind, to = request.path_params["kind"], request.path_params["to"]
        inputs = orjson.loads(await request.body()).get("inputs") or []
        if not 1 <= len(inputs) <= _BATCH_LIMIT:
            raise _RefusedError(400, "VALIDATION_ERROR", f"give 1 to {_BATCH_LIMIT} inputs")
        results: list[Record] = []
        errors: list[Record] = []
        for key in (str(one["id"]) for one in inputs):
            record = self._portal.get(kind, key)
            linked = self._portal.linked(kind, record, to) if record is not None else []
            if linked:
                found = [_association(one["id"]) for one in linked]
                results.append({"from": {"id": key}, "to": found})
            else:
                errors.append(_no_association(kind, key, to))
        answer: Record = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": _BATCH_AT,
            "completedAt": _BATCH_AT,
        }
        return {**answer, "numErrors": len(errors), "errors": errors} if errors else answer

    def _found(self, request: Request, kind: str) -> Record:
        record = self._portal.get(kind, request.path_params["id"])
        if record is None or record["archived"] is not _flag(request, "archived"):
            raise _RefusedError(404, "OBJECT_NOT_FOUND", "resource not found")
        return record

    def _shown(self, request: Request, kind: str, record: Record) -> Record:
        shown = _with_properties(kind, record, _names(request, "properties"))
        found = {
            to: {"results": [{"id": one["id"], "type": _ends(kind, to)} for one in linked]}
            for to in _names(request, "associations")
            if to in TYPES and (linked := self._portal.linked(kind, record, to))
        }
        return {**shown, "associations": found} if found else shown

    def _page(
        self, request: Request, records: Sequence[Record], highest: int
    ) -> tuple[Sequence[Record], Record]:
        """The records after the one that `after` names."""
        limit = _number(request, "limit", min(highest, _LIST_LIMIT))
        if not 1 <= limit <= highest:
            raise _RefusedError(400, "VALIDATION_ERROR", f"limit must be from 1 to {highest}")
        after = _number(request, "after", 0)
        rest = [record for record in records if int(record["id"]) > after]
        page = rest[: min(limit, self._page_limit)]
        if len(page) == len(rest):
            return page, {}
        return page, {"paging": {"next": {"after": page[-1]["id"]}}}

    def _limits(self) -> dict[str, str]:
        return {
            "X-HubSpot-RateLimit-Max": "190",
            "X-HubSpot-RateLimit-Remaining": "189",
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        }

    def _correlation_id(self) -> str:
        return str(UUID(int=next(self._request_numbers), version=4))

    def _error(self, status: int, category: str, message: str) -> Response:
        content = {
            "status": "error",
            "message": message,
            "correlationId": self._correlation_id(),
            "category": category,
        }
        return json_response(content, status)

    async def _refuse(self, _: Request, error: Exception) -> Response:
        assert isinstance(error, _RefusedError)  # noqa: S101
        return self._error(error.status, error.category, str(error))

    async def _refuse_search(self, _: Request, error: Exception) -> Response:
        return self._error(400, "VALIDATION_ERROR", str(error))

    async def _unknown(self, _: Request, __: Exception) -> Response:
        return self._error(404, "OBJECT_NOT_FOUND", "resource not found")


def _with_properties(kind: str, record: Record, asked: Sequence[str]) -> Record:
    """The record with the properties asked for; names that are none are passed over."""
    names = [*asked, *_ALWAYS] if asked else DEFAULTS[kind]
    properties = record["properties"]
    return {
        **{name: value for name, value in record.items() if name != "associations"},
        "properties": {
            name: properties.get(name) for name in sorted({*names} & TYPES[kind].keys())
        },
        "url": f"https://app.hubspot.com/contacts/{PORTAL_ID}/record/"
        f"{_UI_TYPES[kind]}/{record['id']}",
    }


def _ends(kind: str, to: str) -> str:
    singular = {"companies": "company"}
    ends = (singular.get(one, one.removesuffix("s")) for one in (kind, to))
    return "_to_".join(ends)


def _association(key: str) -> Record:
    kinds = [{"category": "HUBSPOT_DEFINED", "typeId": 1, "label": None}]
    return {"toObjectId": int(key), "associationTypes": kinds}


def _no_association(kind: str, key: str, to: str) -> Record:
    ends = {"fromObjectId": [key], "fromObjectType": [kind], "toObjectType": [to]}
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"none of the {to} is associated with {key} of the {kind}",
        "context": ends,
    }


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "false").lower() == "true"


def _names(request: Request, name: str) -> list[str]:
    """A list of names, separated by commas or given one by one."""
    return [part for text in request.query_params.getlist(name) for part in text.split(",") if part]


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name, str(otherwise))
    if not text.isdigit():
        raise _RefusedError(400, "VALIDATION_ERROR", f"{name} must be a number")
    return int(text)
