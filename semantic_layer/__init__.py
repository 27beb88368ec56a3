"""What the data means, and the one way to read it."""

from __future__ import annotations

from semantic_layer.context import Context
from semantic_layer.describe import describe
from semantic_layer.freshness import Failure, LiveReader, Wanted
from semantic_layer.identity import resolve_customers
from semantic_layer.model import SHIPPED_MODEL, Entity, Model, Segment, load_model
from semantic_layer.query import Listing, Lookup, Root
from semantic_layer.reader import Answer, Reader
from semantic_layer.resolver import Asked, Option, Resolver
from semantic_layer.schema import Schemas, build_schema
from semantic_layer.shadow import DifferenceSink, Shadow
from semantic_layer.splice import Ambiguous, Question
from semantic_layer.stream_freshness import Feed
from semantic_layer.view import View

__all__ = [
    "SHIPPED_MODEL",
    "Ambiguous",
    "Answer",
    "Asked",
    "Context",
    "DifferenceSink",
    "Entity",
    "Failure",
    "Feed",
    "Listing",
    "LiveReader",
    "Lookup",
    "Model",
    "Option",
    "Question",
    "Reader",
    "Resolver",
    "Root",
    "Schemas",
    "Segment",
    "Shadow",
    "View",
    "Wanted",
    "build_schema",
    "describe",
    "load_model",
    "resolve_customers",
]
