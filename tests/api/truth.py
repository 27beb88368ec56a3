"""What the right answers are, worked out from the company's records and not with Remit's code."""

from __future__ import annotations

from typing import Any

from ingestion.simulator import Company

_OPEN = ("new", "open", "pending", "hold")


def open_tickets(company: Company, key: str, *, without: tuple[str, ...] = ()) -> set[str]:
    """The numbers of a customer's open tickets that carry none of the tags."""
    return {
        str(ticket["id"])
        for ticket in tickets_of(company, key)
        if ticket["status"] in _OPEN and not set(without) & set(ticket["tags"])
    }


def tickets_of(company: Company, key: str) -> list[dict[str, Any]]:
    organizations = company.customer(key).organizations
    return [t for t in company.zendesk["ticket"] if t["organization_id"] in organizations]


def open_invoices(company: Company, key: str) -> set[str]:
    """The numbers of a customer's invoices that are to be paid."""
    customers = company.customer(key).stripe_customers
    return {
        invoice["number"]
        for invoice in company.stripe["invoice"]
        if invoice["customer"] in customers and invoice["status"] == "open"
    }
