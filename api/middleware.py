"""What every HTTP request passes: the access log, a net for unexpected errors, security headers,
and the gate that only a good token opens."""

from __future__ import annotations

import logging
import time

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import InvalidTokenError
from api.directory import UnknownTenantError
from api.errors import incident, public_text
from api.services import Services
from index.errors import RemitError
from index.predicate import InvalidValue

OPEN_PATHS = frozenset({"/health", "/ready"})
ADMIN_PATH = "/admin/graphql"

_access_log = logging.getLogger("remit.access")
_log = logging.getLogger(__name__)

_SECURITY_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_NOBODY = {"www-authenticate": "Bearer"}


class AccessLog:
    """One line a request: who, what, how it ended, how long. Never arguments, never values."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        status = 0
        began = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            principal = state.get("principal")
            _access_log.info(
                "%s %r %d %.1fms tenant=%r user=%r agent=%r operation=%r",
                scope["method"],
                scope["path"],
                status,
                (time.perf_counter() - began) * 1000,
                principal.tenant if principal is not None else None,
                principal.user if principal is not None else None,
                principal.agent if principal is not None else None,
                state.get("operation"),
            )


class Incidents:
    """Answers an unexpected error with its id; what it says stays out of the answer and the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            await _answer(send, 500, "INTERNAL", incident(scope["path"], error))


class SecurityHeaders:
    """Headers for answers that no browser has to show, frame or keep."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, add)


class Gate:
    """Lets a request through with who asks (`request.state.principal`) and, where it may read, its
    context (`request.state.context`), or answers 401.

    Every refusal is the same, byte for byte: whoever guesses learns nothing from it. What needs no
    token is listed; anything else, even a path that does not exist, needs one.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope.get("path") in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        state = scope.setdefault("state", {})
        try:
            claims = self._services.verify(_bearer_token(scope))
            if scope["path"] == ADMIN_PATH:
                # Also when no policy can be used: here is where that can be mended.
                state["principal"] = await self._services.principal(claims)
            else:
                state["context"] = await self._services.context(
                    claims.tenant, claims.user, claims.agent, claims.purpose, claims.scopes
                )
                state["principal"] = state["context"].principal
        except (InvalidTokenError, UnknownTenantError, InvalidValue) as error:
            _log.info("refused: %s", type(error).__name__)
            await _answer(send, 401, "UNAUTHENTICATED", "A valid bearer token is needed.", _NOBODY)
        except RemitError as error:
            await _answer(send, 503, "UNAVAILABLE", public_text("the gate", error))
        else:
            await self._app(scope, receive, send)


def _bearer_token(scope: Scope) -> str:
    given = Headers(scope=scope).getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token:
        raise InvalidTokenError("no bearer token")
    return token.strip()


async def _answer(
    send: Send, status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> None:
    body = orjson.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})
    lines = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **(headers or {}),
    }
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
