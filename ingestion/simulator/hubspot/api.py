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
    COMPANY,
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
_ALWAYS = ("hs_object_id", "createdate", "hs_lastmodifieddate", "lastmodifieddate")
_UI_TYPES = {"contacts": "0-1", "companies": "0-2", "deals": "0-3", "tickets": "0-5"}
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
                self._route("/crm/v4/objects/{kind}/{id}/associations/companies", self._companies),
                self._route("/crm/v4/objects/companies/{id}/associations/{kind}", self._members),
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
            if request.path_params.get("kind", "deals") not in TYPES:
                raise _RefusedError(400, "VALIDATION_ERROR", "Unable to infer object type")
            # Searches are counted apart, and their answers say nothing of limits.
            headers = {} if method == "POST" else self._limits()
            return json_response(await endpoint(request), headers=headers)

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

    async def _companies(self, request: Request) -> Record:
        kind = request.path_params["kind"]
        company = _company_of(kind, self._found(request, kind))
        kinds = [{"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"}]
        return {
            "results": [{"toObjectId": company, "associationTypes": kinds}] if company else [],
        }

    async def _members(self, request: Request) -> Record:
        kind = request.path_params["kind"]
        company = self._found(request, "companies")["id"]
        members = [one for one in self._portal.records(kind) if _company_of(kind, one) == company]
        page, rest = self._page(request, members, _ASSOCIATION_LIMIT)
        if rest:
            after = rest["paging"]["next"]["after"]
            rest["paging"]["next"]["link"] = f"?after={after}"
        kinds = [{"category": "HUBSPOT_DEFINED", "typeId": 2, "label": "Primary"}]
        return {
            "results": [
                {"toObjectId": int(one["id"]), "associationTypes": kinds} for one in page
            ],
            **rest,
        }  # fmt: skip

    def _found(self, request: Request, kind: str) -> Record:
        record = self._portal.get(kind, request.path_params["id"])
        if record is None or record["archived"] is not _flag(request, "archived"):
            raise _RefusedError(404, "OBJECT_NOT_FOUND", "resource not found")
        return record

    def _shown(self, request: Request, kind: str, record: Record) -> Record:
        shown = _with_properties(kind, record, _names(request, "properties"))
        company = _company_of(kind, record)
        if company and "companies" in _names(request, "associations"):
            singular = kind.removesuffix("s")
            shown["associations"] = {
                "companies": {"results": [{"id": company, "type": f"{singular}_to_company"}]}
            }
        return shown

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
        **record,
        "properties": {
            name: properties.get(name) for name in sorted({*names} & TYPES[kind].keys())
        },
        "url": f"https://app.hubspot.com/contacts/{PORTAL_ID}/record/"
        f"{_UI_TYPES[kind]}/{record['id']}",
    }


def _company_of(kind: str, record: Record) -> str | None:
    company: str | None = record["properties"].get(COMPANY.get(kind, ""))
    return company


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
