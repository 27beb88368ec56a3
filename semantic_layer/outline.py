"""The outline of an answer: which rows it shows, and which of their fields are masked.

It is had by asking the same question again, but of each row no more than its id and its masks.
So it is chosen by the same SQL, holds no value, and does not depend on what was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from index.predicate import Attribute, Constant, Membership
from semantic_layer.compiler import Compiler
from semantic_layer.model import Model
from semantic_layer.query import (
    Listing,
    Lookup,
    Many,
    One,
    Output,
    PageOutput,
    Root,
    Scalar,
)
from semantic_layer.selection import MAX_ROWS

# No key of a question has a space in it.
_ID = "row id"
_MASKS = "masks of fields"
_ROW = (Scalar(key=_ID, kind="id"), Scalar(key=_MASKS, kind="masks"))

Masks = frozenset[tuple[str, str]]
"""The masked fields of a row, each with its mask in words."""


@dataclass(frozen=True)
class Shown:
    """A row as it stands somewhere in an answer."""

    entity: str
    row_id: UUID
    masks: Masks

    @property
    def masked(self) -> frozenset[str]:
        """The names of its masked fields."""
        return frozenset(name for name, _ in self.masks)


def outline(roots: Iterable[Root]) -> tuple[Root, ...]:
    """The question whose answer is the outline; roots that show no row are left out."""
    return tuple(_roots(roots))


async def read_outline(
    connection: AsyncConnection, compiler: Compiler, roots: Iterable[Root]
) -> frozenset[Shown]:
    """What the answer to the roots shows. Rows of which it only says how many there are do not
    count; those that it names, because a name fits several, do.

    Raises what compiling the question itself raises.
    """
    asked = outline(roots)
    answers = await _ask(connection, compiler, asked)
    shown = frozenset(_shown(compiler.model, asked, answers))
    named = tuple(
        Root(key=root.key, ask=_titled(compiler.model, root.ask.entity, orjson.loads(doubt)))
        for root, (_, doubt) in zip(asked, answers, strict=True)
        if doubt is not None
    )
    return shown.union(_shown(compiler.model, named, await _ask(connection, compiler, named)))


def entities_of(model: Model, roots: Iterable[Root]) -> frozenset[str]:
    """The entities whose rows an answer can show."""
    found: set[str] = set()
    for root in outline(roots):
        found.add(root.ask.entity)
        found |= _entities_below(model, root.ask.entity, _outputs(root.ask))
    return frozenset(found)


def _roots(roots: Iterable[Root]) -> Iterator[Root]:
    for root in roots:
        if isinstance(root.ask, Lookup):
            row = _row(root.ask.outputs)
            yield replace(root, ask=replace(root.ask, outputs=row, max_age=None))
        elif (listing := _listing(root.ask)) is not None:
            yield replace(root, ask=listing)


def _row(outputs: Iterable[Output]) -> tuple[Output, ...]:
    return (*_ROW, *_relations(outputs))


def _relations(outputs: Iterable[Output]) -> Iterator[Output]:
    for output in outputs:
        if isinstance(output, One):
            yield replace(output, outputs=_row(output.outputs))
        elif isinstance(output, Many) and (listing := _listing(output.listing)) is not None:
            yield replace(output, listing=listing)


def _listing(listing: Listing) -> Listing | None:
    # A cursor says what its row is sorted by, so that a page info shows a row as well.
    page = tuple(
        PageOutput(key=part.key, kind="nodes", outputs=_row(part.outputs))
        for part in listing.page
        if part.kind in ("nodes", "page_info")
    )
    return replace(listing, page=page, max_age=None) if page else None


def _titled(model: Model, entity: str, doubt: Mapping[str, Any]) -> Listing:
    """The rows of which an answer gives the titles alone; it does so only where they stand in the
    clear, so that they may be filtered by."""
    titles = tuple(title for title in doubt["titles"] if title is not None)
    return Listing(
        entity=entity,
        filters=(Membership(Attribute((model[entity].title,)), Constant(titles)),),
        order=(),
        first=MAX_ROWS,
        after=None,
        page=(PageOutput(key="nodes", kind="nodes", outputs=_ROW),),
    )


async def _ask(
    connection: AsyncConnection, compiler: Compiler, roots: Sequence[Root]
) -> Sequence[tuple[str | None, str | None]]:
    """For each root its JSON, and the titles that its name leaves in doubt."""
    if not roots:
        return ()
    row = (await connection.execute(compiler.statement(roots))).one()
    return tuple(zip(row[::2], row[1::2], strict=True))


def _shown(
    model: Model, roots: Sequence[Root], answers: Sequence[tuple[str | None, str | None]]
) -> Iterator[Shown]:
    for root, (json, _) in zip(roots, answers, strict=True):
        if json is None:
            continue
        if isinstance(root.ask, Lookup):
            yield from _in_row(model, root.ask.entity, root.ask.outputs, orjson.loads(json))
        else:
            yield from _in_page(model, root.ask, orjson.loads(json))


def _in_page(model: Model, listing: Listing, page: Mapping[str, Any]) -> Iterator[Shown]:
    for part in listing.page:
        for row in page[part.key]:
            yield from _in_row(model, listing.entity, part.outputs, row)


def _in_row(
    model: Model, entity: str, outputs: Iterable[Output], row: Mapping[str, Any]
) -> Iterator[Shown]:
    masks = frozenset((name, mask) for name, mask in row[_MASKS].items() if mask is not None)
    yield Shown(entity, UUID(row[_ID]), masks)
    for output in outputs:
        if isinstance(output, Many):
            yield from _in_page(model, output.listing, row[output.key])
        elif isinstance(output, One) and row[output.key] is not None:
            target = model[entity].spec.relations[output.relation].target
            yield from _in_row(model, target, output.outputs, row[output.key])


def _outputs(ask: Lookup | Listing) -> tuple[Output, ...]:
    """What is asked of the rows of a root of an outline."""
    if isinstance(ask, Lookup):
        return ask.outputs
    return tuple(output for part in ask.page for output in part.outputs)


def _entities_below(model: Model, entity: str, outputs: Iterable[Output]) -> set[str]:
    found: set[str] = set()
    for output in outputs:
        if isinstance(output, One):
            target = model[entity].spec.relations[output.relation].target
            found |= {target, *_entities_below(model, target, output.outputs)}
        elif isinstance(output, Many):
            below = output.listing.entity
            found |= {below, *_entities_below(model, below, _outputs(output.listing))}
    return found
