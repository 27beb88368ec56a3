from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from ingestion.simulator import Company, Simulator, build_company


@pytest.fixture(scope="session")
def company() -> Company:
    return build_company()


@pytest.fixture(scope="session")
def shared(company: Company) -> Iterator[Simulator]:
    """A simulator that nobody changes."""
    with Simulator(company) as sim:
        yield sim


@pytest.fixture
def sim(company: Company) -> Iterator[Simulator]:
    """A simulator of one's own, to change and to break."""
    with Simulator(company) as sim:
        yield sim


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20, trust_env=False) as client:
        yield client
