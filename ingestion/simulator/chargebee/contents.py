"""What the sample company bills through Chargebee: the plans of a firm it bought."""

from __future__ import annotations

import random
from typing import Any

from ingestion.simulator.company import Company
from ingestion.simulator.company.customers import Customer
from ingestion.simulator.company.identifiers import epoch

Record = dict[str, Any]

DAY = 86_400
MONTH = 30 * DAY
_WELL_KNOWN = 4  # of the company's customers; they are in every system
_SHARE = 0.6  # of the others
# Minor units a seat and month. Yen have no decimals.
_SEAT_PRICE = {"USD": 2_500, "EUR": 2_200, "JPY": 3_500}
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
_STATUSES = ("active", "active", "non_renewing", "in_trial", "cancelled", "paused", "future",
             "transferred")  # fmt: skip


def new_id(rng: random.Random) -> str:
    """An id as Chargebee makes them when none is given, such as `16BjVUUmsB1tj3rE`."""
    return f"16{''.join(rng.choices(_LETTERS, k=14))}"


def new_customer(values: Record) -> Record:
    """A customer from at least id and its two times; Chargebee leaves out what has no value."""
    return {
        "object": "customer",
        "auto_collection": "on",
        "net_term_days": 0,
        "allow_direct_debit": False,
        "taxability": "taxable",
        "pii_cleared": "active",
        "channel": "web",
        "promotional_credits": 0,
        "refundable_credits": 0,
        "excess_payments": 0,
        "unbilled_charges": 0,
        "preferred_currency_code": "USD",
        "deleted": False,
        **values,
    }


def new_subscription(values: Record) -> Record:
    """A subscription of the second product catalogue, from at least id, customer_id and status."""
    return {
        "object": "subscription",
        "billing_period": 1,
        "billing_period_unit": "month",
        "auto_collection": "on",
        "currency_code": "USD",
        "due_invoices_count": 0,
        "has_scheduled_changes": False,
        "channel": "web",
        "mrr": 0,
        "deleted": False,
        **values,
    }


def new_invoice(values: Record) -> Record:
    """An invoice from at least id, customer_id, status, date, total and currency_code."""
    total = values["total"]
    paid = total if values["status"] == "paid" else 0
    return {
        "object": "invoice",
        "recurring": True,
        "price_type": "tax_exclusive",
        "net_term_days": 30,
        "exchange_rate": 1.0,
        "tax": 0,
        "sub_total": total,
        "amount_paid": paid,
        "amount_adjusted": 0,
        "write_off_amount": 0,
        "credits_applied": 0,
        "amount_due": total - paid if values["status"] != "voided" else 0,
        "first_invoice": False,
        "new_sales_amount": 0,
        "has_advance_charges": False,
        "term_finalized": True,
        "is_gifted": False,
        "channel": "web",
        "line_items": [],
        "linked_payments": [],
        "applied_credits": [],
        "adjustment_credit_notes": [],
        "issued_credit_notes": [],
        "linked_orders": [],
        "dunning_attempts": [],
        "deleted": False,
        **values,
    }


class Contents:
    """The site's records by kind, made of the company's customers."""

    def __init__(self, company: Company) -> None:
        self._rng = random.Random(f"{company.seed}/chargebee")  # noqa: S311
        self._company = company
        self._now = epoch(company.as_of)
        self.records: dict[str, list[Record]] = {"customer": [], "subscription": [], "invoice": []}
        for number, customer in enumerate(company.customers):
            if number < _WELL_KNOWN or self._rng.random() < _SHARE:
                self._add_customer(customer)
        self._delete_some()

    def _add_customer(self, customer: Customer) -> None:
        rng = self._rng
        accounts = self._company.customer(customer.key).accounts
        person = customer.people[0]
        created = epoch(customer.since) + rng.randrange(20 * DAY)
        record = new_customer(
            {
                "id": new_id(rng),
                "first_name": person.given,
                "last_name": person.family,
                "email": customer.billing_mail or person.email,
                "phone": person.phone,
                "preferred_currency_code": customer.currency,
                "created_at": created,
                "updated_at": created + rng.randrange(20 * DAY),
                "meta_data": {"source": "import"},
                "cf_account_manager": rng.choice(("Berlin", "Austin")),
            }
        )
        if not customer.individual:
            record["company"] = customer.name
        if accounts and rng.random() < 0.5:
            record["meta_data"]["salesforce_account_id"] = accounts[0]
        self.records["customer"].append(record)
        for _ in range(rng.choice((1, 2, 3))):
            self._add_subscription(customer, record)

    def _add_subscription(self, customer: Customer, owner: Record) -> None:
        rng = self._rng
        status = rng.choice(_STATUSES)
        start = max(owner["created_at"], self._now - rng.randrange(2, 10) * MONTH)
        price, seats = _SEAT_PRICE[customer.currency], rng.randrange(1, 40)
        term = self._now - (self._now - start) % MONTH
        subscription = new_subscription(
            {
                "id": new_id(rng),
                "customer_id": owner["id"],
                "status": status,
                "currency_code": customer.currency,
                "created_at": start,
                "started_at": start,
                "updated_at": self._now - rng.randrange(1, 40) * DAY,
                "subscription_items": [
                    {
                        "object": "subscription_item",
                        "item_price_id": f"Team-{customer.currency}-Monthly",
                        "item_type": "plan",
                        "quantity": seats,
                        "unit_price": price,
                        "amount": price * seats,
                        "free_quantity": 0,
                    }
                ],
            }
        )
        if status in ("active", "non_renewing", "paused"):
            subscription |= {"current_term_start": term, "current_term_end": term + MONTH}
        if status == "in_trial":
            subscription |= {"trial_start": start, "trial_end": self._now + 9 * DAY}
        if status in ("cancelled", "non_renewing"):
            subscription["cancelled_at"] = min(term + MONTH, self._now)
        self.records["subscription"].append(subscription)
        if status not in ("in_trial", "future"):
            for date in range(start, self._now, MONTH):
                self._add_invoice(subscription, date, price * seats)

    def _add_invoice(self, subscription: Record, date: int, total: int) -> None:
        recent = date > self._now - 2 * MONTH
        statuses = ("payment_due", "posted", "pending") if recent else ("paid", "paid", "not_paid")
        status = self._rng.choice((*statuses, "paid", "voided"))
        invoice = new_invoice(
            {
                "id": str(len(self.records["invoice"]) + 1),
                "customer_id": subscription["customer_id"],
                "subscription_id": subscription["id"],
                "status": status,
                "date": date,
                "due_date": date + MONTH,
                "generated_at": date,
                "updated_at": min(date + 3 * DAY, self._now),
                "currency_code": subscription["currency_code"],
                "total": total,
            }
        )
        if status == "paid":
            invoice["paid_at"] = min(date + 3 * DAY, self._now)
        self.records["invoice"].append(invoice)

    def _delete_some(self) -> None:
        """A customer who was there twice, with what was theirs, and a lone invoice."""
        self._add_customer(self._company.customers[1])
        gone = self.records["customer"][-1]
        for records in self.records.values():
            for record in records:
                if gone["id"] in (record["id"], record.get("customer_id")):
                    record["deleted"] = True
        self.records["invoice"][0]["deleted"] = True
