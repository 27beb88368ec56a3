"""What Stripe's API version 2025-03-31.basil changed in the objects that the simulator has.

https://docs.stripe.com/changelog/basil#2025-03-31.basil lists the changes.
"""

from __future__ import annotations

import re
from typing import Any

Record = dict[str, Any]

BASIL = "2025-03-31"
_VERSION = re.compile(r"\d{4}-\d\d-\d\d(\.[a-z]+)?")

# Fields that later versions moved or dropped.
_GONE_FROM_INVOICES = frozenset(
    ("application_fee_amount", "charge", "discount", "paid", "paid_out_of_band", "payment_intent",
     "quote", "rendering_options", "subscription", "tax", "total_tax_amounts", "transfer_data")
)  # fmt: skip
_GONE_FROM_LINES = frozenset(
    ("amount_excluding_tax", "price", "proration", "tax_amounts", "tax_rates", "type")
)


def is_version(text: str) -> bool:
    """Whether the text has the form of an API version, such as 2022-11-15 or 2025-03-31.basil."""
    return _VERSION.fullmatch(text) is not None


def has_basil_shapes(version: str) -> bool:
    return version[:10] >= BASIL


def in_basil_shape(record: Record) -> Record:
    """The object as basil and later versions show it; events keep the shape they were made in."""
    match record["object"]:
        case "invoice":
            return _basil_invoice(record)
        case "subscription":
            return _basil_subscription(record)
        case _:
            return record


def _basil_subscription(record: Record) -> Record:
    shaped = dict(record)
    start = shaped.pop("current_period_start")
    end = shaped.pop("current_period_end")
    discount = shaped.pop("discount")
    shaped["discounts"] = [discount] if discount else []
    items = record["items"]
    shaped["items"] = {
        **items,
        "data": [
            {**item, "current_period_start": start, "current_period_end": end}
            for item in items["data"]
        ],
    }
    return shaped


def _basil_invoice(record: Record) -> Record:
    shaped = {name: value for name, value in record.items() if name not in _GONE_FROM_INVOICES}
    shaped["parent"] = _subscription_parent(record["subscription"])
    shaped |= {
        "amount_overpaid": 0,
        "confirmation_secret": None,
        "issuer": {"type": "self"},
        "rendering": None,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }
    shaped["lines"] = {
        **record["lines"],
        "data": [_basil_line(line) for line in record["lines"]["data"]],
    }
    return shaped


def _subscription_parent(subscription: str | None) -> Record | None:
    if subscription is None:
        return None
    return {
        "type": "subscription_details",
        "quote_details": None,
        "subscription_details": {"metadata": {}, "subscription": subscription},
    }


def _basil_line(line: Record) -> Record:
    shaped = {name: value for name, value in line.items() if name not in _GONE_FROM_LINES}
    subscription, price = line["subscription"], line["price"]
    shaped["parent"] = subscription and {
        "type": "subscription_item_details",
        "invoice_item_details": None,
        "subscription_item_details": {"subscription": subscription, "proration": False},
    }
    shaped["pricing"] = price and {
        "type": "price_details",
        "price_details": {"price": price["id"], "product": price["product"]},
        "unit_amount_decimal": price["unit_amount_decimal"],
    }
    shaped["taxes"] = []
    return shaped
