"""The simulator's own endpoints under `/_simulator`, the same on each vendor's server."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingestion.simulator.changes import Changes
from ingestion.simulator.faults import Fault, Faults
from ingestion.simulator.responses import json_response
from ingestion.simulator.vendor import (
    CONTROL_PREFIX,
    InvalidChangeError,
    UnknownRecordError,
    Vendor,
)


class Control:
    """Faults, request counts and record changes over HTTP, for one vendor; no credentials needed.

    `app` is the whole server: the control endpoints, and behind the faults the vendor itself.
    """

    def __init__(self, vendor: Vendor, changes: Changes) -> None:
        self._vendor = vendor
        self._changes = changes
        routes = [
            Route(f"{CONTROL_PREFIX}/faults", self._faults, methods=["GET", "POST", "DELETE"]),
            Route(f"{CONTROL_PREFIX}/requests", self._requests, methods=["GET", "DELETE"]),
            Route(f"{CONTROL_PREFIX}/records/{{kind}}", self._create, methods=["POST"]),
            Route(
                f"{CONTROL_PREFIX}/records/{{kind}}/{{id}}",
                self._change,
                methods=["PATCH", "DELETE"],
            ),
            *vendor.controls,
        ]
        handlers: dict[Any, Any] = {
            UnknownRecordError: _not_found,
            InvalidChangeError: _bad_request,
            orjson.JSONDecodeError: _bad_request,
            TypeError: _bad_request,
            ValueError: _bad_request,
        }
        self.app = Faults(vendor, Starlette(routes=routes, exception_handlers=handlers))

    async def _faults(self, request: Request) -> Response:
        if request.method == "POST":
            self.app.add(Fault(**await _body(request)))
        elif request.method == "DELETE":
            self.app.clear()
        return json_response({"faults": self.app.listing()})

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.app.forget_requests()
        return json_response({"requests": self.app.requests()})

    async def _create(self, request: Request) -> Response:
        fields = await _body(request)
        kind = request.path_params["kind"]
        record = self._changes.apply(self._vendor.name, "create", kind, "", fields)
        return json_response(record, 201)

    async def _change(self, request: Request) -> Response:
        action = "delete" if request.method == "DELETE" else "change"
        fields = {} if action == "delete" else await _body(request)
        kind, record_id = request.path_params["kind"], request.path_params["id"]
        record = self._changes.apply(self._vendor.name, action, kind, record_id, fields)
        return json_response(record)


async def _body(request: Request) -> dict[str, Any]:
    body = orjson.loads(await request.body())
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body


async def _not_found(_: Request, error: Exception) -> Response:
    return json_response({"error": str(error)}, 404)


async def _bad_request(_: Request, error: Exception) -> Response:
    return json_response({"error": str(error)}, 400)
