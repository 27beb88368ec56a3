"""Customers follow from accounts, so whoever writes accounts brings the customers up to date."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, text

from index.entity_tables import EntityTables
from index.writer import Stream
from semantic_layer.identity import resolve_customers
from semantic_layer.model import Model

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def account_entities(model: Model, stream: Stream) -> frozenset[str]:
    """The entities of the stream whose rows customers are made of."""
    accounts = {entity.resolved_from for entity in model.entities.values() if entity.resolved_from}
    return frozenset(accounts.intersection(stream.entities))


def update_customers(
    connection: Connection,
    tables: EntityTables,
    model: Model,
    tenant: str,
    changed: Collection[UUID] | None,
) -> None:
    """Resolve the customers of the changed accounts, None for all, in this transaction.

    Only one transaction of a tenant does so at a time: two that each see only their own new account
    would both make a customer of it, and never find out that it is the same one.
    """
    connection.execute(_LOCK, {"name": f"remit.customers/{tenant}"})
    resolve_customers(connection, tables, model, tenant, changed)
