"""Syncs while the sources, the records or the credentials give trouble."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import stamina
from airbyte_cdk.sources.streams.http import rate_limiting

from ingestion.simulator import Simulator
from tests.ingestion.index_under_test import VENDORS, Index, settings
from tests.ingestion.sync.desk.desk import DeskIndex


@pytest.fixture(autouse=True)
def _retried_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Failed requests are repeated as often as ever, without the seconds in between; that they are
    waited out is seen in test_misbehaviour.py."""
    monkeypatch.setattr(rate_limiting, "time", SimpleNamespace(sleep=lambda _: None))
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


PASSING: list[tuple[str, str, dict[str, Any]]] = [
    # vendor, trouble, what it hits
    ("salesforce", "rate_limited", {"times": 1, "retry_after": 0, "path_prefix": "/services/data"}),
    ("salesforce", "server_error", {"times": 2, "path_prefix": "/services/data/v62.0/queryAll"}),
    # a session that ends in the middle: signed in anew, then asked again
    ("salesforce", "unauthorized", {"times": 1, "path_prefix": "/services/data/v62.0/queryAll"}),
    ("salesforce", "server_error", {"times": 1, "path_prefix": "/services/oauth2/token"}),
    ("salesforce", "down", {"times": 1, "path_prefix": "/services/data"}),
    ("zendesk", "rate_limited", {"times": 1, "retry_after": 1}),
    ("zendesk", "server_error", {"times": 2, "path_prefix": "/api/v2/incremental/tickets"}),
    ("zendesk", "down", {"times": 1, "path_prefix": "/api/v2/incremental/users"}),
    ("zendesk", "truncated", {"times": 1, "path_prefix": "/api/v2/incremental/users"}),
    ("stripe", "rate_limited", {"times": 1, "retry_after": 0}),
    ("stripe", "server_error", {"times": 2, "path_prefix": "/v1/invoices"}),
    ("stripe", "down", {"times": 1, "path_prefix": "/v1/invoices"}),
]


@pytest.mark.parametrize(("vendor", "kind", "options"), PASSING)
def test_trouble_that_passes_leaves_no_trace(
    index: Index, vendor: str, kind: str, options: dict[str, Any]
) -> None:
    index.simulator.fault(vendor, kind, **options)
    report = index.sync(vendor)
    assert [stream.error for stream in report.streams] == [None] * len(report.streams)
    assert report.complete


def test_expired_sessions_between_two_syncs(synced: Index) -> None:
    synced.simulator.expire_tokens()
    assert synced.sync("salesforce").complete


LASTING: list[tuple[str, str, str, str]] = [
    # vendor, trouble, path of the stream it hits, reason in the report
    ("zendesk", "server_error", "/api/v2/incremental/tickets", "it answered 500"),
    (
        "zendesk",
        "unauthorized",
        "/api/v2/incremental/tickets",
        "it answered 401 (Unauthorized); che",
    ),
    ("zendesk", "down", "/api/v2/incremental/tickets", "it cannot be reached"),
    ("stripe", "rate_limited", "/v1/subscriptions", "it answered 429"),
    ("stripe", "truncated", "/v1/subscriptions", "it broke off in the middle of an answer"),
    ("salesforce", "unauthorized", "/services/data/v62.0/sobjects/Contact", "it answered 401"),
]
HIT = {"zendesk": "tickets", "stripe": "subscriptions", "salesforce": "contacts"}


@pytest.mark.parametrize(("vendor", "kind", "path", "reason"), LASTING)
def test_failing_stream_does_not_stop_the_others(
    index: Index, vendor: str, kind: str, path: str, reason: str
) -> None:
    index.simulator.fault(vendor, kind, path_prefix=path, retry_after=0)
    report = index.sync(vendor)
    failed = report.stream(HIT[vendor])
    assert (failed.error or "").startswith(reason)
    assert all(stream.complete for stream in report.streams if stream is not failed)
    states = index.ask("SELECT stream, state, synced_at FROM remit.stream_state")
    fresh = {state["stream"] for state in states if state["synced_at"] is not None}
    assert fresh == {stream.stream for stream in report.streams} - {HIT[vendor]}
    # What failed is read from its beginning once the trouble is over.
    index.simulator.clear_faults(vendor)
    again = index.sync(vendor)
    assert again.complete
    assert again.stream(HIT[vendor]).written > 0


def test_trouble_in_the_middle_of_a_stream_loses_nothing(index: Index) -> None:
    """Some pages come, then nothing any more; the next sync brings the rest."""
    hit = False

    def hit_once(_: object) -> None:
        nonlocal hit
        if not hit:
            hit = True
            index.simulator.fault("zendesk", "down")

    first = index.sync("zendesk", progress=hit_once)
    assert not first.complete
    index.simulator.clear_faults("zendesk")
    assert index.sync("zendesk").complete
    company = index.simulator.company
    assert len(index.rows("ticket", deleted=True)) == len(company.zendesk["ticket"])
    assert len(index.rows("comment")) == len(company.zendesk["comment"])


