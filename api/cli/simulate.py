"""`remit simulate`: the systems of a sample company."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from api.cli.screen import log_to_stderr, output
from index.errors import ConfigurationError
from ingestion.simulator import (
    DEMO_VENDORS,
    VENDORS,
    PortInUseError,
    Simulator,
    build_company,
)


def run_simulator(
    *, seed: int, scale: float, port: int, journal: Path | None, also: Sequence[str] = ()
) -> None:
    """Serve the simulated vendors on ports in a row, or on any for 0, until stopped."""
    log_to_stderr()
    company = build_company(seed=seed, scale=scale)
    if unknown := sorted(set(also) - VENDORS.keys()):
        raise ConfigurationError(
            f"There is no simulated {unknown[0]!r}; there are {', '.join(VENDORS)}."
        )
    vendors = tuple(dict.fromkeys((*DEMO_VENDORS, *also)))
    ports = range(port, port + len(vendors)) if port else None
    try:
        simulator = Simulator(company, ports=ports, journal=journal, vendors=vendors)
    except PortInUseError as error:
        raise ConfigurationError(f"{error.strerror}. Choose other ports with --port.") from None
    for vendor, url in simulator.urls.items():
        output.print(f"{vendor.title():<10} {url}")
    for vendor, credentials in simulator.credentials.items():
        listed = ", ".join(f"{name} {value}" for name, value in credentials.items())
        output.print(f"{vendor}: {listed}")
    simulator.run_forever()
