"""`remit simulate`: Salesforce, Zendesk and Stripe of a sample company."""

from __future__ import annotations

from pathlib import Path

from api.cli.screen import log_to_stderr, output
from index.errors import ConfigurationError
from ingestion.simulator import PortInUseError, Simulator, build_company


def run_simulator(*, seed: int, scale: float, port: int, journal: Path | None) -> None:
    """Serve the simulated vendors on three ports in a row, or on any for 0, until stopped."""
    log_to_stderr()
    company = build_company(seed=seed, scale=scale)
    ports = (port, port + 1, port + 2) if port else (0, 0, 0)
    try:
        simulator = Simulator(company, ports=ports, journal=journal)
    except PortInUseError as error:
        raise ConfigurationError(f"{error.strerror}. Choose other ports with --port.") from None
    output.print(f"Salesforce {simulator.salesforce_url}")
    output.print(f"Zendesk    {simulator.zendesk_url}")
    output.print(f"Stripe     {simulator.stripe_url}")
    for vendor, credentials in simulator.credentials.items():
        listed = ", ".join(f"{name} {value}" for name, value in credentials.items())
        output.print(f"{vendor}: {listed}")
    simulator.run_forever()
