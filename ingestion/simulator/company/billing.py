"""The company's Stripe objects."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingestion.simulator.company.customers import Customer
from ingestion.simulator.company.events import recent_events
from ingestion.simulator.company.identifiers import epoch, stripe_id
from ingestion.simulator.stripe.records import (
    listing,
    new_customer,
    new_invoice,
    new_line_item,
    new_price,
    new_subscription,
    new_subscription_item,
)

Record = dict[str, Any]

DAY = 86_400
_MONTH = 30 * DAY
_PERIOD = {"month": _MONTH, "year": 365 * DAY}
# Minor units a seat and month. Yen have no decimals.
_SEAT_PRICE = {
    "usd": {"Enterprise": 9_900, "Business": 4_900, "Starter": 1_900},
    "eur": {"Enterprise": 8_900, "Business": 4_500, "Starter": 1_700},
    "jpy": {"Enterprise": 14_800, "Business": 7_200, "Starter": 2_800},
}
_SEATS = {"Enterprise": (80, 400), "Business": (12, 80), "Starter": (1, 12)}
_STATUSES = ("active", "canceled", "past_due", "trialing", "unpaid", "incomplete_expired")
_STATUS_WEIGHTS = (74, 13, 5, 4, 2, 2)
_PAST_STATUSES = ("paid", "open", "uncollectible", "void")
_PAST_WEIGHTS = (950, 15, 20, 15)
_LATEST_STATUSES = ("paid", "open", "draft")
_LATEST_WEIGHTS = (62, 28, 10)


@dataclass
class Billing:
    """The objects by kind, and the Stripe customer ids that each customer (by key) has."""

    records: dict[str, list[Record]]
    customers: dict[str, list[str]]


class BillingBuilder:
    def __init__(self, rng: random.Random, as_of: datetime) -> None:
        self._rng = rng
        self._now = epoch(as_of)
        self._records: dict[str, list[Record]] = {
            "customer": [], "subscription": [], "invoice": [], "event": [],
        }  # fmt: skip
        self._customers: dict[str, list[str]] = {}
        self._sequence: dict[str, int] = {}
        self._prices = {
            (currency, tier, interval): new_price(
                stripe_id(rng, "price"),
                f"prod_{tier}",
                currency,
                interval,
                amount * (1 if interval == "month" else 10),
            )
            for currency, tiers in _SEAT_PRICE.items()
            for tier, amount in tiers.items()
            for interval in _PERIOD
        }

    def build(self, customers: Sequence[Customer], accounts: dict[str, list[str]]) -> Billing:
        for customer in customers:
            for number, name in enumerate(customer.in_stripe):
                record = self._add_customer(customer, name, accounts.get(customer.key, []))
                if customer.key == "acme":
                    self._add_acme_subscription(customer, record)
                elif number == 0:
                    self._add_business(customer, record)
        self._add_leftovers(customers)
        self._records["event"] = recent_events(self._rng, self._records, self._now)
        return Billing(self._records, self._customers)

    def _add_customer(self, customer: Customer, name: str, accounts: list[str]) -> Record:
        rng = self._rng
        metadata: dict[str, str] = {}
        if customer.stripe_knows_account and accounts:
            metadata["salesforce_account_id"] = accounts[0]
        if rng.random() < 0.3:
            metadata["plan_note"] = rng.choice(("migrated", "special price", ""))
        record = new_customer(
            {
                "id": stripe_id(rng, "cus", 14),
                "created": epoch(customer.since) + rng.randrange(30 * DAY),
                "name": name,
                "email": customer.billing_mail,
                "phone": rng.choice((None, customer.people[0].phone)),
                "description": rng.choice((None, "", customer.sector or None)),
                "currency": customer.currency.lower(),
                "address": {
                    "city": customer.country.cities[0].partition("/")[0],
                    "country": None,
                    "line1": None,
                    "line2": None,
                    "postal_code": customer.country.cities[0].partition("/")[2],
                    "state": None,
                },
                "metadata": metadata,
                "preferred_locales": [customer.country.locale],
            }
        )
        self._records["customer"].append(record)
        self._customers.setdefault(customer.key, []).append(record["id"])
        return record

    def _add_business(self, customer: Customer, owner: Record) -> None:
        rng = self._rng
        first_invoice = len(self._records["invoice"])
        well_known = customer.key in ("acme-foods", "globex", "hatsune-foods")
        for number in range(1 if customer.individual else rng.choice((1, 1, 2, 2, 3, 3))):
            status = rng.choices(_STATUSES, _STATUS_WEIGHTS)[0]
            if well_known and number == 0:
                status = "active"
            interval = "year" if rng.random() < 0.2 else "month"
            self._add_subscription(customer, owner, status, interval)
        if rng.random() < 0.5:
            self._add_one_off(customer, owner)
        owner["delinquent"] = any(
            invoice["status"] == "open" and (invoice["due_date"] or self._now) < self._now
            for invoice in self._records["invoice"][first_invoice:]
        )

    def _add_acme_subscription(self, customer: Customer, owner: Record) -> None:
        """One active subscription, two years of paid invoices, then three open ones.

        The oldest of the three is overdue; the other two are still within their terms.
        """
        self._subscribe(customer, owner, "active", "month", self._now - 24 * _MONTH - 8 * DAY)
        invoices = self._records["invoice"]
        mine = [invoice for invoice in invoices if invoice["customer"] == owner["id"]]
        for invoice in mine[:-3]:
            self._settle(invoice, "paid")
        for invoice, due_in_days in zip(mine[-3:], (-12, 9, 22), strict=True):
            self._settle(invoice, "open")
            invoice["collection_method"] = "send_invoice"
            invoice["due_date"] = self._now + due_in_days * DAY
        owner["delinquent"] = True

    def _add_subscription(
        self, customer: Customer, owner: Record, status: str, interval: str
    ) -> None:
        age = self._now - owner["created"]
        start = owner["created"] + int(self._rng.random() ** 2 * max(0, age - 5 * DAY))
        if status == "trialing":
            start = self._now - self._rng.randrange(1, 13) * DAY
        subscription, invoices = self._subscribe(customer, owner, status, interval, start)
        rng = self._rng
        for invoice in invoices[:-1]:
            self._settle(invoice, rng.choices(_PAST_STATUSES, _PAST_WEIGHTS)[0])
        if invoices:
            latest = rng.choices(_LATEST_STATUSES, _LATEST_WEIGHTS)[0]
            late = status in ("past_due", "unpaid")
            self._settle(invoices[-1], "open" if late else latest)
        if status == "active" and rng.random() < 0.06:
            subscription["cancel_at_period_end"] = True
            subscription["cancel_at"] = subscription["current_period_end"]
            subscription["canceled_at"] = self._now - rng.randrange(1, 20) * DAY

    def _subscribe(
        self, customer: Customer, owner: Record, status: str, interval: str, start: int
    ) -> tuple[Record, list[Record]]:
        """A subscription from `start` on with one unsettled invoice for each of its periods."""
        rng = self._rng
        end = self._now
        if status in ("canceled", "incomplete_expired"):
            end = start + rng.randrange(1, max(2, self._now - start))
        length = _PERIOD[interval]
        period_start = start + (end - start) // length * length
        price = self._prices[customer.currency.lower(), customer.tier, interval]
        quantity = rng.randint(*_SEATS[customer.tier])
        subscription_id = stripe_id(rng, "sub")
        subscription = new_subscription(
            {
                "id": subscription_id,
                "customer": owner["id"],
                "created": start,
                "currency": customer.currency.lower(),
                "current_period_start": period_start,
                "current_period_end": period_start + length,
                "status": status,
                "collection_method": rng.choice(("charge_automatically", "send_invoice")),
            }
        )
        item = new_subscription_item(
            stripe_id(rng, "si", 14), subscription_id, start, price, quantity
        )
        subscription["items"]["data"].append(item)
        if status == "trialing":
            subscription["trial_start"] = start
            subscription["trial_end"] = start + 14 * DAY
        if status in ("canceled", "incomplete_expired"):
            subscription["ended_at"] = end
            subscription["canceled_at"] = end if status == "canceled" else None
        invoices = []
        if status not in ("trialing", "incomplete_expired"):
            for begin in range(start, end, length):
                invoices.append(
                    self._add_invoice(owner, begin, price["unit_amount"] * quantity, subscription)
                )
        subscription["latest_invoice"] = invoices[-1]["id"] if invoices else None
        self._records["subscription"].append(subscription)
        return subscription, invoices

    def _add_one_off(self, customer: Customer, owner: Record) -> None:
        """An invoice outside any subscription, for a training or a migration."""
        rng = self._rng
        created = owner["created"] + rng.randrange(max(1, self._now - owner["created"]))
        amount = _SEAT_PRICE[customer.currency.lower()]["Enterprise"] * rng.randint(2, 30)
        invoice = self._add_invoice(owner, created, amount, None)
        self._settle(invoice, rng.choices(("paid", "open", "void"), (70, 20, 10))[0])

    def _add_invoice(
        self, owner: Record, created: int, amount: int, subscription: Record | None
    ) -> Record:
        rng = self._rng
        price, quantity, length = None, 1, 0
        description = rng.choice(("Training day", "Data migration", "Custom report"))
        if subscription is not None:
            item = subscription["items"]["data"][0]
            price, quantity = item["price"], item["quantity"]
            length = _PERIOD[price["recurring"]["interval"]]
            description = f"{quantity} × {price['product'].removeprefix('prod_')}"
        by_transfer = subscription is None or subscription["collection_method"] == "send_invoice"
        subscription_id = subscription["id"] if subscription else None
        line = new_line_item(
            stripe_id(rng, "il"), description, owner["currency"], amount,
            (created, created + length), price, quantity, subscription_id,
        )  # fmt: skip
        invoice_id = stripe_id(rng, "in")
        invoice = new_invoice(
            {
                "id": invoice_id,
                "customer": owner["id"],
                "created": created,
                "total": amount,
                "currency": owner["currency"],
                "customer_name": owner["name"],
                "customer_email": owner["email"],
                "collection_method": "send_invoice" if by_transfer else "charge_automatically",
                "due_date": created + 30 * DAY if by_transfer else None,
                "period_start": created,
                "period_end": created + length,
                "billing_reason": "subscription_cycle" if subscription else "manual",
                "subscription": subscription_id,
                "lines": listing(f"/v1/invoices/{invoice_id}/lines", [line]),
            }
        )
        self._records["invoice"].append(invoice)
        return invoice

    def _settle(self, invoice: Record, status: str) -> None:
        """Bring a new invoice into a status, with the amounts, the number and times of it."""
        invoice["status"] = status
        if status == "draft":
            return
        finalized = min(invoice["created"] + 3_600, self._now)
        ended = min(finalized + self._rng.randrange(2 * DAY, 25 * DAY), self._now)
        prefix = invoice["customer"][-8:].upper()
        self._sequence[prefix] = self._sequence.get(prefix, 0) + 1
        invoice["number"] = f"{prefix}-{self._sequence[prefix]:04d}"
        invoice["effective_at"] = finalized
        invoice["attempted"] = True
        invoice["attempt_count"] = 1
        moments = {
            "paid": {"paid_at": ended},
            "void": {"voided_at": ended},
            "uncollectible": {"marked_uncollectible_at": ended},
        }.get(status, {})
        transitions = {**invoice["status_transitions"], "finalized_at": finalized, **moments}
        invoice["status_transitions"] = transitions
        if status == "paid":
            invoice["paid"] = True
            invoice["amount_paid"] = invoice["amount_due"]
            invoice["amount_remaining"] = 0

    def _add_leftovers(self, customers: Sequence[Customer]) -> None:
        """Deleted customers whose invoices stay behind, as Stripe keeps them."""
        firms = [
            customer for customer in customers if customer.in_stripe and customer.key != "acme"
        ]
        for number in range(max(2, len(firms) // 25)):
            firm = firms[(number * 7 + 1) % len(firms)]
            gone = self._add_customer(firm, f"{firm.brand} (old)", [])
            self._customers[firm.key].remove(gone["id"])
            self._add_one_off(firm, gone)
            gone["deleted"] = True
