"""One question, three answers: Casbin's of each row in hand, Postgres' of all rows in its tables,
and that of a plain reading of the rules. Which rows, and what is shown of each masked field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Label, select

from access_policies import Mask, MaskKind, Principal, Snapshot, Visibility, read_policies
from index.money import decimals, minor_per_unit
from index.predicate import Row, filter_sql
from index.specs import FieldSpec, FieldType
from tests.access_policies.reading import Reading, hashed
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import NOW, TICKET, TICKETS, HostilePlace, HostileRows

KEY = b"a tenant's secret"
HASH, HIDE = Mask(MaskKind.HASH), Mask(MaskKind.HIDE)


class Disagreement(AssertionError):
    """Two of the three do not say the same."""


def rows_seen(
    documents: Iterable[tuple[str, str]], principals: Iterable[Principal], rows: HostileRows
) -> list[int]:
    """How many tickets each principal sees. Disagreement when the three differ for one of them: in
    which tickets, or in what is shown of a field on any ticket, seen or not."""
    policies = read_policies(documents, SPECS, CALLERS)
    snapshot = Snapshot(policies, hash_key=KEY)
    comparison = _Comparison(snapshot, Reading(policies.policies["ticket"]), rows)
    return [comparison.rows_seen(principal) for principal in principals]


class _Comparison:
    def __init__(self, snapshot: Snapshot, reading: Reading, rows: HostileRows) -> None:
        self._snapshot = snapshot
        self._reading = reading
        self._rows = rows

    def rows_seen(self, principal: Principal) -> int:
        visibility = self._snapshot.visibility(principal, "ticket")
        in_postgres, shown = _ask(self._rows, visibility)
        seen = 0
        for number, row in enumerate(TICKETS):
            sees = self._snapshot.decide(principal, "ticket", row, NOW)
            _same(number, "whether it is seen", sees, number in in_postgres)
            _same(number, "whether it is seen", sees, self._reading.sees(principal, row))
            seen += sees
            if not visibility.sees_nothing:
                masks = self._snapshot.masks_for(principal, "ticket", row, NOW)
                _same(number, "its masks", masks, self._reading.masks(principal, row))
                if not masks.keys() <= visibility.masks.keys():
                    raise Disagreement(f"ticket {number} has a mask where none was promised")
                expected = _shown(row, masks, visibility, principal)
                _same(number, "its fields", shown[number], expected)
        if seen and visibility.sees_nothing:
            raise Disagreement("a ticket is seen where none was promised")
        return seen


def _same(ticket: int, what: str, one: object, other: object) -> None:
    if one != other:
        raise Disagreement(f"ticket {ticket}, {what}: {one} is not {other}")


def _ask(rows: HostileRows, visibility: Visibility) -> tuple[set[int], dict[int, dict[str, Any]]]:
    """The rows that Postgres keeps, and the masked fields of all of them."""
    place = rows.place()
    columns: list[Label[Any]] = [
        _column(place, visibility, field).label(field) for field in visibility.masks
    ]
    kept_place = rows.place()
    condition = filter_sql(visibility.rows, kept_place, NOW)
    kept = select(kept_place.table.c.id).select_from(kept_place.source).where(condition)
    asked = select(place.table.c.id, place.table.c.id.in_(kept), *columns)
    found = rows.connection.execute(asked.select_from(place.source)).all()
    shown = {row[0]: dict(zip(visibility.masks, row[2:], strict=True)) for row in found}
    return {row[0] for row in found if row[1]}, shown


def _column(place: HostilePlace, visibility: Visibility, field: str) -> ColumnElement[Any]:
    mask = visibility.masks[field]
    if TICKET.fields[field].type is not FieldType.MONEY:
        return mask.sql(place.column((field,)), place, NOW)
    minor = place.table.c[f"{field}_minor"]
    unit = minor_per_unit(place.table.c[f"{field}_currency"])
    return mask.sql(minor, place, NOW, lambda mask: mask.money_sql(minor, unit))


def _shown(
    row: Row, masks: Mapping[str, Mask], visibility: Visibility, principal: Principal
) -> dict[str, Any]:
    """The fields that are masked on some row, as they are on this one."""
    shown: dict[str, Any] = {}
    for field in visibility.masks:
        mask = masks.get(field)
        if visibility.hidden(field) and mask != HIDE:
            raise Disagreement(f"{field} is shown where it was promised to be hidden")
        shown[field] = _left(row[field], mask, TICKET.fields[field], principal)
    return shown


def _left(value: Any, mask: Mask | None, field: FieldSpec, principal: Principal) -> Any:
    """What the mask leaves of the value. Of money that is its amount in minor units."""
    if value is None:
        return None
    if field.type is FieldType.MONEY:
        minor, currency = value
        unit = 10 ** decimals(currency)
        band: Any = Decimal(minor) / unit if mask is None else mask.apply(Decimal(minor) / unit)
        return None if band is None else band * unit
    if mask is None:
        return list(value) if isinstance(value, tuple) else value
    return hashed(value, KEY, principal.purpose) if mask == HASH else mask.apply(value)
