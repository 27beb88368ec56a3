"""The Stripe events of the last thirty days, told from the objects as they stand now."""

from __future__ import annotations

import random
from typing import Any

from ingestion.simulator.company.identifiers import stripe_id
from ingestion.simulator.stripe.records import new_event

Record = dict[str, Any]

RETENTION = 30 * 86_400


def recent_events(rng: random.Random, records: dict[str, list[Record]], now: int) -> list[Record]:
    """What was created, paid, canceled or renamed in the last `RETENTION` seconds before `now`."""
    since = now - RETENTION
    events: list[Record] = []

    def tell(type_: str, created: int, subject: Record, previous: Record | None = None) -> None:
        if since <= created <= now:
            events.append(new_event(stripe_id(rng, "evt"), type_, created, subject, previous))

    for customer in records["customer"]:
        tell("customer.created", customer["created"], customer)
        if customer.get("deleted"):
            kept = {name: value for name, value in customer.items() if name != "deleted"}
            tell("customer.deleted", now - rng.randrange(1, RETENTION), kept)
        elif rng.random() < 0.05:
            previous: Record = {"description": "to be completed"}
            tell("customer.updated", now - rng.randrange(1, RETENTION), customer, previous)
    for subscription in records["subscription"]:
        tell("customer.subscription.created", subscription["created"], subscription)
        if subscription["ended_at"]:
            tell("customer.subscription.deleted", subscription["ended_at"], subscription)
        elif subscription["canceled_at"]:
            previous = {"cancel_at": None, "cancel_at_period_end": False, "canceled_at": None}
            at = subscription["canceled_at"]
            tell("customer.subscription.updated", at, subscription, previous)
    for invoice in records["invoice"]:
        _tell_invoice(tell, invoice)
    return sorted(events, key=lambda event: event["created"])


def _tell_invoice(tell: Any, invoice: Record) -> None:
    """Draft, then finalized, then what became of it, each with the invoice as it was then."""
    transitions = invoice["status_transitions"]
    unpaid = {"paid": False, "amount_paid": 0, "amount_remaining": invoice["amount_due"]}
    no_moments = dict.fromkeys(transitions)
    draft = {**invoice, **unpaid, "status": "draft", "number": None,
             "status_transitions": no_moments}  # fmt: skip
    tell("invoice.created", invoice["created"], draft)
    finalized = transitions["finalized_at"]
    if finalized is None:
        return
    opened = {**invoice, **unpaid, "status": "open",
              "status_transitions": {**no_moments, "finalized_at": finalized}}  # fmt: skip
    tell("invoice.finalized", finalized, opened)
    for moment, type_ in (
        ("paid_at", "invoice.paid"),
        ("voided_at", "invoice.voided"),
        ("marked_uncollectible_at", "invoice.marked_uncollectible"),
    ):
        if transitions[moment] is not None:
            tell(type_, transitions[moment], invoice)
