"""The CDK's OAuth authenticator, with a timeout on the request for a token."""

from __future__ import annotations

from typing import Any

import requests
import stamina
from airbyte_cdk.sources.declarative.auth import DeclarativeOauth2Authenticator

CONNECT_SECONDS = 10
READ_SECONDS = 60

_TOKEN_SECONDS = 10
_ATTEMPTS = 3


class SignInRefused(requests.HTTPError):
    """The source gave no token for these credentials."""


def _may_pass(error: Exception) -> bool:
    """Whether asking again can help: nobody answered, or the answer was 429 or 5xx."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, requests.ConnectionError | requests.Timeout)


class OAuthWithTimeout(DeclarativeOauth2Authenticator):
    """Asks for a token with a timeout and a few attempts; all else is the CDK's.

    Raises SignInRefused for credentials that the source does not accept.
    """

    def _make_handled_request(self) -> Any:
        # Not as a decorator: stamina logs the arguments of what it repeats, and self holds secrets.
        for attempt in stamina.retry_context(
            on=_may_pass, attempts=_ATTEMPTS, wait_initial=0.2, wait_max=2.0
        ):
            with attempt:
                response = requests.post(
                    self.get_token_refresh_endpoint() or "",
                    data=self.build_refresh_request_body(),
                    headers=self.build_refresh_request_headers(),
                    params=self.build_refresh_request_query_params(),
                    timeout=(_TOKEN_SECONDS, _TOKEN_SECONDS),
                )
                if 400 <= response.status_code < 500 and response.status_code != 429:
                    raise SignInRefused(response=response)
                response.raise_for_status()
                return response.json()
        raise AssertionError("stamina either returns or raises")  # pragma: no cover
