"""The Chargebee site: its records, and what changing them means."""

from __future__ import annotations

import random
from typing import Any

from ingestion.simulator.chargebee.contents import (
    MONTH,
    Contents,
    new_customer,
    new_id,
    new_invoice,
    new_subscription,
)
from ingestion.simulator.company import Company
from ingestion.simulator.vendor import (
    InvalidChangeError,
    UnknownRecordError,
    merged,
    required,
)

Record = dict[str, Any]

_STATUSES = {
    "subscription": ("future", "in_trial", "active", "non_renewing", "paused", "cancelled",
                     "transferred"),
    "invoice": ("paid", "posted", "payment_due", "not_paid", "voided", "pending"),
}  # fmt: skip
_REQUIRED = {
    "customer": (),
    "subscription": ("customer_id",),
    "invoice": ("customer_id", "total"),
}


class Site:
    def __init__(self, company: Company) -> None:
        self._rng = random.Random(f"{company.seed}/chargebee changes")  # noqa: S311
        self._records = {
            kind: {record["id"]: record for record in records}
            for kind, records in Contents(company).records.items()
        }

    def records(self, kind: str) -> list[Record]:
        return list(self._records[kind].values())

    def get(self, kind: str, record_id: str) -> Record | None:
        return self._records[kind].get(record_id)

    def create(self, kind: str, fields: Record, at: int) -> Record:
        """A subscription needs customer_id, an invoice customer_id and total."""
        records = self._of_kind(kind)
        required(fields, *_REQUIRED[kind])
        now = at // 1000
        values = {"id": new_id(self._rng), "created_at": now, "updated_at": now}
        match kind:
            case "customer":
                names = ("first_name", "last_name", "email", "company", "phone")
                blank = new_customer({**values, **dict.fromkeys(names), "meta_data": {}})
            case "subscription":
                term = {"current_term_start": now, "current_term_end": now + MONTH}
                blank = new_subscription(
                    {**values, **term, "customer_id": None, "status": "active",
                     "subscription_items": []}
                )  # fmt: skip
            case _:
                del values["created_at"]
                values |= {"id": str(len(records) + 1), "date": now, "due_date": now + MONTH}
                blank = new_invoice(
                    {**values, "customer_id": None, "subscription_id": None, "status": "posted",
                     "currency_code": "USD", "total": fields["total"]}
                )  # fmt: skip
        return self._put(kind, _without_nulls(merged(blank, fields)))

    def change(self, kind: str, record_id: str, fields: Record, at: int) -> Record:
        record = self._of_kind(kind).get(record_id)
        if record is None or record["deleted"]:
            raise UnknownRecordError(f"no {kind} {record_id}")
        changed = {**merged(record, fields), "updated_at": at // 1000}
        if fields.get("status") == "paid":
            changed |= {"paid_at": at // 1000, "amount_paid": record["total"], "amount_due": 0}
        return self._put(kind, _without_nulls(changed))

    def delete(self, kind: str, record_id: str, at: int) -> Record:
        """Only those who ask for deleted ones see it still; a customer takes all else along."""
        if kind == "customer":
            for other in ("subscription", "invoice"):
                for found in self.records(other):
                    if found["customer_id"] == record_id and not found["deleted"]:
                        self.delete(other, found["id"], at)
        return self.change(kind, record_id, {"deleted": True}, at)

    def _put(self, kind: str, record: Record) -> Record:
        known = _STATUSES.get(kind)
        if known is not None and record["status"] not in known:
            raise InvalidChangeError(f"no status {record['status']!r}; there are {known}")
        self._records[kind][record["id"]] = record
        return record

    def _of_kind(self, kind: str) -> dict[str, Record]:
        if kind not in self._records:
            raise UnknownRecordError(f"no kind {kind!r}; Chargebee has {', '.join(self._records)}")
        return self._records[kind]


def _without_nulls(record: Record) -> Record:
    return {name: value for name, value in record.items() if value is not None}
