"""What the data means, and the one way to read it.

Here is what it means. What answers questions brings GraphQL along, and is imported by the name of
its module: `reader`, `schema`, `resolver`, `splice` and `shadow`.
"""

from __future__ import annotations

from semantic_layer.context import Context
from semantic_layer.describe import describe
from semantic_layer.freshness import Failure, LiveReader, Wanted
from semantic_layer.identity import resolve_customers
from semantic_layer.model import SHIPPED_MODEL, Entity, Model, Segment, load_model
from semantic_layer.query import Listing, Lookup, Root
from semantic_layer.stream_freshness import Feed
from semantic_layer.view import View

__all__ = [
    "SHIPPED_MODEL",
    "Context",
    "Entity",
    "Failure",
    "Feed",
    "Listing",
    "LiveReader",
    "Lookup",
    "Model",
    "Root",
    "Segment",
    "View",
    "Wanted",
    "describe",
    "load_model",
    "resolve_customers",
]
