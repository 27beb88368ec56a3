"""What many conditions are of each row of an entity, found in one pass over its rows.

Postgres says of every row whether each comparison in the conditions is true, false or unknown. What
`and`, `or` and `not` make of them is worked out here, for all rows of a batch at once, on integers
with one bit a row. Hundreds of callers share most of their comparisons, and so cost one scan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NewType
from uuid import UUID

from sqlalchemy import Boolean, Connection, Text, cast, func, literal, select
from sqlalchemy.dialects.postgresql import array

from index.predicate import And, Not, Or, Predicate, Truth, to_sql
from semantic_layer.scope import Scope

Bits = NewType("Bits", int)
"""Some of a batch's rows, one bit each."""

_MOST_ROWS = 50_000
_MOST_MARKS = 16_000_000  # characters of a batch in memory
_TRUE = str.maketrans("tfn", "100")
_UNKNOWN = str.maketrans("tfn", "001")


class RowTruths:
    """A batch of rows, and what each comparison is of them."""

    def __init__(self, comparisons: Collection[Predicate], rows: Sequence[tuple[str, str]]) -> None:
        """A row is its id, empty when nobody asks, and a `t`, `f` or `n` for each comparison."""
        self.size = len(rows)
        self._ids = [id for id, _ in rows]
        self._all = (1 << self.size) - 1
        marks = "".join(text for _, text in rows)
        self._values = {
            comparison: self._false_and_true(marks[at :: len(comparisons)])
            for at, comparison in enumerate(comparisons)
        }

    def where(self, predicate: Predicate, *, wanted: bool = True) -> Bits:
        """The rows of which the predicate has the wanted value; unknown is neither."""
        return Bits(self._where(predicate, wanted))

    def ids(self, bits: Bits) -> list[UUID]:
        """The ids of the rows, if they were read."""
        marks = f"{bits:0{self.size}b}"
        return [UUID(id) for id, mark in zip(self._ids, marks, strict=True) if mark == "1"]

    def _where(self, predicate: Predicate, wanted: bool) -> int:
        match predicate:
            case Truth(value):
                return self._all if value is wanted else 0
            case Not(operand):
                return self._where(operand, not wanted)
            case And(operands) if wanted:
                return self._every(operands, wanted)
            case Or(operands) if not wanted:
                return self._every(operands, wanted)
            case And(operands) | Or(operands):
                found = 0
                for operand in operands:
                    found |= self._where(operand, wanted)
                return found
            case _:
                return self._values[predicate][wanted]

    def _every(self, operands: Iterable[Predicate], wanted: bool) -> int:
        found = self._all
        for operand in operands:
            found &= self._where(operand, wanted)
            if not found:
                break
        return found

    def _false_and_true(self, marks: str) -> tuple[int, int]:
        # Most comparisons are true of few rows, and unknown of none: a search costs less.
        true = int(marks.translate(_TRUE), 2) if "t" in marks else 0
        unknown = int(marks.translate(_UNKNOWN), 2) if "n" in marks else 0
        return self._all ^ true ^ unknown, true


def comparisons(predicates: Iterable[Predicate]) -> dict[Predicate, None]:
    """The parts that `and`, `or` and `not` join, each once, in order."""
    found: dict[Predicate, None] = {}
    for predicate in predicates:
        match predicate:
            case Truth():
                pass
            case Not(operand):
                found |= comparisons([operand])
            case And(operands) | Or(operands):
                found |= comparisons(operands)
            case _:
                found[predicate] = None
    return found


def read_truths(
    connection: Connection,
    scope: Scope,
    asked: Collection[Predicate],
    now: datetime,
    *,
    ids: bool,
) -> Iterator[RowTruths]:
    """What the comparisons are of all rows of the scope, by batches and by one statement: whatever
    is written meanwhile, every row is met once, as it was at the beginning."""
    values = [to_sql(each, scope, now) for each in asked]
    listed = array[Any](values, type_=Boolean())
    marks = func.array_to_string(listed, literal("", Text), literal("n", Text), type_=Text)
    id = cast(scope.table.c.id, Text) if ids else literal("", Text)
    statement = select(id, marks).select_from(scope.source).where(*scope.conditions)
    size = max(1, min(_MOST_ROWS, _MOST_MARKS // max(1, len(asked))))
    result = connection.execute(statement, execution_options={"yield_per": size})
    for rows in result.tuples().partitions():
        yield RowTruths(asked, rows)
