"""The suite finds holes: each of these is made on purpose, and has to be found.

A hole is a change of one function of ours. What finds it is the checker that the other tests of
this folder use, with the questions that they ask.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import Text, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, array

from access_policies import Mask, MaskKind, Snapshot, Visibility, masks
from api import limits
from index.predicate import ALWAYS
from semantic_layer import View
from semantic_layer.compiler import Compiler
from semantic_layer.live_plan import LivePlan
from semantic_layer.names import camel
from semantic_layer.query import Listing, Order
from semantic_layer.schema import Schemas
from tests.leaks.checker import Leak, Pair
from tests.leaks.conftest import OpenPair
from tests.leaks.installation import OTHER
from tests.leaks.names import named_though_gone
from tests.leaks.questions import graphql
from tests.leaks.withheld import Withheld, WithheldField, WithheldRows

_HIDE, _PARTIAL = Mask(MaskKind.HIDE), Mask(MaskKind.PARTIAL)
_GONE = WithheldField("ticket", "subject", _HIDE, "all")
_SUBJECT = WithheldField("ticket", "subject", _HIDE, "early")

Patch = pytest.MonkeyPatch


def _filters_by_masked_fields(patch: Patch) -> None:
    patch.setattr(View, "clear", lambda self, entity, _field: entity in self._by_entity)
    patch.setattr(Visibility, "clear", lambda _self, _field: True)


def _counts_hidden_rows(patch: Patch) -> None:
    bare = Compiler._bare

    def counting(self: Compiler, output: Any, listing: Listing, tie: Any) -> Any:
        if output.kind != "total_count":
            return bare(self, output, listing, tie)
        table = self.tables[listing.entity].alias()
        return select(func.count()).select_from(table).scalar_subquery()

    patch.setattr(Compiler, "_bare", counting)


def _sorts_by_masked_fields(patch: Patch) -> None:
    """In the entity's own order, so that the cursor says by what."""
    patch.setattr(
        Compiler,
        "_orders",
        lambda _self, scope, listing: (
            listing.order or tuple(Order.parse(name) for name in scope.entity.order)
        ),
    )


def _shows_hidden_parents(patch: Patch) -> None:
    def one(self: Compiler, scope: Any, relation: Any, output: Any) -> Any:
        there = self.scope(relation.target)
        there.tie(self._tie(relation, scope, there))
        row = self._object(there, output.outputs)
        tied = there.conditions[-1]
        return select(row).select_from(there.source).where(tied).correlate(scope.table)

    patch.setattr(Compiler, "_one", lambda *args: one(*args).limit(1).scalar_subquery())


def _shows_raw_values(patch: Patch) -> None:
    scalar = Compiler._scalar
    patch.setattr(
        Compiler,
        "_scalar",
        lambda self, scope, output: (
            scope.table.c[f"{output.name}_raw"]
            if output.kind == "raw"
            else scalar(self, scope, output)
        ),
    )


def _logs_rows(patch: Patch) -> None:
    found, of_row = Compiler.found, LivePlan._of_row

    def all_of_it(self: Compiler, lookup: Any) -> Any:
        table = self.tables[lookup.entity]
        return found(self, lookup).add_columns(
            select(func.to_jsonb(table.table_valued()))
            .where(table.c.id == lookup.id)
            .scalar_subquery()
            .label("all")
        )

    def logged(self: LivePlan, connection: Any, lookup: Any, row: Any) -> Any:
        logging.getLogger("semantic_layer").debug("to be read live: %s", row)
        return of_row(self, connection, lookup, row)

    patch.setattr(Compiler, "found", all_of_it)
    patch.setattr(LivePlan, "_of_row", logged)


def _serves_everybody_the_whole_schema(patch: Patch) -> None:
    patch.setattr(View, "part", lambda _self, model: model)


def _shares_the_schema_of_whoever_came_first(patch: Patch) -> None:
    kept: dict[int, Any] = {}
    of = Schemas.of
    patch.setattr(Schemas, "of", lambda self, view: kept.setdefault(id(self), of(self, view)))


def _shares_what_is_visible(patch: Patch) -> None:
    kept: dict[Any, Any] = {}
    visibility = Snapshot.visibility
    patch.setattr(
        Snapshot,
        "visibility",
        lambda self, who, entity: kept.setdefault(
            (id(self), entity), visibility(self, who, entity)
        ),
    )


def _masks_by_the_length(patch: Patch) -> None:
    partial = masks._partial_sql
    patch.setattr(
        masks, "_partial_sql", lambda column: func.lpad(partial(column), func.length(column), "•")
    )


