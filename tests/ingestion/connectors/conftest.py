from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from ingestion.simulator import Company
from semantic_layer import Model
from tests.ingestion.index_under_test import first_synced


@pytest.fixture(scope="session")
def vendors() -> Sequence[str]:
    """Salesforce, whose accounts the others should be found to belong to, and those under test."""
    return ("salesforce", "hubspot", "freshdesk", "chargebee", "jira")


@pytest.fixture(scope="session")
def synced_template(
    cluster: str, template: str, model: Model, company: Company, vendors: Sequence[str]
) -> Iterator[str]:
    with first_synced(cluster, template, model, company, vendors) as name:
        yield name
