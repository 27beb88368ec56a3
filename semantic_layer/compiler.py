"""A question and the caller's visibilities, compiled to one SQL statement that returns JSON.

Policy stands at every level: each entity, wherever it is reached, is restricted by its visibility
in the place where its rows are chosen, so that a hidden row hides what hangs below it and is in no
count, page or sort. Masks stand in the select list, so that a hidden value never leaves Postgres.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    any_,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, array
from sqlalchemy.sql.elements import Grouping

from access_policies import Mask, Visibility
from index.entity_tables import EntityTables
from index.money import major_text, minor_per_unit
from index.predicate import every_attribute
from index.specs import EntitySpec, FieldType, RelationSpec
from semantic_layer.columns import needed_columns
from semantic_layer.freshness import Failure
from semantic_layer.json_sql import EMPTY_LIST, json_object, json_text
from semantic_layer.model import Model
from semantic_layer.name_fit import NameFit, name_fit
from semantic_layer.names import camel, type_name
from semantic_layer.paging import after, cursor, read_cursor, sort_keys
from semantic_layer.place import Frame, Tie, tie_between
from semantic_layer.provenance import as_of, provenance
from semantic_layer.query import (
    Composite,
    Listing,
    Lookup,
    Many,
    One,
    Order,
    Output,
    PageOutput,
    Root,
    Scalar,
)
from semantic_layer.scope import Scope

_PLACE = "place on the page"  # a column that no field can be named like


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """Compiles questions of one caller at one moment."""

    model: Model
    tables: EntityTables
    tenant: str
    visibility: Callable[[str], Visibility]
    now: datetime
    failures: Sequence[Failure] = ()

    def statement(self, roots: Sequence[Root]) -> Select[Any]:
        """One row: for each root its JSON text, and the titles that its name leaves in doubt."""
        columns: list[ColumnElement[Any]] = []
        for root in roots:
            if isinstance(root.ask, Lookup):
                columns += self._lookup(root.ask)
            else:
                columns += [self._page(root.ask, None), null()]
        texts: list[Any] = [cast(each, Text).label(f"c{at}") for at, each in enumerate(columns)]
        return select(*texts)

    def found(self, lookup: Lookup) -> Select[Any]:
        """Where the visible row of a lookup comes from, and how old it is (`as_of`), to know what
        to read live; nothing of what stands in it."""
        scope = self.scope(lookup.entity)
        chosen, _ = self._chosen(lookup, scope)
        origin = (scope.table.c[name] for name in ("id", "source", "stream", "remote_id"))
        row = select(*origin, as_of(scope.table).label("as_of"))
        return row.select_from(scope.source).where(chosen, *scope.conditions)

    def scope(self, entity: str, chosen: FromClause | None = None) -> Scope:
        """The rows of an entity that the caller may see, at a new place of the statement."""
        number = next(self._numbers[entity])
        return Scope(
            self._frame, self.model[entity], self.visibility(entity), chosen=chosen, number=number
        )

    @cached_property
    def _numbers(self) -> defaultdict[str, itertools.count[int]]:
        """What tells the scopes of an entity apart."""
        return defaultdict(itertools.count)

    @cached_property
    def _frame(self) -> Frame:
        return Frame(self.model.specs, self.tables, self.tenant, self.now, self._visible)

    def _visible(self, entity: str, row: FromClause) -> ColumnElement[bool]:
        """Whether the caller may see the row that a table of the statement stands for."""
        scope = self.scope(entity)
        same = select(scope.table.c.id).select_from(scope.source).where(*scope.conditions)
        return same.where(scope.table.c.id == row.c.id).correlate(row).exists()

    def _cutoff(self, max_age: int | None) -> datetime | None:
        return None if max_age is None else self.now - timedelta(seconds=max_age)

    # One row

    def _lookup(self, lookup: Lookup) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        scope = self.scope(lookup.entity)
        scope.cutoff = self._cutoff(lookup.max_age)
        chosen, doubt = self._chosen(lookup, scope)
        row = self._object(scope, lookup.outputs)
        answer = select(row).select_from(scope.source).where(chosen, *scope.conditions)
        return answer.scalar_subquery(), doubt

    def _chosen(
        self, lookup: Lookup, scope: Scope
    ) -> tuple[ColumnElement[bool], ColumnElement[Any]]:
        if lookup.id is not None:
            return scope.table.c.id == lookup.id, null()
        best = self._best_named(lookup.entity, lookup.name or "")
        count, fit = func.count(), func.min(best.c.fit)
        only = case(
            (and_(count == 1, fit < NameFit.NEAR), func.min(cast(best.c.id, Text))), else_=null()
        )
        in_doubt = json_object(
            [("near", fit == NameFit.NEAR), ("titles", func.json_agg(best.c.title))]
        )
        return (
            cast(scope.table.c.id, Text) == select(only).select_from(best).scalar_subquery(),
            select(in_doubt)
            .select_from(best)
            .having(or_(count > 1, fit == NameFit.NEAR))
            .scalar_subquery(),
        )

    def _best_named(self, entity: str, name: str) -> Any:
        """The visible rows that a name fits best, with the fit.

        Names of a customer's accounts, as far as the caller may see these, count like its own, and
        so does a domain.
        """
        scope = self.scope(entity)
        title = scope.entity.title
        scope.require_clear(title, "looked up")
        fits = [name_fit(scope.table.c[title], name)]
        if scope.entity.resolved_from is not None:
            account = self.scope(scope.entity.resolved_from)
            if account.visibility.clear(account.entity.title):
                account.tie(self._tie(scope.entity.spec.relations["accounts"], scope, account))
                best = func.min(name_fit(account.table.c[account.entity.title], name))
                theirs = select(best).select_from(account.source).where(*account.conditions)
                fits.append(theirs.correlate(scope.table).scalar_subquery())
            if scope.visibility.clear("domains"):
                domain = literal(name.strip().lower(), Text) == any_(scope.table.c.domains)
                fits.append(case((domain, NameFit.FULL.value), else_=null()))
        fit = func.least(*fits)
        matches = (
            select(scope.table.c.id, scope.table.c[title].label("title"), fit.label("fit"))
            .select_from(scope.source)
            .where(fit.is_not(None), *scope.conditions)
            .cte()
        )
        best_fit = select(func.min(matches.c.fit)).scalar_subquery()
        return select(matches).where(matches.c.fit == best_fit).cte()

    # Pages

    def _page(self, listing: Listing, tie: Callable[[Scope], Tie] | None) -> ColumnElement[Any]:
        """A page as one JSON object. `tie` is given where it hangs below a row."""
        if all(output.kind not in ("nodes", "page_info") for output in listing.page):
            bare = [(output.key, self._bare(output, listing, tie)) for output in listing.page]
            return select(json_object(bare)).scalar_subquery()
        scope = self._listed(listing, tie)
        orders = self._orders(scope, listing)
        outputs = [output for part in listing.page for output in part.outputs]
        names = needed_columns(scope.entity.spec, scope.visibility, outputs, orders)
        columns: list[Any] = [scope.table.c[name] for name in names]
        rows = select(*columns).select_from(scope.source).where(*scope.conditions)
        if listing.after is not None:
            position = read_cursor(listing.after, scope.entity.spec, orders)
            rows = rows.where(after(scope, orders, position))
        peeks = any(output.kind == "page_info" for output in listing.page)
        # Not a parameter: a plan for any number of rows would be one that sorts them all.
        most = listing.first + peeks
        rows = rows.order_by(*sort_keys(scope, orders)).limit(literal_column(str(most), Integer))
        if scope.parent is not None:
            rows = rows.correlate(scope.parent)
        cut = rows.subquery()
        place = func.row_number().over().label(_PLACE)
        shown = self.scope(listing.entity, chosen=select(cut, place).subquery())
        shown.cutoff = self._cutoff(listing.max_age)
        parts = [
            (
                output.key,
                self._page_part(shown, output, orders, listing.first)
                if output.kind in ("nodes", "page_info")
                else self._bare(output, listing, tie),
            )
            for output in listing.page
        ]
        page = select(json_object(parts)).select_from(shown.source)
        return (
            page.correlate(scope.parent) if scope.parent is not None else page
        ).scalar_subquery()

    def _listed(self, listing: Listing, tie: Callable[[Scope], Tie] | None) -> Scope:
        scope = self.scope(listing.entity)
        for order in listing.order:
            scope.require_clear(order.field, "sorted")
        for predicate in listing.filters:
            for path in sorted(every_attribute(predicate)):
                self._behind(scope.spec, path[:-1]).require_clear(path[-1], "filtered")
            scope.restrict(predicate)
        if tie is not None:
            scope.tie(tie(scope))
        return scope

    def _behind(self, spec: EntitySpec, path: tuple[str, ...]) -> Scope:
        """The caller's scope of the entity that a path of relations leads to."""
        for relation in path:
            spec = self.model.specs[spec.relations[relation].target]
        return self.scope(spec.name)

    def _bare(
        self, output: PageOutput, listing: Listing, tie: Callable[[Scope], Tie] | None
    ) -> ColumnElement[Any]:
        """What a page says without its rows: how many there are in all, and whether it is stale."""
        if output.kind == "type_name":
            return json_text(type_name(self.model[listing.entity]) + "Connection")
        if output.kind in ("stale", "stale_reason"):
            reasons = sorted({f.reason for f in self._failed_lists(listing)})
            if output.kind == "stale":
                return literal(bool(reasons), Boolean)
            return json_text(" ".join(reasons)) if reasons else null()
        scope = self._listed(listing, tie)
        count = select(func.count()).select_from(scope.source).where(*scope.conditions)
        return (
            count.correlate(scope.parent) if scope.parent is not None else count
        ).scalar_subquery()

    def _orders(self, scope: Scope, listing: Listing) -> tuple[Order, ...]:
        """The order asked for, or of the entity's own what the caller may sort by."""
        own = (Order.parse(name) for name in scope.entity.order)
        return listing.order or tuple(o for o in own if scope.visibility.clear(o.field))

    def _failed_lists(self, listing: Listing) -> list[Failure]:
        if listing.max_age is None:
            return []
        return [f for f in self.failures if f.wanted.children == listing.entity]

    def _page_part(
        self, shown: Scope, output: PageOutput, orders: Sequence[Order], first: int
    ) -> ColumnElement[Any]:
        place = shown.table.c[_PLACE]
        kept = place <= first
        if output.kind == "nodes":
            node = self._object(shown, output.outputs)
            nodes = func.json_agg(aggregate_order_by(node, place)).filter(kept)
            return func.coalesce(nodes, EMPTY_LIST)
        backwards = aggregate_order_by(cursor(shown, orders), place.desc())
        cursors = func.array_agg(backwards, type_=ARRAY(Text)).filter(kept)
        described = {
            "hasNextPage": func.count() > first,
            "endCursor": Grouping(cursors)[1],
            "__typename": json_text("PageInfo"),
        }
        return json_object([(key, described[part]) for key, part in output.parts])

    # Values

    def _object(self, scope: Scope, outputs: Iterable[Output]) -> ColumnElement[Any]:
        return json_object([(output.key, self._output(scope, output)) for output in outputs])

    def _output(self, scope: Scope, output: Output) -> ColumnElement[Any]:
        if isinstance(output, Scalar):
            return self._scalar(scope, output)
        if isinstance(output, Composite):
            if output.kind == "money":
                return self._money(scope, output)
            return json_object(provenance(scope, output.parts, self.failures))
        relation = scope.entity.spec.relations[output.relation]
        if isinstance(output, Many):
            return self._page(output.listing, lambda there: self._tie(relation, scope, there))
        return self._one(scope, relation, output)

    def _one(self, scope: Scope, relation: RelationSpec, output: One) -> ColumnElement[Any]:
        there = self.scope(relation.target)
        there.tie(self._tie(relation, scope, there))
        row = self._object(there, output.outputs)
        found = select(row).select_from(there.source).where(*there.conditions)
        return found.correlate(scope.table).scalar_subquery()

    def _tie(self, relation: RelationSpec, here: Scope, there: Scope) -> Tie:
        return tie_between(relation, here.table, there.table, self.tenant)

    def _scalar(self, scope: Scope, output: Scalar) -> ColumnElement[Any]:
        if output.kind == "type_name":
            return json_text(type_name(scope.entity))
        if output.kind == "id":
            return scope.table.c.id
        if output.kind == "hidden_fields":
            return self._hidden_fields(scope)
        if output.kind == "masks":
            return self._masks(scope)
        if output.kind == "raw":
            # The source's own spelling would undo whatever a mask leaves of the value.
            return scope.masked(
                output.name, scope.table.c[f"{output.name}_raw"], shown=lambda _mask: null()
            )
        value = scope.masked(output.name, scope.table.c[output.name])
        # A decimal goes out as text, because JSON numbers lose digits on the way.
        is_decimal = scope.entity.spec.fields[output.name].type is FieldType.DECIMAL
        return cast(value, Text) if is_decimal else value

    def _money(self, scope: Scope, output: Composite) -> ColumnElement[Any]:
        minor = scope.table.c[f"{output.name}_minor"]
        currency = scope.table.c[f"{output.name}_currency"]

        def money(amount: ColumnElement[Any]) -> ColumnElement[Any]:
            described = {
                "amountMinor": amount,
                "currency": currency,
                "amount": major_text(amount, currency),
                "__typename": json_text("Money"),
            }
            parts = json_object([(key, described[part]) for key, part in output.parts])
            return case((amount.is_not(None), parts), else_=null())

        def shown(mask: Mask) -> ColumnElement[Any]:
            return money(mask.money_sql(minor, minor_per_unit(currency)))

        return scope.masked(output.name, money(minor), shown)

    def _masks(self, scope: Scope) -> ColumnElement[Any]:
        names = sorted(scope.visibility.masks)
        keys = cast(array([literal(name, Text) for name in names]), ARRAY(Text))
        masks = cast(array([scope.mask_of(name) for name in names]), ARRAY(Text))
        return func.json_object(keys, masks)

    def _hidden_fields(self, scope: Scope) -> ColumnElement[Any]:
        visibility = scope.visibility
        partly = sorted(name for name in visibility.masks if not visibility.hidden(name))
        if not partly:
            return EMPTY_LIST
        names = [
            case((scope.in_clear(name), null()), else_=literal(camel(name), Text))
            for name in partly
        ]
        return func.to_json(func.array_remove(array(names), cast(null(), Text)))
