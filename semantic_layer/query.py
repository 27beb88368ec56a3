"""A business-level question in the form that every door brings it to, before it becomes SQL.

A question is a few roots; a root is one row (`Lookup`) or a page of rows (`Listing`); what is asked
of a row is a tree of outputs. `key` is always the name under which the answer appears.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from index.predicate import Predicate


@dataclass(frozen=True, kw_only=True)
class Scalar:
    """One value of a row: a field, its raw source value, the id, its hidden fields or the type.

    Hidden fields are for the caller: those masked ones that exist for them at all. `masks` are for
    us: every field with the mask that is in force on the row, null for none.
    """

    key: str
    kind: Literal["field", "raw", "id", "hidden_fields", "masks", "type_name"]
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Composite:
    """A small object of a row: money, or where the row comes from; parts are (key, part)."""

    key: str
    kind: Literal["money", "provenance"]
    name: str = ""
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class One:
    """The row at the other end of a to-one relation, or null when there is none to be seen."""

    key: str
    relation: str
    outputs: tuple[Output, ...]


@dataclass(frozen=True, kw_only=True)
class Many:
    """A page of the rows at the other end of a to-many relation."""

    key: str
    relation: str
    listing: Listing


Output = Scalar | Composite | One | Many


@dataclass(frozen=True, kw_only=True)
class Order:
    """Sort by a field; rows without a value come last in both directions."""

    field: str
    descending: bool

    @classmethod
    def parse(cls, name: str) -> Order:
        """Read the model's way of writing it: `-created_at` is the latest first."""
        return cls(field=name.removeprefix("-"), descending=name.startswith("-"))


@dataclass(frozen=True, kw_only=True)
class PageOutput:
    """What is asked of a page. `outputs` are those of each node; `parts` those of the page info."""

    key: str
    kind: Literal["nodes", "total_count", "page_info", "stale", "stale_reason", "type_name"]
    outputs: tuple[Output, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A page of an entity's rows. `after` is the cursor of the row before it; an empty order means
    the entity's own."""

    entity: str
    filters: tuple[Predicate, ...]
    order: tuple[Order, ...]
    first: int
    after: str | None
    page: tuple[PageOutput, ...]
    max_age: int | None = None  # seconds


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """One row, by its id or (customers) by a name that fits exactly one row the caller may see."""

    entity: str
    id: UUID | None
    name: str | None
    outputs: tuple[Output, ...]
    max_age: int | None = None  # seconds


@dataclass(frozen=True, kw_only=True)
class Root:
    """A root of a question, with the key of its answer."""

    key: str
    ask: Lookup | Listing


def rows_at_most(root: Root) -> int:
    """How many rows the answer can hold, nested ones included: what the question may cost."""
    if isinstance(root.ask, Lookup):
        return 1 + _below(root.ask.outputs)
    return _page(root.ask)


def _page(listing: Listing) -> int:
    per_row = sum(_below(part.outputs) for part in listing.page if part.kind == "nodes")
    return listing.first * (1 + per_row)


def _below(outputs: tuple[Output, ...]) -> int:
    return sum(
        1 + _below(output.outputs) if isinstance(output, One) else _page(output.listing)
        for output in outputs
        if isinstance(output, One | Many)
    )


def listings(root: Root) -> Iterator[Listing]:
    """Every page that a question asks for, at whatever depth."""
    if isinstance(root.ask, Listing):
        yield from _pages(root.ask)
    else:
        yield from _pages_below(root.ask.outputs)


def _pages(listing: Listing) -> Iterator[Listing]:
    yield listing
    for part in listing.page:
        yield from _pages_below(part.outputs)


def _pages_below(outputs: tuple[Output, ...]) -> Iterator[Listing]:
    for output in outputs:
        if isinstance(output, One):
            yield from _pages_below(output.outputs)
        elif isinstance(output, Many):
            yield from _pages(output.listing)


def children(outputs: tuple[Output, ...]) -> Iterator[Many]:
    """The to-many relations directly below a row."""
    return (output for output in outputs if isinstance(output, Many))
