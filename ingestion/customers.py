"""Customers follow from accounts, so whoever writes accounts brings the customers up to date."""

from __future__ import annotations

from index.stream import Stream
from semantic_layer.model import Model


def account_entities(model: Model, stream: Stream) -> frozenset[str]:
    """The entities of the stream whose rows customers are made of."""
    accounts = {entity.resolved_from for entity in model.entities.values() if entity.resolved_from}
    return frozenset(accounts.intersection(stream.entities))
