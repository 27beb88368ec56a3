"""Whole Stripe objects in the shape of API version 2022-11-15, from the fields that matter."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

DEFAULT_VERSION = "2022-11-15"
ACCOUNT_ID = "acct_1NbeamSoftware00"

_EMPTY_LIST: list[Any] = []
_NO_TAX = {"enabled": False, "status": None}
_PAYMENT_SETTINGS = {
    "default_mandate": None,
    "payment_method_options": None,
    "payment_method_types": None,
}


def new_price(price_id: str, product: str, currency: str, interval: str, amount: int) -> Record:
    """A recurring price of `amount` minor units a seat and `interval` (month or year)."""
    return {
        "id": price_id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": 1_600_000_000,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": f"{product.removeprefix('prod_')} {interval}ly",
        "product": product,
        "recurring": {
            "aggregate_usage": None,
            "interval": interval,
            "interval_count": 1,
            "trial_period_days": None,
            "usage_type": "licensed",
        },
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def new_customer(values: Record) -> Record:
    """A customer from at least id and created."""
    return {
        "object": "customer",
        "address": None,
        "balance": 0,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": values["id"][-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": _EMPTY_LIST,
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
        **values,
    }


def new_subscription(values: Record) -> Record:
    """A subscription from at least id, customer, created and the two ends of its period."""
    return {
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"enabled": False},
        "billing_cycle_anchor": values["created"],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "currency": "usd",
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": _EMPTY_LIST,
        "description": None,
        "discount": None,
        "ended_at": None,
        "items": listing(f"/v1/subscription_items?subscription={values['id']}", []),
        "latest_invoice": None,
        "livemode": False,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": values["created"],
        "status": "active",
        "test_clock": None,
        "transfer_data": None,
        "trial_end": None,
        "trial_start": None,
        **values,
    }


def new_subscription_item(item_id: str, subscription: str, created: int, price: Record,
                          quantity: int) -> Record:  # fmt: skip
    return {
        "id": item_id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": created,
        "metadata": {},
        "price": price,
        "quantity": quantity,
        "subscription": subscription,
        "tax_rates": _EMPTY_LIST,
    }


def new_invoice(values: Record) -> Record:
    """An invoice from at least id, customer, created and total; open and unpaid unless told."""
    total = values["total"]
    paid = values.get("amount_paid", 0)
    return {
        "object": "invoice",
        "account_country": "US",
        "account_name": "Northbeam Software",
        "account_tax_ids": None,
        "amount_due": total,
        "amount_paid": paid,
        "amount_remaining": total - paid,
        "amount_shipping": 0,
        "application": None,
        "application_fee_amount": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": _NO_TAX,
        "billing_reason": "manual",
        "charge": None,
        "collection_method": "charge_automatically",
        "currency": "usd",
        "custom_fields": None,
        "customer_address": None,
        "customer_email": None,
        "customer_name": None,
        "customer_phone": None,
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": _EMPTY_LIST,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": _EMPTY_LIST,
        "description": None,
        "discount": None,
        "discounts": _EMPTY_LIST,
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": f"https://invoice.northbeam.example/i/{values['id']}",
        "invoice_pdf": f"https://invoice.northbeam.example/i/{values['id']}/pdf",
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": listing(f"/v1/invoices/{values['id']}/lines", []),
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "paid": False,
        "paid_out_of_band": False,
        "payment_intent": None,
        "payment_settings": _PAYMENT_SETTINGS,
        "period_end": values["created"],
        "period_start": values["created"],
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "quote": None,
        "receipt_number": None,
        "rendering_options": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "open",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subscription": None,
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "tax": None,
        "test_clock": None,
        "total_discount_amounts": _EMPTY_LIST,
        "total_excluding_tax": total,
        "total_tax_amounts": _EMPTY_LIST,
        "transfer_data": None,
        "webhooks_delivered_at": None,
        **values,
    }


def new_line_item(line_id: str, description: str, currency: str, amount: int,
                  period: tuple[int, int], price: Record | None, quantity: int,
                  subscription: str | None) -> Record:  # fmt: skip
    return {
        "id": line_id,
        "object": "line_item",
        "amount": amount,
        "amount_excluding_tax": amount,
        "currency": currency,
        "description": description,
        "discount_amounts": _EMPTY_LIST,
        "discountable": True,
        "discounts": _EMPTY_LIST,
        "livemode": False,
        "metadata": {},
        "period": {"start": period[0], "end": period[1]},
        "price": price,
        "proration": False,
        "quantity": quantity,
        "subscription": subscription,
        "tax_amounts": _EMPTY_LIST,
        "tax_rates": _EMPTY_LIST,
        "type": "subscription" if subscription else "invoiceitem",
    }


def new_event(event_id: str, type_: str, created: int, subject: Record,
              previous: Record | None = None) -> Record:  # fmt: skip
    """An event about `subject` as it was then; `previous` holds the old values of an update."""
    data: Record = {"object": subject}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": event_id,
        "object": "event",
        "api_version": DEFAULT_VERSION,
        "created": created,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": type_,
    }


def listing(url: str, data: list[Record], *, has_more: bool = False) -> Record:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
