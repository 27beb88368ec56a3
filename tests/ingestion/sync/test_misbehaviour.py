"""A vendor that misbehaves in the middle of a stream: the sync ends, and loses and doubles nothing.

Each case ends in bounded time by itself; the timeout is what says that it did not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ingestion.airbyte.manifest import load_manifest
from ingestion.simulator import Company, Simulator
from ingestion.sync.job import sync_source
from ingestion.sync.report import StreamReport
from tests.ingestion.index_under_test import TENANT, Index, Row

pytestmark = pytest.mark.timeout(90)

# Of each vendor a stream of several pages, and where it is asked for.
STREAMS = {
    "zendesk": ("tickets", "/api/v2/incremental/tickets"),
    "stripe": ("invoices", "/v1/invoices"),
    "salesforce": ("contacts", "/services/data/v62.0/query"),
}


@pytest.fixture
def simulator(company: Company) -> Iterator[Simulator]:
    """With so small pages that there is a middle."""
    with Simulator(company, page_limit=15) as simulator:
        yield simulator


@pytest.fixture(scope="module", autouse=True)
def little_patience() -> Iterator[None]:
    """A source is waited for half a second, and no minute."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ingestion.airbyte.completion.READ_SECONDS", 0.5)
        load_manifest.cache_clear()
        yield
    load_manifest.cache_clear()


def _sync(index: Index, vendor: str, *, retries: int = 2, **options: Any) -> StreamReport:
    name, _ = STREAMS[vendor]
    report = sync_source(
        index.database,
        index.tables,
        index.model,
        index.source(vendor, retries=retries),
        tenant=TENANT,
        streams=[name],
        **options,
    )
    return report.stream(name)


def _fault(index: Index, vendor: str, kind: str, **options: Any) -> None:
    """Trouble from the second page on."""
    index.simulator.fault(
        vendor, kind, **{"path_prefix": STREAMS[vendor][1], "after": 1, **options}
    )


def _held(index: Index, vendor: str) -> list[Row]:
    """What is held of the stream; the moment of a sync is all that Stripe's lists know of time."""
    name, _ = STREAMS[vendor]
    return index.ask(
        "SELECT key, data, content_hash, deleted_at FROM remit.record"  # noqa: S608
        f" WHERE source = '{vendor}' AND stream = '{name}' ORDER BY key"
    )


PASSING: list[tuple[str, str, dict[str, Any]]] = [
    # told how long to wait
    ("zendesk", "rate_limited", {"times": 1, "retry_after": 1}),
    # and not
    ("zendesk", "rate_limited", {"times": 1, "retry_after": None}),
    ("stripe", "rate_limited", {"times": 1, "retry_after": None}),
    # a burst, as long as it is borne
    ("zendesk", "server_error", {"times": 2}),
    # the token ends between two pages
    ("salesforce", "unauthorized", {"times": 1}),
    # half an answer, with the length of the whole
    ("zendesk", "truncated", {"times": 1}),
    ("stripe", "truncated", {"times": 1}),
    # no answer, or none in time
    ("zendesk", "down", {"times": 1}),
    ("zendesk", "slow", {"times": 1, "seconds": 20}),
]


@pytest.mark.parametrize(("vendor", "kind", "options"), PASSING)
def test_trouble_that_passes_is_waited_out(
    index: Index, filled: Index, vendor: str, kind: str, options: dict[str, Any]
) -> None:
    _fault(index, vendor, kind, **options)
    report = _sync(index, vendor)
    assert report.complete
    assert report.rejected == 0
    assert _held(index, vendor) == _held(filled, vendor)


LASTING: list[tuple[str, str, dict[str, Any], str]] = [
    ("zendesk", "rate_limited", {"retry_after": None}, "it answered 429 (Too Many Requests)"),
    ("zendesk", "server_error", {}, "it answered 500"),
    ("zendesk", "unauthorized", {}, "it answered 401"),
    ("zendesk", "truncated", {}, "it broke off in the middle of an answer"),
    ("zendesk", "down", {}, "it cannot be reached"),
    # a hang
    ("zendesk", "slow", {"seconds": 20}, "it did not answer in time"),
    # its second page for ever, and its second and third in turn
    ("zendesk", "repeats", {}, "it gave the same page again and again"),
    ("zendesk", "repeats", {"pages": 2}, "it gave the same page again and again"),
    ("stripe", "repeats", {"pages": 2}, "it gave the same page again and again"),
]


@pytest.mark.parametrize(("vendor", "kind", "options", "reason"), LASTING)
def test_trouble_that_lasts_is_told_and_does_no_harm(
    index: Index, filled: Index, vendor: str, kind: str, options: dict[str, Any], reason: str
) -> None:
    whole = _held(filled, vendor)
    _fault(index, vendor, kind, **options)
    # Each retry takes a second, and that there are some is seen above.
    report = _sync(index, vendor, retries=0)
    assert (report.error or "").startswith(reason)
    assert 0 < len(_held(index, vendor)) < len(whole)
    # What came before is kept, and the rest comes when the trouble is over.
    index.simulator.clear_faults(vendor)
    assert _sync(index, vendor).complete
    assert _held(index, vendor) == whole
    # Half a list is no news of deletions.
    _fault(index, vendor, kind, **options)
    assert not _sync(index, vendor, retries=0, reconcile=True).complete
    assert _held(index, vendor) == whole
    index.simulator.clear_faults(vendor)
    assert _sync(index, vendor, reconcile=True).complete
    assert _held(index, vendor) == whole


def test_a_record_that_is_too_large_is_set_aside(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.sync.intake.LARGEST_RECORD", 1 << 20)
    tickets = [t for t in index.simulator.company.zendesk["ticket"] if t["status"] == "open"]
    too_large, large = tickets[0]["id"], tickets[1]["id"]
    index.simulator.change("zendesk", "ticket", too_large, description="x " * 1_000_000)
    index.simulator.change("zendesk", "ticket", large, description="words " * 100_000)
    report = _sync(index, "zendesk")
    assert report.complete
    assert report.rejected == 1
    (rejected,) = index.ask("SELECT reason, length(raw) AS size FROM remit.rejected_record")
    assert rejected["reason"] == "it has more than 1 MiB"
    assert rejected["size"] > 2_000_000
    assert index.row("ticket", too_large) is None
    assert index.row("ticket", large) is not None
    # It is news no more, and is not given up either.
    assert _sync(index, "zendesk", reconcile=True).complete
    assert len(index.ask("SELECT FROM remit.rejected_record")) == 1
