"""The simulator: vendors over one company, each on a port of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import httpx

from ingestion.simulator.changes import Changes
from ingestion.simulator.company import Company, build_company
from ingestion.simulator.control import Control
from ingestion.simulator.server import HttpServers
from ingestion.simulator.vendor import CONTROL_PREFIX
from ingestion.simulator.vendors import DEMO_VENDORS, VENDORS

Record = dict[str, Any]

_TIMEOUT = 30.0


class SimulatorError(RuntimeError):
    """The simulator refused one of its own commands, such as a change to an unknown record."""


class Simulator:
    """Some vendors of one company, each on a port of its own; use it in a `with` block.

    `ports` belong to the `vendors` in their order; left out, free ones are taken, as for 0. With a
    `journal` file changes survive a restart. `page_limit` makes pages smaller than the vendors'
    own, to see paging with few records.
    """

    def __init__(
        self,
        company: Company | None = None,
        host: str = "127.0.0.1",
        ports: Sequence[int] | None = None,
        journal: Path | None = None,
        page_limit: int | None = None,
        vendors: Sequence[str] = DEMO_VENDORS,
    ) -> None:
        if unknown := sorted(set(vendors) - VENDORS.keys()):
            raise ValueError(f"no vendor {unknown[0]!r}; the vendors are {', '.join(VENDORS)}")
        self.company = company or build_company()
        served = {name: VENDORS[name](self.company, page_limit) for name in vendors}
        self.credentials = {name: dict(vendor.credentials) for name, vendor in served.items()}
        changes = Changes(served, self.company, journal)
        apps = [Control(vendor, changes).app for vendor in served.values()]
        self._servers = HttpServers(apps, host, ports or (0,) * len(served))
        self.urls: Mapping[str, str] = {
            name: f"http://{host}:{port}"
            for name, port in zip(served, self._servers.ports, strict=True)
        }
        self._client = httpx.Client(timeout=_TIMEOUT, trust_env=False)

    @property
    def salesforce_url(self) -> str:
        return self.urls["salesforce"]

    @property
    def zendesk_url(self) -> str:
        return self.urls["zendesk"]

    @property
    def stripe_url(self) -> str:
        return self.urls["stripe"]

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
        """Serve in the background; returns when all servers accept connections."""
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
        if vendor not in self.urls:
            raise SimulatorError(f"no vendor {vendor!r} is served; {', '.join(self.urls)} are")
        url = f"{self.urls[vendor]}{CONTROL_PREFIX}/{path}"
        response = self._client.request(method, url, json=content)
        answer: Record = response.json() if response.content else {}
        if response.is_error:
            raise SimulatorError(f"{vendor}: {answer.get('error', response.status_code)}")
        return answer
