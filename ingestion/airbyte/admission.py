"""What stands before each request that the CDK sends for a source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

from ingestion.airbyte.address import LeadsElsewhere, leads_elsewhere
from ingestion.airbyte.cdk import APIBudget

Admit = Callable[[Callable[[], bool]], None]
"""Comes back when a request may be sent; it is told how to find out that nobody wants it now."""


class Admission(APIBudget):
    """Lets requests through one by one, after the budget that the manifest itself may have.

    With `stays`, it raises LeadsElsewhere before a redirect to another host is followed: `requests`
    leaves only the header Authorization behind, and takes keys in other places along.
    """

    def __init__(
        self,
        admit: Admit | None,
        is_over: Callable[[], bool],
        own: APIBudget | None = None,
        *,
        stays: bool = True,
    ) -> None:
        super().__init__(policies=[])
        self._admit = admit
        self._is_over = is_over
        self._own = own
        self._stays = stays

    def admit(self) -> None:
        """Come back when one request may be sent, whoever sends it."""
        if self._admit is not None:
            self._admit(self._is_over)

    def acquire_call(self, request: Any, block: bool = True, timeout: float | None = None) -> None:
        # A request that is sent again, or sent on, has it already.
        if self._stays and _refuse_to_leave not in request.hooks["response"]:
            request.register_hook("response", _refuse_to_leave)
        if self._own is not None:
            self._own.acquire_call(request, block, timeout)
        self.admit()

    def update_from_response(self, request: Any, response: Any) -> None:
        if self._own is not None:
            self._own.update_from_response(request, response)


def _refuse_to_leave(response: requests.Response, *_: Any, **__: Any) -> None:
    """Raise LeadsElsewhere for an answer that sends the request on to another host."""
    if response.is_redirect and leads_elsewhere(response.url, response.headers["location"]):
        raise LeadsElsewhere(
            "it sends requests on to another address, where the credentials do not go; check the"
            " address of the source"
        )
