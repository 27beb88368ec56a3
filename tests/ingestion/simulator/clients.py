"""Ways into the three vendors for tests: the vendors' own clients where they have one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import requests
import stripe
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

from ingestion.simulator import Simulator
from tests.plain_http import NO_AUTHORITIES

Record = dict[str, Any]


class _PlainHttp(HTTPAdapter):
    """The Salesforce client speaks https only; the simulator speaks http."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        assert request.url is not None
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


def salesforce_token(sim: Simulator) -> str:
    answer = httpx.post(
        f"{sim.salesforce_url}/services/oauth2/token",
        data={"grant_type": "client_credentials", **sim.credentials["salesforce"]},
        timeout=20,
        trust_env=False,
        verify=NO_AUTHORITIES,
    )
    token: str = answer.json()["access_token"]
    return token


def salesforce(sim: Simulator) -> Any:
    """The client; its own types do not know that `client.Account` is an object of the org."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _PlainHttp())
    return Salesforce(
        instance=sim.salesforce_url.removeprefix("http://"),
        session_id=salesforce_token(sim),
        session=session,
        version="62.0",
    )


def error_list(error: SalesforceError) -> list[Record]:
    """The errors that Salesforce answered with; the client's types call them a number."""
    content: Any = error.content
    return list(content)


def stripe_client(sim: Simulator, version: str = "2022-11-15") -> stripe.StripeClient:
    return stripe.StripeClient(
        sim.credentials["stripe"]["api_key"],
        base_addresses={"api": sim.stripe_url},
        stripe_version=version,
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=20),
    )


class Zendesk:
    """Zendesk has no client of its own for Python."""

    def __init__(self, sim: Simulator) -> None:
        keys = sim.credentials["zendesk"]
        self._client = httpx.Client(
            base_url=f"{sim.zendesk_url}/api/v2",
            auth=(f"{keys['email']}/token", keys["api_token"]),
            timeout=20,
            trust_env=False,
            verify=NO_AUTHORITIES,
        )

    def get(self, path: str, **query: Any) -> Any:
        answer = self._client.get(path, params=query or None)
        answer.raise_for_status()
        return answer.json()

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """Each page of an export or a list, by whichever link to the next one it carries."""
        while True:
            page = self.get(path, **query)
            yield page
            links = page.get("links", {})
            following = page.get("after_url") or page.get("next_page") or links.get("next")
            if page.get("end_of_stream") or following is None:
                return
            path, query = following, {}
