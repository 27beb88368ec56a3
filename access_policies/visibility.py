"""The answer to "what may this principal see of this entity", before any row is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, case, null

from access_policies.masks import Mask, partial_sql
from access_policies.policies import Policy
from index.predicate import (
    NEVER,
    CallerValues,
    Columns,
    Predicate,
    attributes,
    conjoin,
    disjoin,
    negation,
    substitute,
    to_sql,
    where_not_false,
    where_true,
)


@dataclass(frozen=True)
class FieldMask:
    """When a field is masked: each applies unless it is false of the row, and `hide` wins."""

    hide: Predicate
    partial: Predicate

    @property
    def clear(self) -> Predicate:
        """True of the rows on which the field stands in the clear."""
        return where_true(conjoin([negation(self.hide), negation(self.partial)]))

    def sql(
        self, column: ColumnElement[Any], columns: Columns, now: datetime
    ) -> ColumnElement[Any]:
        """The column as this principal may read it: null where it is hidden."""
        if self.partial == NEVER:
            return case((to_sql(self.clear, columns, now), column), else_=null())
        shown = to_sql(where_true(negation(self.hide)), columns, now)
        return case(
            (to_sql(self.clear, columns, now), column),
            (shown, partial_sql(column)),
            else_=null(),
        )


_CLEAR = FieldMask(NEVER, NEVER)


@dataclass(frozen=True)
class Visibility:
    """The rows and fields of one entity that one principal may see.

    A row is visible when `rows` is true of it; no caller's attribute is left in it, and only the
    moment of the request is still open. `masks` holds the fields that are masked on some row.
    """

    entity: str
    rows: Predicate
    masks: Mapping[str, FieldMask]

    def clear(self, field: str) -> bool:
        """Whether the field stands in the clear on every row, so that it may be filtered by."""
        return field not in self.masks

    @property
    def sees_nothing(self) -> bool:
        """Whether no row can be visible, so that no query is needed."""
        return self.rows == NEVER

    @cached_property
    def hops(self) -> frozenset[str]:
        """The relations to one row that `rows` or `masks` look at; the query must join them."""
        predicates = [self.rows]
        for mask in self.masks.values():
            predicates += [mask.hide, mask.partial]
        paths = frozenset[tuple[str, ...]]().union(*map(attributes, predicates))
        return frozenset(path[0] for path in paths if len(path) > 1)


def nothing(entity: str) -> Visibility:
    """The visibility of an entity that has no policy."""
    return Visibility(entity=entity, rows=NEVER, masks=MappingProxyType({}))


def residual(policy: Policy, values: CallerValues) -> Visibility:
    """What is left of a policy once the principal's attributes are put in.

    An allow rule needs to be true and a deny rule to be false: `any allow and not any deny` is true
    of exactly those rows, as `unknown` makes neither true.
    """
    allowed = disjoin(substitute(rule.predicate, values) for rule in policy.allows)
    denied = disjoin(substitute(rule.predicate, values) for rule in policy.denies)
    rows = where_true(conjoin([allowed, negation(denied)]))
    fields = sorted({field for rule in policy.masks for field in rule.fields})
    masks = {field: _field_mask(policy, field, values) for field in fields}
    return Visibility(
        entity=policy.entity,
        rows=rows,
        masks=MappingProxyType({name: mask for name, mask in masks.items() if mask != _CLEAR}),
    )


def _field_mask(policy: Policy, field: str, values: CallerValues) -> FieldMask:
    def when(mask: Mask) -> Predicate:
        return where_not_false(
            disjoin(
                substitute(rule.predicate, values)
                for rule in policy.masks
                if rule.mask is mask and field in rule.fields
            )
        )

    return FieldMask(hide=when(Mask.HIDE), partial=when(Mask.PARTIAL))
