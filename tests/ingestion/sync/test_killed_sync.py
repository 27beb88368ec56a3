"""Kill a first sync anywhere: the next one brings the index to where an undisturbed one is."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from index.database import Database
from index.entity_tables import EntityTables
from ingestion.simulator import Company, Simulator
from semantic_layer import Model
from tests.conftest import connected, fresh_database
from tests.ingestion.index_under_test import VENDORS, Index, Row, settings
from tests.ingestion.sync.forked import Forks


@pytest.fixture(scope="module")
def undisturbed(cluster: str, template: str, model: Model, company: Company) -> Iterator[Index]:
    with (
        fresh_database(cluster, template) as url,
        connected(url) as database,
        Simulator(company=company, page_limit=40) as simulator,
    ):
        index = Index(database, model, EntityTables(model.specs), simulator)
        index.sync_all()
        yield index


@pytest.mark.parametrize("die_after", [1, 7, 20, 44])
def test_killed_after_a_commit(
    undisturbed: Index, database: Database, mortal: Forks, die_after: int
) -> None:
    index = Index(database, undisturbed.model, undisturbed.tables, undisturbed.simulator)
    mortal.start(_order(index, die_after=die_after))
    assert mortal.wait() == -signal.SIGKILL
    _assert_resumed(index, undisturbed)


@pytest.mark.parametrize("requests", [4, 25])
def test_killed_in_the_middle_of_something(
    undisturbed: Index, database: Database, mortal: Forks, requests: int
) -> None:
    index = Index(database, undisturbed.model, undisturbed.tables, undisturbed.simulator)
    for vendor in VENDORS:
        index.simulator.forget_requests(vendor)
    pid = mortal.start(_order(index, die_after=None))
    deadline = time.monotonic() + 60
    while sum(map(index.calls, VENDORS)) < requests:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    assert mortal.wait() == -signal.SIGKILL
    _assert_resumed(index, undisturbed)


def _order(index: Index, die_after: int | None) -> str:
    order = {
        "url": index.database.url,
        "settings": {vendor: settings(index.simulator, vendor) for vendor in VENDORS},
        "die_after": die_after,
    }
    return json.dumps(order)


def _assert_resumed(index: Index, undisturbed: Index) -> None:
    assert all(report.complete for report in index.sync_all().values())
    assert _comparable(index.contents()) == _comparable(undisturbed.contents())


def _comparable(contents: dict[str, list[Row]]) -> dict[str, Any]:
    """Without the moment of the sync, which is all that Stripe's lists know of time."""
    for name in ("record", "state"):
        for row in contents[name]:
            if row["source"] == "stripe":
                del row["updated_at" if name == "record" else "state"]  # type: ignore[attr-defined]
    return contents