def _finds_hidden_names(patch: Patch) -> None:
    best = Compiler._best_named

    def among_all(self: Compiler, entity: str, name: str) -> Any:
        def everything(each: str) -> Visibility:
            return replace(self.visibility(each), rows=ALWAYS)

        return best(replace(self, visibility=everything), entity, name)

    patch.setattr(Compiler, "_best_named", among_all)


def _proposes_names(patch: Patch) -> None:
    """As a library would that knows the whole model."""
    rewritten = limits._rewritten
    patch.setattr(
        limits,
        "_rewritten",
        lambda error, message, *rest: rewritten(error, f"{message} Did you mean 'subject'?", *rest),
    )


def _names_what_is_gone(patch: Patch) -> None:
    def naming(_self: Compiler, scope: Any) -> Any:
        names = [literal(camel(name), Text) for name in sorted(scope.visibility.masks)]
        return func.to_json(cast(array(names), ARRAY(Text)))

    patch.setattr(Compiler, "_hidden_fields", naming)


@dataclass(frozen=True)
class Hole:
    make: Callable[[Patch], None]
    withheld: Withheld
    kinds: tuple[str, ...]
    sign: str  # a part of what is found
    about: str  # the entity that is asked for
    parts: int = 1

    def __str__(self) -> str:
        return self.make.__name__.strip("_")


_KEPT = {
    _filters_by_masked_fields,
    _serves_everybody_the_whole_schema,
    _shares_the_schema_of_whoever_came_first,
    _shares_what_is_visible,
}

HOLES = [
    # Offered, and telling: which rows hold the forbidden content, and in which order.
    Hole(_filters_by_masked_fields, _SUBJECT, (), "TicketWhere.subject is offered", "ticket"),
    Hole(_filters_by_masked_fields, _SUBJECT, ("withheld_names",), "answers differ", "ticket", 7),
    Hole(
        _counts_hidden_rows,
        WithheldRows("ticket", "early"),
        ("everything",),
        "answers differ",
        "ticket",
    ),
    Hole(
        _sorts_by_masked_fields,
        WithheldField("customer", "name", _HIDE, "early"),
        ("everything",),
        "answers differ",
        "customer",
    ),
    # The same in the cursor of the page alone.
    Hole(
        _sorts_by_masked_fields,
        WithheldField("customer", "name", _HIDE, "all"),
        ("pages",),
        "the answer holds ['canary']",
        "customer",
    ),
    Hole(
        _shows_hidden_parents, WithheldRows("account", "early"), ("nested",), "holds ['", "invoice"
    ),
    Hole(
        _shows_raw_values,
        WithheldField("ticket", "status", _HIDE, "early"),
        ("everything",),
        "the answer holds ['canary']",
        "ticket",
    ),
    Hole(_logs_rows, _SUBJECT, ("lookups",), "the log holds", "ticket"),
    Hole(_serves_everybody_the_whole_schema, _GONE, (), "Ticket.subject is offered", "ticket"),
    Hole(
        _shares_the_schema_of_whoever_came_first, _GONE, (), "Ticket.subject is offered", "ticket"
    ),
    Hole(
        _shares_what_is_visible, _SUBJECT, ("everything",), "the answer holds ['canary']", "ticket"
    ),
    # Ends and domains are as they should be, but not how much is before them.
    Hole(
        _masks_by_the_length,
        WithheldField("contact", "email", _PARTIAL, "all"),
        ("everything",),
        "answers differ",
        "contact",
    ),
    Hole(
        _finds_hidden_names,
        WithheldRows("customer", "early"),
        ("lookups",),
        "answers differ",
        "customer",
    ),
]


@pytest.mark.parametrize("hole", HOLES, ids=str)
def test_a_hole_is_found(pair: Pair, open_pair: OpenPair, monkeypatch: Patch, hole: Hole) -> None:
    hole.make(monkeypatch)
    # What such a hole makes would be kept.
    fresh = open_pair() if hole.make in _KEPT else nullcontext(pair)
    with fresh as asked:
        asked.withhold([hole.withheld])
        for each in (asked.one, asked.other):
            each.ask(graphql("{ tickets { totalCount } }"), OTHER)
        leaks = asked.leaks([hole.withheld], 0, hole.parts, hole.kinds, hole.about)
    assert any(hole.sign in str(leak) for leak in leaks)


@pytest.mark.parametrize("make", [_proposes_names, _names_what_is_gone], ids=lambda m: m.__name__)
def test_a_name_that_slips_out_is_found(
    pair: Pair, open_pair: OpenPair, monkeypatch: Patch, make: Callable[[Patch], None]
) -> None:
    assert list(_named(pair)) == []
    make(monkeypatch)
    with open_pair() as asked:  # the other keeps the statements of what it was asked
        assert list(_named(asked)) != []


def _named(pair: Pair) -> Iterator[Leak]:
    return named_though_gone(pair, [_GONE])
