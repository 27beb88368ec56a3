"""The Stripe account: its objects, its events, and what changing an object means."""

from __future__ import annotations

import random

from ingestion.simulator.company import Company
from ingestion.simulator.company.identifiers import epoch, stripe_id
from ingestion.simulator.stripe.records import (
    new_customer,
    new_event,
    new_invoice,
    new_subscription,
)
from ingestion.simulator.table import Record, Table
from ingestion.simulator.vendor import (
    InvalidChangeError,
    UnknownRecordError,
    merged,
    required,
)

_ID_PREFIXES = {"customer": ("cus", 14), "subscription": ("sub", 24), "invoice": ("in", 24)}
_EVENT_PREFIXES = {
    "customer": "customer",
    "subscription": "customer.subscription",
    "invoice": "invoice",
}
# The time and the event that go with an invoice's way into a status.
_INVOICE_STATUSES = {
    "draft": (None, None),
    "open": ("finalized_at", "invoice.finalized"),
    "paid": ("paid_at", "invoice.paid"),
    "void": ("voided_at", "invoice.voided"),
    "uncollectible": ("marked_uncollectible_at", "invoice.marked_uncollectible"),
}


def _age(record: Record) -> tuple[int, str]:
    return record["created"], record["id"]


class Account:
    """`now` is when something last happened here: events older than 30 days before it are gone."""

    def __init__(self, company: Company) -> None:
        records = company.stripe
        self.now = epoch(company.as_of)
        self._rng = random.Random(f"{company.seed}/stripe changes")  # noqa: S311
        self._event_numbers = {event["id"]: n for n, event in enumerate(records["event"])}
        self.customers = Table(
            records["customer"], listed_by=_age, shown=lambda found: not found.get("deleted")
        )
        self.subscriptions = Table(records["subscription"], listed_by=_age, parent="customer")
        self.invoices = Table(records["invoice"], listed_by=_age, parent="customer")
        self.events = Table(
            records["event"],
            # Events of one second stay in the order in which they happened.
            listed_by=lambda event: (event["created"], self._event_numbers[event["id"]]),
        )
        self._tables = {
            "customer": self.customers,
            "subscription": self.subscriptions,
            "invoice": self.invoices,
        }

    def create(self, kind: str, fields: Record, at: int) -> Record:
        """An invoice needs customer and total, a subscription customer."""
        table = self._table(kind)
        self.now = at // 1000
        values: Record = {"id": stripe_id(self._rng, *_ID_PREFIXES[kind]), "created": self.now}
        match kind:
            case "customer":
                blank = new_customer(values)
            case "subscription":
                required(fields, "customer")
                period = {"current_period_start": self.now,
                          "current_period_end": self.now + 30 * 86_400}  # fmt: skip
                blank = new_subscription({**values, **period, "customer": None})
            case _:
                required(fields, "customer", "total")
                blank = new_invoice({**values, "customer": None, "total": fields["total"]})
        record = merged(blank, fields)
        table.put(record)
        self._tell(f"{_EVENT_PREFIXES[kind]}.created", record)
        return record

    def change(self, kind: str, record_id: str, fields: Record, at: int) -> Record:
        old = self._existing(kind, record_id)
        record = merged(old, fields)
        now = at // 1000
        moved = "status" in fields and record["status"] != old["status"]
        told: str | None = None
        if moved and kind == "invoice":
            told = _follow_invoice_status(record, now)
        elif moved and record["status"] == "canceled":
            record |= {"canceled_at": now, "ended_at": now}
            told = "customer.subscription.deleted"
        self.now = now
        self._table(kind).put(record)
        previous = {name: old[name] for name in record if record[name] != old.get(name)}
        if told != "customer.subscription.deleted":
            self._tell(f"{_EVENT_PREFIXES[kind]}.updated", record, previous)
        if told is not None:
            self._tell(told, record)
        return record

    def delete(self, kind: str, record_id: str, at: int) -> Record:
        """A customer goes with its subscriptions, a subscription is canceled, a draft vanishes."""
        record = self._existing(kind, record_id)
        if kind == "subscription":
            return self.change(kind, record_id, {"status": "canceled"}, at)
        if kind == "invoice" and record["status"] != "draft":
            raise InvalidChangeError(
                f"invoice {record_id} is {record['status']}; only drafts can be deleted, void it"
            )
        self.now = at // 1000
        if kind == "customer":
            for subscription in list(self.subscriptions.of(record_id).records):
                if subscription["ended_at"] is None:
                    self.change("subscription", subscription["id"], {"status": "canceled"}, at)
            self.customers.put({**record, "deleted": True})
        else:
            self.invoices.remove(record)
        self._tell(f"{kind}.deleted", record)
        return {"id": record_id, "object": kind, "deleted": True}

    def _tell(self, type_: str, record: Record, previous: Record | None = None) -> None:
        event = new_event(stripe_id(self._rng, "evt"), type_, self.now, record, previous)
        self._event_numbers[event["id"]] = len(self._event_numbers)
        self.events.put(event)

    def _table(self, kind: str) -> Table:
        if kind not in self._tables:
            raise UnknownRecordError(f"no kind {kind!r}; Stripe has {', '.join(self._tables)}")
        return self._tables[kind]

    def _existing(self, kind: str, record_id: str) -> Record:
        record = self._table(kind).get(record_id)
        if record is None or record.get("deleted"):
            raise UnknownRecordError(f"no {kind} {record_id}")
        return record


def _follow_invoice_status(invoice: Record, now: int) -> str | None:
    """Set the amounts and times that go with the invoice's new status; returns its event."""
    if invoice["status"] not in _INVOICE_STATUSES:
        raise InvalidChangeError(
            f"no status {invoice['status']!r}; an invoice is {', '.join(_INVOICE_STATUSES)}"
        )
    moment, told = _INVOICE_STATUSES[invoice["status"]]
    if moment is None:
        return None
    transitions = {**invoice["status_transitions"], moment: now}
    transitions["finalized_at"] = transitions["finalized_at"] or now
    invoice["status_transitions"] = transitions
    if invoice["number"] is None:
        invoice["number"] = f"{invoice['customer'][-8:].upper()}-{now}"
    if invoice["status"] == "paid":
        invoice |= {"paid": True, "amount_paid": invoice["amount_due"], "amount_remaining": 0}
    return told
