"""The simulator: three vendors over one company, on three ports."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import httpx

from ingestion.simulator.changes import Changes
from ingestion.simulator.company import Company, build_company
from ingestion.simulator.control import Control
from ingestion.simulator.salesforce.api import SalesforceApi
from ingestion.simulator.server import HttpServers
from ingestion.simulator.stripe.api import StripeApi
from ingestion.simulator.vendor import CONTROL_PREFIX, Vendor
from ingestion.simulator.zendesk.api import ZendeskApi

Record = dict[str, Any]

VENDORS = ("salesforce", "zendesk", "stripe")
_TIMEOUT = 30.0

# Made-up credentials of a made-up company; the simulator refuses all others, as the vendors do.
CREDENTIALS: dict[str, dict[str, str]] = {
    "salesforce": {
        "client_id": "simulated-salesforce-client-id",
        "client_secret": "simulated-salesforce-client-secret",
        "refresh_token": "simulated-salesforce-refresh-token",
    },
    "zendesk": {
        "email": "integrations@northbeam.example",
        "api_token": "simulated-zendesk-api-token",
        "access_token": "simulated-zendesk-access-token",
    },
    "stripe": {"api_key": "sk_test_simulatedStripeSecretKey"},
}


class SimulatorError(RuntimeError):
    """The simulator refused one of its own commands, such as a change to an unknown record."""


class Simulator:
    """Salesforce, Zendesk Support and Stripe of one company; use it in a `with` block.

    `ports` are those of Salesforce, Zendesk and Stripe in this order, 0 for a free one. With a
    `journal` file changes survive a restart. `page_limit` makes pages smaller than the vendors'
    own, to see paging with few records.
    """

    def __init__(
        self,
        company: Company | None = None,
        host: str = "127.0.0.1",
        ports: tuple[int, int, int] = (0, 0, 0),
        journal: Path | None = None,
        page_limit: int | None = None,
    ) -> None:
        self.company = company or build_company()
        self.credentials = {vendor: dict(CREDENTIALS[vendor]) for vendor in VENDORS}
        vendors: dict[str, Vendor] = {
            "salesforce": SalesforceApi(self.company, self.credentials["salesforce"], page_limit),
            "zendesk": ZendeskApi(self.company, self.credentials["zendesk"], page_limit),
            "stripe": StripeApi(self.company, self.credentials["stripe"], page_limit),
        }
        changes = Changes(vendors, self.company, journal)
        apps = [Control(vendors[name], changes).app for name in VENDORS]
        self._servers = HttpServers(apps, host, ports)
        urls = [f"http://{host}:{port}" for port in self._servers.ports]
        self.salesforce_url, self.zendesk_url, self.stripe_url = urls
        self._urls = dict(zip(VENDORS, urls, strict=True))
        self._client = httpx.Client(timeout=_TIMEOUT, trust_env=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Serve in the background; returns when all three servers accept connections."""
        self._servers.start()

    def close(self) -> None:
        self._client.close()
        self._servers.stop()

    def run_forever(self) -> None:
        """Serve until interrupted or terminated; for the main thread of a command."""
        stopped = threading.Event()

        def stop(_: int, __: FrameType | None) -> None:
            stopped.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        with self:
            stopped.wait()

    def create(self, vendor: str, kind: str, /, **fields: Any) -> Record:
        return self._command("POST", vendor, f"records/{kind}", fields)

    def change(self, vendor: str, kind: str, record_id: str | int, /, **fields: Any) -> Record:
        """Set fields of a record the way somebody at the vendor's screen would."""
        return self._command("PATCH", vendor, f"records/{kind}/{record_id}", fields)

    def delete(self, vendor: str, kind: str, record_id: str | int, /) -> Record:
        return self._command("DELETE", vendor, f"records/{kind}/{record_id}")

    def fault(self, vendor: str, kind: str, /, **options: Any) -> None:
        """Let the vendor's next requests fail; the options are the fields of `faults.Fault`."""
        self._command("POST", vendor, "faults", {"kind": kind, **options})

    def clear_faults(self, vendor: str, /) -> None:
        self._command("DELETE", vendor, "faults")

    def requests(self, vendor: str, /) -> list[Record]:
        """Method, path and count of everything that was asked of the vendor so far."""
        counted: list[Record] = self._command("GET", vendor, "requests")["requests"]
        return counted

    def forget_requests(self, vendor: str, /) -> None:
        self._command("DELETE", vendor, "requests")

    def expire_tokens(self) -> None:
        """End all Salesforce sessions."""
        self._command("DELETE", "salesforce", "tokens")

    def _command(
        self, method: str, vendor: str, path: str, content: Record | None = None
    ) -> Record:
        if vendor not in self._urls:
            raise SimulatorError(f"no vendor {vendor!r}; the vendors are {', '.join(VENDORS)}")
        url = f"{self._urls[vendor]}{CONTROL_PREFIX}/{path}"
        response = self._client.request(method, url, json=content)
        answer: Record = response.json() if response.content else {}
        if response.is_error:
            raise SimulatorError(f"{vendor}: {answer.get('error', response.status_code)}")
        return answer
