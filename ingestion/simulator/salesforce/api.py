"""Salesforce's REST API over the org: sign-in, SOQL, records and their descriptions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ingestion.simulator.company import Company
from ingestion.simulator.responses import json_response
from ingestion.simulator.salesforce.objects import FIELDS, LABELS, describe
from ingestion.simulator.salesforce.org import Org
from ingestion.simulator.salesforce.soql import Query, SoqlError, parse
from ingestion.simulator.vendor import CONTROL_PREFIX

Record = dict[str, Any]

ORG_ID = "00DKd00000000001MAA"
_USER_ID = "005Kd0000000001IAA"
_DEFAULT_PAGE = 2000
_LOCATORS_KEPT = 100
_DATA = "/services/data/{version}"


def _error(status: int, code: str, message: str) -> Response:
    return json_response([{"message": message, "errorCode": code}], status)


class SalesforceApi:
    """A vendor in the sense of `ingestion.simulator.vendor.Vendor`.

    A page holds `page_limit` records at most, also below the 200 that Salesforce itself allows.
    """

    name = "salesforce"
    credentials: Mapping[str, str] = MappingProxyType(
        {
            "client_id": "simulated-salesforce-client-id",
            "client_secret": "simulated-salesforce-client-secret",
            "refresh_token": "simulated-salesforce-refresh-token",
        }
    )

    def __init__(self, company: Company, page_limit: int | None = None) -> None:
        self._org = Org(company)
        self.create = self._org.create
        self.change = self._org.change
        self.delete = self._org.delete
        self._page_limit = page_limit or _DEFAULT_PAGE
        self._tokens: set[str] = set()
        self._locators: OrderedDict[str, tuple[Query, list[Record]]] = OrderedDict()
        self._locator_numbers = itertools.count(1)
        self.controls: Sequence[Route] = (
            Route(f"{CONTROL_PREFIX}/tokens", self._expire_tokens, methods=["DELETE"]),
        )
        self.app: ASGIApp = Starlette(
            routes=[
                Route("/services/oauth2/token", self._token, methods=["POST"]),
                Route("/services/data", self._versions),
                Route("/services/data/", self._versions),
                Route(f"{_DATA}/query", self._query),
                Route(f"{_DATA}/query/", self._query),
                Route(f"{_DATA}/queryAll", self._query),
                Route(f"{_DATA}/queryAll/", self._query),
                Route(f"{_DATA}/query/{{locator}}", self._more),
                Route(f"{_DATA}/queryAll/{{locator}}", self._more),
                Route(f"{_DATA}/sobjects", self._sobjects),
                Route(f"{_DATA}/sobjects/", self._sobjects),
                Route(f"{_DATA}/sobjects/{{kind}}/describe", self._describe),
                Route(f"{_DATA}/sobjects/{{kind}}/{{id}}", self._record),
            ],
            exception_handlers={404: _unknown_path},
        )

    async def _expire_tokens(self, _: Request) -> Response:
        """End every session: the next call with a token issued so far is refused."""
        self._tokens.clear()
        return Response(status_code=204)

    def trouble(self, kind: str, retry_after: int) -> Response:
        match kind:
            case "rate_limited":
                # Salesforce says 403 and names no time to wait; a gateway in front of it says 429.
                return json_response(
                    [{"message": "TotalRequests Limit exceeded.",
                      "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
                    429,
                    {"Retry-After": str(retry_after)},
                )  # fmt: skip
            case "unauthorized":
                return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")
            case _:
                return _error(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.")

    async def _token(self, request: Request) -> Response:
        form = {
            name: values[0] for name, values in parse_qs((await request.body()).decode()).items()
        }
        wanted = self.credentials
        if basic := request.headers.get("authorization", "").removeprefix("Basic "):
            user, _, password = _decoded(basic).partition(":")
            form = {"client_id": user, "client_secret": password, **form}
        grant = form.get("grant_type")
        if grant not in ("client_credentials", "refresh_token"):
            return _oauth_error("unsupported_grant_type", "grant type not supported")
        if form.get("client_id") != wanted["client_id"]:
            return _oauth_error("invalid_client_id", "client identifier invalid")
        if form.get("client_secret") != wanted["client_secret"]:
            return _oauth_error("invalid_client", "invalid client credentials")
        if grant == "refresh_token" and form.get("refresh_token") != wanted["refresh_token"]:
            return _oauth_error("invalid_grant", "expired access/refresh token")
        return json_response(self._issue(request))

    def _issue(self, request: Request) -> Record:
        base = str(request.base_url).rstrip("/")
        issued = str(int(time.time() * 1000))
        identity = f"{base}/id/{ORG_ID}/{_USER_ID}"
        secret = self.credentials["client_secret"].encode()
        signature = hmac.new(secret, f"{identity}{issued}".encode(), hashlib.sha256).digest()
        token = f"{ORG_ID[:15]}!AQ{secrets.token_urlsafe(48)}"
        self._tokens.add(token)
        return {
            "access_token": token,
            "signature": base64.b64encode(signature).decode(),
            "scope": "api refresh_token",
            "instance_url": base,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued,
        }

    def _refusal(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() in ("bearer", "oauth") and token in self._tokens:
            return None
        return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")

    async def _versions(self, _: Request) -> Response:
        return json_response(
            [
                {"label": "Winter '25", "url": "/services/data/v62.0", "version": "62.0"},
            ]
        )

    async def _query(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        text = request.query_params.get("q", "")
        everything = "/queryAll" in request.url.path
        try:
            query = parse(text)
        except SoqlError as error:
            return _error(400, error.code, f"{error.message}\n{text[:200]}")
        found = query.run(self._org.records(query.kind, with_deleted=everything))
        if query.counts:
            return json_response({"totalSize": len(found), "done": True, "records": []})
        locator = f"0r8Kd{next(self._locator_numbers):010d}AAA"
        page = self._page_size(request)
        if len(found) > page:
            self._locators[locator] = query, found
            if len(self._locators) > _LOCATORS_KEPT:
                self._locators.popitem(last=False)
        return self._page(request, locator, query, found, 0, page)

    async def _more(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        locator, _, start = request.path_params["locator"].rpartition("-")
        if locator not in self._locators or not start.isdigit():
            return _error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        query, found = self._locators[locator]
        return self._page(request, locator, query, found, int(start), self._page_size(request))

    def _page_size(self, request: Request) -> int:
        options = request.headers.get("sforce-query-options", "")
        asked = re.search(r"batchSize\s*=\s*(\d+)", options, re.IGNORECASE)
        size = min(max(int(asked[1]), 200), _DEFAULT_PAGE) if asked else _DEFAULT_PAGE
        return min(size, self._page_limit)

    def _page(
        self, request: Request, locator: str, query: Query, found: list[Record],
        start: int, size: int,
    ) -> Response:  # fmt: skip
        """One page of a result that stays as it was when the query ran."""
        version = request.path_params["version"]
        end = start + size
        answer: Record = {
            "totalSize": len(found),
            "done": end >= len(found),
            "records": [
                _shown(query.kind, record, query.fields, version) for record in found[start:end]
            ],
        }
        if end < len(found):
            path = "queryAll" if "/queryAll" in request.url.path else "query"
            answer["nextRecordsUrl"] = f"/services/data/{version}/{path}/{locator}-{end}"
        return json_response(answer)

    async def _sobjects(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        listed = [
            {"name": kind, "label": label, "labelPlural": plural, "queryable": True,
             "urls": {"sobject": f"{request.url.path.rstrip('/')}/{kind}"}}
            for kind, (label, plural) in LABELS.items()
        ]  # fmt: skip
        return json_response({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed})

    async def _describe(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        kind = request.path_params["kind"]
        return json_response(describe(kind)) if kind in FIELDS else _not_found()

    async def _record(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        kind = request.path_params["kind"]
        record = self._org.get(kind, request.path_params["id"]) if kind in FIELDS else None
        if record is None:
            return _not_found()
        if record.get("IsDeleted"):
            return _error(404, "ENTITY_IS_DELETED", "entity is deleted")
        asked = request.query_params.get("fields")
        fields = tuple(asked.split(",")) if asked else tuple(FIELDS[kind])
        for field in fields:
            if field not in FIELDS[kind]:
                message = f"No such column '{field}' on sobject of type {kind}"
                return _error(400, "INVALID_FIELD", message)
        return json_response(_shown(kind, record, fields, request.path_params["version"]))


def _shown(kind: str, record: Record, fields: tuple[str, ...], version: str) -> Record:
    url = f"/services/data/{version}/sobjects/{kind}/{record['Id']}"
    shown: Record = {"attributes": {"type": kind, "url": url}}
    for field in fields:
        shown[field] = record[field]
    return shown


def _not_found() -> Response:
    return _error(404, "NOT_FOUND", "The requested resource does not exist")


async def _unknown_path(_: Request, __: Exception) -> Response:
    return _not_found()


def _oauth_error(code: str, description: str) -> Response:
    return json_response({"error": code, "error_description": description}, 400)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""
