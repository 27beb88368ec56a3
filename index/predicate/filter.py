"""A predicate as a PostgreSQL filter: for places where only what is true counts.

There a row of which the predicate is unknown is dropped like one of which it is false, so that the
two need not be told apart, and the condition can be written in the form that an index answers. What
counts turns round under `not`: `not x` is true where x is false, and unknown is neither.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, not_, or_, true

from index.predicate.nodes import (
    And,
    AnyRow,
    Attribute,
    Constant,
    IsMissing,
    Membership,
    Not,
    Or,
    Overlap,
    Predicate,
    Term,
    Truth,
)
from index.predicate.place import Place
from index.predicate.sql import Translation, is_unknown


def filter_sql(predicate: Predicate, place: Place, now: datetime) -> ColumnElement[bool]:
    """A condition that is true of the same rows as the predicate, and false or null of all others:
    for WHERE, JOIN and CASE WHEN, and never to be negated.

    No column stands in a CASE, COALESCE or IS TRUE, so indexes stay usable. Parameters and errors
    are those of `to_sql`.
    """
    return _Filter(place, now).when(predicate, wanted=True)


class _Filter:
    def __init__(self, place: Place, now: datetime) -> None:
        self._place = place
        self._now = now
        self._exact = Translation(place, now)
        self._written: dict[tuple[Predicate, bool], ColumnElement[bool]] = {}

    def when(self, predicate: Predicate, *, wanted: bool) -> ColumnElement[bool]:
        """True where the predicate's value is the wanted one; elsewhere false or null."""
        match predicate:
            case Truth(value):
                return true() if value is wanted else false()
            case Not(operand):
                return self.when(operand, wanted=not wanted)
            case And(operands) | Or(operands):
                parts = [self.when(operand, wanted=wanted) for operand in operands]
                return and_(*parts) if isinstance(predicate, And) is wanted else or_(*parts)
            case _:
                # Rules of one policy repeat each other: each test is written, and sent, once.
                key = predicate, wanted
                if key not in self._written:
                    self._written[key] = self._atom(predicate, wanted=wanted)
                return self._written[key]

    def _atom(self, predicate: Predicate, *, wanted: bool) -> ColumnElement[bool]:
        match predicate:
            case IsMissing(Attribute(path)) if len(path) > 1:
                return self._missing_beyond(path, wanted=wanted)
            case Membership(Constant(str() as item), Attribute() as collection) if wanted:
                return self._holding(item, collection)
            case Overlap(left, right) if not (is_unknown(left) or is_unknown(right)):
                return self._overlap(left, right, wanted=wanted)
            case AnyRow(path, condition):
                return self._any_row(path, condition, wanted=wanted)
            case _:
                exact = self._exact.condition(predicate)
                return exact if wanted else not_(exact)

    def _missing_beyond(self, path: tuple[str, ...], *, wanted: bool) -> ColumnElement[bool]:
        column = self._place.column(path)
        if not wanted:
            return column.is_not(None)
        return and_(column.is_(None), self._place.present(path[:-1]))

    def _holding(self, item: str, collection: Attribute) -> ColumnElement[bool]:
        # A GIN index answers `@>` and not `= ANY`.
        held = self._exact.term(Constant((item,)))
        holding: ColumnElement[bool] = self._exact.term(collection).bool_op("@>")(held)
        return holding

    def _overlap(self, left: Term, right: Term, *, wanted: bool) -> ColumnElement[bool]:
        shared = self._exact.shared(left, right)
        return shared if wanted else and_(not_(shared), not_(self._exact.unsure(left, right)))

    def _any_row(
        self, path: tuple[str, ...], condition: Predicate, *, wanted: bool
    ) -> ColumnElement[bool]:
        if wanted:
            return self._place.exists(
                path, lambda there: _Filter(there, self._now).when(condition, wanted=True)
            )
        none = not_(self._exact.not_false(path, condition))
        return and_(self._place.present(path[:-1]), none) if len(path) > 1 else none
