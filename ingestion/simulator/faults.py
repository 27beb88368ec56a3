"""Trouble on request, and the count of requests, in front of a vendor's application."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingestion.simulator.vendor import CONTROL_PREFIX, Vendor

FaultKind = Literal[
    "rate_limited", "server_error", "unauthorized", "slow", "down", "truncated", "repeats"
]
FAULT_KINDS: tuple[str, ...] = get_args(FaultKind)


@dataclass
class Fault:
    """One kind of trouble for the next `times` requests (None: until cleared) under a path.

    The first `after` of them go well. `retry_after` is what a rate-limited caller is told, if
    anything, `seconds` how long a slow answer takes, and `pages` how many answers are given over
    and over by what repeats.
    """

    kind: str
    times: int | None = None
    path_prefix: str = "/"
    after: int = 0
    retry_after: int | None = 1
    seconds: float = 1.0
    pages: int = 1

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise ValueError(f"no fault {self.kind!r}; the faults are {', '.join(FAULT_KINDS)}")


class Faults:
    """The ASGI application of one vendor with everything that goes wrong on the way to it."""

    def __init__(self, vendor: Vendor, control: ASGIApp) -> None:
        self._vendor = vendor
        self._control = control
        self._faults: list[Fault] = []
        self._given: dict[int, list[list[Message]]] = {}  # answers to repeat, by their fault's id
        self._requests: Counter[tuple[str, str]] = Counter()

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()
        self._given.clear()

    def listing(self) -> list[dict[str, Any]]:
        """The faults still in force, with the number of times left."""
        return [asdict(fault) for fault in self._faults]

    def requests(self) -> list[dict[str, Any]]:
        """How often each method and path was asked for; own calls are not counted."""
        return [
            {"method": method, "path": path, "count": count}
            for (method, path), count in self._requests.items()
        ]

    def forget_requests(self) -> None:
        self._requests.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self._control(scope, receive, send)
            return
        self._requests[scope["method"], scope["path"]] += 1
        fault = self._take(scope["path"])
        if fault is None:
            await self._vendor.app(scope, receive, send)
        elif fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            await self._vendor.app(scope, receive, send)
        elif fault.kind == "down":
            await _hang_up(scope, receive)
        elif fault.kind == "truncated":
            await self._send_half(scope, receive, send)
        elif fault.kind == "repeats":
            await self._repeat(fault, scope, receive, send)
        else:
            response = self._vendor.trouble(fault.kind, fault.retry_after or 0)
            if fault.retry_after is None and "Retry-After" in response.headers:
                del response.headers["Retry-After"]
            await response(scope, receive, send)

    def _take(self, path: str) -> Fault | None:
        """The first fault for the path, used up once; the order of adding decides."""
        for fault in self._faults:
            if path.startswith(fault.path_prefix):
                if fault.after > 0:
                    fault.after -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault
        return None

    async def _repeat(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the next page as long as there are too few to repeat, then those in turn."""
        given = self._given.setdefault(id(fault), [])
        if len(given) < fault.pages:
            answer: list[Message] = []

            async def keep(message: Message) -> None:
                answer.append(message)
                await send(message)

            await self._vendor.app(scope, receive, keep)
            given.append(answer)
            return
        given.append(given.pop(0))
        for message in given[-1]:
            await send(message)

    async def _send_half(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise the whole body in Content-Length, send half of it, and hang up."""

        async def send_first_half(message: Message) -> None:
            if message["type"] == "http.response.body":
                body = message["body"]
                message = {**message, "body": body[: len(body) // 2], "more_body": True}
            await send(message)

        await self._vendor.app(scope, receive, send_first_half)
        await _hang_up(scope, receive)


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection, and return only when it is closed, so that nothing more is sent."""
    scope["state"]["hang_up"]()
    while (await receive())["type"] != "http.disconnect":
        pass
