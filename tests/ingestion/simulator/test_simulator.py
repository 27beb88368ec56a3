from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ingestion.simulator import Company, PortInUseError, Simulator
from tests.ingestion.simulator.clients import Zendesk

FOREVER = """
from ingestion.simulator import Simulator, build_company
sim = Simulator(build_company(scale=0.01))
print(sim.zendesk_url, flush=True)
sim.run_forever()
print("stopped", flush=True)
"""


def test_ports_are_free_again_after_closing(company: Company) -> None:
    with Simulator(company) as sim:
        ports = tuple(int(url.rpartition(":")[2]) for url in
                      (sim.salesforce_url, sim.zendesk_url, sim.stripe_url))  # fmt: skip
        assert len(set(ports)) == 3
    with Simulator(company, ports=(ports[0], ports[1], ports[2])) as again:
        assert again.salesforce_url == sim.salesforce_url
        assert Zendesk(again).get("/tickets")["tickets"]


def test_a_busy_port_is_named_and_the_others_are_released(company: Company) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"port {port}"):
            Simulator(company, ports=(0, 0, port))


def test_closing_twice_does_no_harm(company: Company) -> None:
    sim = Simulator(company)
    sim.start()
    sim.close()
    sim.close()


def test_many_callers_at_once(shared: Simulator) -> None:
    def read(_: int) -> int:
        return len(Zendesk(shared).get("/incremental/tickets/cursor", start_time=0)["tickets"])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(24))) == {1000}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_forever_ends_with_a_signal(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FOREVER], stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        transport = httpx.HTTPTransport(retries=20)  # it may still be starting
        with httpx.Client(transport=transport, timeout=20, trust_env=False) as client:
            assert client.get(f"{url}/api/v2/tickets").status_code == 401
        process.send_signal(number)
        assert process.stdout.readline().strip() == "stopped"
        assert process.wait(timeout=20) == 0