def test_bad_record_is_set_aside_with_its_reason(synced: Index) -> None:
    tickets = [t for t in synced.simulator.company.zendesk["ticket"] if t["status"] == "open"]
    bad, good = tickets[0]["id"], tickets[1]["id"]
    synced.simulator.change("zendesk", "ticket", bad, due_at="the day after tomorrow")
    synced.simulator.change("zendesk", "ticket", good, subject="Still fine")
    report = synced.sync("zendesk").stream("tickets")
    assert (report.rejected, report.written, report.error) == (1, 1, None)
    row = synced.row("ticket", good)
    assert row is not None
    assert row["subject"] == "Still fine"
    (rejected,) = synced.ask("SELECT * FROM remit.rejected_record")
    assert (rejected["source"], rejected["stream"]) == ("zendesk", "tickets")
    assert rejected["reason"] == "field due_at: it is not a time"
    assert "the day after tomorrow" in rejected["raw"]
    # The row is as it was, and the same record is not set aside twice.
    old = synced.row("ticket", bad)
    assert old is not None
    assert old["deleted_at"] is None
    synced.sync("zendesk")
    assert len(synced.ask("SELECT 1 AS one FROM remit.rejected_record")) == 1


def test_record_that_postgres_cannot_hold_is_set_aside(synced: Index) -> None:
    tickets = [t for t in synced.simulator.company.zendesk["ticket"] if t["status"] == "open"]
    synced.simulator.change("zendesk", "ticket", tickets[0]["id"], subject="nul \x00 character")
    synced.simulator.change("zendesk", "ticket", tickets[1]["id"], subject="Still fine")
    report = synced.sync("zendesk").stream("tickets")
    assert (report.rejected, report.written, report.error) == (1, 1, None)
    (rejected,) = synced.ask("SELECT reason FROM remit.rejected_record")
    assert "NUL" in rejected["reason"]


def test_silence_of_a_first_read_is_not_taken_for_completeness(index: Index) -> None:
    report = index.sync("zendesk", start_date="2099-01-01T00:00:00Z")
    for stream in report.streams:
        assert stream.error is None
        assert "brought nothing" in (stream.suspicion or "")
    assert not report.complete
    for state in index.ask("SELECT * FROM remit.stream_state"):
        assert (state["state"], state["synced_at"], state["run_id"]) == (None, None, None)
        assert "brought nothing" in state["problem"]
    # Nothing of that silence is remembered: with the right settings all comes.
    assert index.sync("zendesk").complete


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("kind", ["unauthorized", "server_error", "down"])
def test_no_secret_and_no_payload_is_told(
    index: Index,
    vendor: str,
    kind: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    index.simulator.fault(vendor, kind)
    # What reaches the process's own log, as an operator configures it.
    log: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: log.append(handler.format(record))  # type: ignore[method-assign]
    logging.root.addHandler(handler)
    try:
        report = index.sync(vendor, retries=1)
    finally:
        logging.root.removeHandler(handler)
    assert all(stream.error for stream in report.streams)
    out, err = capfd.readouterr()
    stored = index.ask("SELECT report::text FROM remit.sync_run")
    told = f"{report!r} {log} {out} {err} {stored!r}"
    for secret in index.simulator.credentials[vendor].values():
        assert secret not in told
    assert "Session expired" not in told
    assert "unexpected error" not in told


def test_wrong_credentials_are_named_as_such_without_being_shown(index: Index) -> None:
    report = index.sync("zendesk", api_token="wrong-token-000")
    for stream in report.streams:
        assert stream.error == "it answered 401 (Unauthorized); check the credentials"
    report = index.sync("salesforce", client_secret="wrong-secret-000")
    for stream in report.streams:
        assert stream.error == "it refused to sign in; check the credentials"


def test_source_that_is_not_there(index: Index, simulator: Simulator) -> None:
    given = settings(simulator, "stripe")
    simulator.close()
    report = index.sync("stripe", **given)
    assert {stream.error for stream in report.streams} == {"it cannot be reached"}


def test_refusal_that_a_manifest_ignores_is_not_taken_for_completeness(
    desk_index: DeskIndex,
) -> None:
    desk_index.read()
    positions = (
        "SELECT state, synced_at FROM remit.stream_state WHERE stream IN ('people', 'tickets')"
        " ORDER BY stream"
    )
    before = desk_index.ask(positions)
    desk_index.desk.refuses |= {"people", "tickets"}
    report = desk_index.read()
    for name in ("people", "tickets"):
        stream = report.stream(name)
        assert stream.error is None
        assert "refused a part" in (stream.suspicion or "")
        assert "403" in stream.warnings[0]
    assert desk_index.ask(positions) == before
    told = desk_index.ask(
        "SELECT stream, problem FROM remit.stream_state WHERE problem IS NOT NULL"
    )
    assert {row["stream"] for row in told} == {"people", "tickets"}
    assert all("It said: " in row["problem"] and "403" in row["problem"] for row in told)
