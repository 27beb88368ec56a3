"""What fields hold: plain values, and pairs of values that a mask must make look alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from access_policies import Mask, MaskKind
from index.specs import FieldSpec, FieldType

CANARY = "canary"
"""Stands in every text that is withheld from somebody, and nowhere else."""

CUT = datetime(2026, 3, 1, tzinfo=UTC)
"""Rows 0 to 2 were made and changed before it, the others after."""

BUCKETS = {
    FieldType.TIMESTAMP: "month",
    FieldType.INTEGER: "1000",
    FieldType.DECIMAL: "10",
    FieldType.MONEY: "10000",
}


def plain(field: FieldSpec, row: int) -> dict[str, Any]:
    """The columns of a field that everybody may read, in a row."""
    match field.type:
        case FieldType.ENUM:
            value: Any = field.values[row % len(field.values)]
            raw = {f"{field.name}_raw": f"as {value.lower()}"} if field.keep_raw else {}
            return {field.name: value, **raw}
        case FieldType.MONEY:
            return {f"{field.name}_minor": 1000 * row + 7, f"{field.name}_currency": "USD"}
        case FieldType.INTEGER:
            value = 10 * row + 3
        case FieldType.DECIMAL:
            value = Decimal(row) + Decimal("0.5")
        case FieldType.BOOLEAN:
            value = row % 2 == 0
        case FieldType.TIMESTAMP:
            value = (CUT if row > 2 else CUT - timedelta(days=30)) + timedelta(hours=row + 1)
        case FieldType.TEXT_LIST:
            value = ["all", f"{field.name}-{row}"]
        case _:
            value = f"{field.name} {row}"
    return {field.name: value}


@dataclass(frozen=True)
class Pair:
    """Two contents of a field in one row, each as columns, of which a mask shows the same."""

    one: dict[str, Any]
    other: dict[str, Any]


def pair(field: FieldSpec, mask: Mask, row: int) -> Pair:
    """Contents that differ in all that the mask withholds: in value, length, order, and where
    nothing is shown also in being there at all."""
    hidden = mask.kind is MaskKind.HIDE
    if hidden and row == 1 and field.type is not FieldType.BOOLEAN:
        return Pair(_columns(field, 0, row), dict.fromkeys(_columns(field, 0, row)))
    if mask.kind is MaskKind.PARTIAL:
        return Pair(*({field.name: text} for text in _PARTS[row % len(_PARTS)]))
    other = _columns(field, 1, row)
    if field.type is FieldType.MONEY and hidden:
        other[f"{field.name}_currency"] = "EUR"
    return Pair(_columns(field, 0, row), other)


# Texts of which a partial mask leaves the same: the end, the domain, nothing.
_PARTS = (
    (f"{CANARY} one 7788", f"and another {CANARY} that is longer 7788"),
    (f"{CANARY}@mail.example", f"zoe.{CANARY}.jr@mail.example"),
    (f"{CANARY}", f"a{CANARY}b"),
)


def _columns(field: FieldSpec, side: int, row: int) -> dict[str, Any]:
    """A content to be withheld. Those of the two sides share month and bands, and rise with the
    rows on the one and fall on the other, so that whatever sorts by them is found out."""
    rank = 7 - row if side else row
    raw = {f"{field.name}_raw": f"{CANARY} {side} {rank}"} if field.keep_raw else {}
    match field.type:
        case FieldType.ENUM:
            value: Any = field.values[(row + side) % len(field.values)]
        case FieldType.MONEY:
            minor = 8_675_309_00 + 100 * rank + 50_000 * side
            return {f"{field.name}_minor": minor, f"{field.name}_currency": "USD"}
        case FieldType.INTEGER:
            value = 8_675_309 + rank + 500 * side
        case FieldType.DECIMAL:
            value = Decimal("81.75309") + Decimal(rank) / 1000 + 5 * side
        case FieldType.BOOLEAN:
            value = (row + side) % 2 == 0
        case FieldType.TIMESTAMP:
            value = datetime(2026, 1, 5 + 13 * side, 4, 3, 2, 123_450 + rank, tzinfo=UTC)
        case FieldType.TEXT_LIST:
            value = [f"{CANARY} {side} {rank}"] * (side + 1)
        case _:
            value = f"{CANARY} {side} {rank}" + " and more" * side
    return {field.name: value, **raw}


def traces(columns: Iterable[dict[str, Any]]) -> frozenset[str]:
    """Texts by which withheld contents would be known in an answer or a log."""
    return frozenset(trace for each in columns for value in each.values() for trace in _of(value))


def _of(value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        return  # every answer holds some
    if isinstance(value, datetime):
        yield f"{value:%H:%M}"  # no other time has it
    elif isinstance(value, int):
        yield str(value)
        yield f"{value // 100}.{value % 100:02}"  # money in its main unit
    elif isinstance(value, Decimal):
        yield str(value)
    elif isinstance(value, list) or (isinstance(value, str) and CANARY in value):
        yield CANARY
