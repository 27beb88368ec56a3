"""The CDK's OAuth authenticator, with a timeout on the request for a token, which is counted."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import requests
import stamina

from ingestion.airbyte.admission import Admission
from ingestion.airbyte.cdk import APIBudget, DeclarativeOauth2Authenticator

CONNECT_SECONDS = 10
READ_SECONDS = 60

_TOKEN_SECONDS = 10
_ATTEMPTS = 3


class SignInRefused(requests.HTTPError):
    """The source gave no token for these credentials; the text says why, without them."""


def _may_pass(error: Exception) -> bool:
    """Whether asking again can help: nobody answered, or the answer was 429 or 5xx."""
    if isinstance(error, SignInRefused):
        return False
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, requests.ConnectionError | requests.Timeout)


@dataclass
class OAuthWithTimeout(DeclarativeOauth2Authenticator):
    """Asks for a token with a timeout and a few attempts; all else is the CDK's.

    Raises SignInRefused for credentials that the source does not accept, and when it sends the
    request on, for its body has the secrets.
    """

    api_budget: APIBudget | None = None  # given by the CDK, as to each component that has it

    def __post_init__(self, parameters: Any) -> None:
        super().__post_init__(parameters)
        # Who waits for a turn must not hold up the other sources of the process.
        self._token_refresh_lock = threading.RLock()

    def _make_handled_request(self) -> Any:
        # Not as a decorator: stamina logs the arguments of what it repeats, and self holds secrets.
        for attempt in stamina.retry_context(
            on=_may_pass, attempts=_ATTEMPTS, wait_initial=0.2, wait_max=2.0
        ):
            with attempt:
                if isinstance(self.api_budget, Admission):
                    self.api_budget.admit()
                response = requests.post(
                    self.get_token_refresh_endpoint() or "",
                    data=self.build_refresh_request_body(),
                    headers=self.build_refresh_request_headers(),
                    params=self.build_refresh_request_query_params(),
                    timeout=(_TOKEN_SECONDS, _TOKEN_SECONDS),
                    allow_redirects=False,
                )
                if response.is_redirect:
                    why = "it sends the request to sign in on to another address; check its address"
                    raise SignInRefused(why, response=response)
                if 400 <= response.status_code < 500 and response.status_code != 429:
                    why = "it refused to sign in; check the credentials"
                    raise SignInRefused(why, response=response)
                response.raise_for_status()
                return response.json()
        raise AssertionError("stamina either returns or raises")  # pragma: no cover
