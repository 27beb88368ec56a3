"""What Casbin decides of a row in hand is what Postgres filters and masks.

REMIT_PROPERTY_EXAMPLES sets how many random policies are tried; the nightly run tries many more.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from sqlalchemy import ColumnElement, Label

from access_policies import Mask, Principal, Snapshot, Visibility, partial, read_policies
from index.predicate import to_sql
from tests.access_policies import strategies
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import NOW, TICKETS, HostileRows

EXAMPLES = int(os.environ.get("REMIT_PROPERTY_EXAMPLES", "300"))


def test_casbin_and_postgres_agree_on_rows_and_masks(hostile_rows: HostileRows) -> None:
    cases = Counter[str]()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(policy=strategies.policies(), principal=strategies.principals())
    def agree(policy: str, principal: Principal) -> None:
        snapshot = Snapshot(read_policies([("ticket.yaml", policy)], SPECS, CALLERS))
        visibility = snapshot.visibility(principal, "ticket")

        visible = {
            number
            for number, row in enumerate(TICKETS)
            if snapshot.decide(principal, "ticket", row, NOW)
        }
        assert _visible_in_postgres(hostile_rows, visibility) == visible
        assert not (visibility.sees_nothing and visible)

        masked = {
            number: _masked_in_python(snapshot, principal, visibility, row)
            for number, row in enumerate(TICKETS)
        }
        assert _masked_in_postgres(hostile_rows, visibility) == masked
        cases["all"] += 1
        cases["telling"] += 0 < len(visible) < len(TICKETS)

    agree()
    assert cases["telling"] >= 0.4 * cases["all"], f"too many policies decide nothing: {cases}"


def _visible_in_postgres(rows: HostileRows, visibility: Visibility) -> set[int]:
    condition = to_sql(visibility.rows, _joined(rows, visibility), NOW)
    return set(rows.connection.scalars(rows.select().where(condition)))


def _masked_in_postgres(rows: HostileRows, visibility: Visibility) -> dict[int, dict[str, Any]]:
    columns: list[Label[Any]] = [
        mask.sql(rows.ticket.c[field], _joined(rows, visibility), NOW).label(field)
        for field, mask in visibility.masks.items()
    ]
    found = {}
    for number, *values in rows.connection.execute(rows.select(*columns)):
        found[number] = dict(zip(visibility.masks, values, strict=True))
    return found


def _masked_in_python(
    snapshot: Snapshot, principal: Principal, visibility: Visibility, row: dict[str, Any]
) -> dict[str, Any]:
    """The fields that are masked somewhere, as this row shows them."""
    in_force = snapshot.masks_for(principal, "ticket", row, NOW)
    assert all(not visibility.clear(field) for field in in_force)
    shown: dict[str, Any] = {}
    for field in visibility.masks:
        value: Any = list(row[field]) if isinstance(row[field], tuple) else row[field]
        match in_force.get(field):
            case Mask.HIDE:
                shown[field] = None
            case Mask.PARTIAL:
                shown[field] = partial(value)
            case _:
                shown[field] = value
    return shown


def _joined(rows: HostileRows, visibility: Visibility) -> Any:
    """Resolves columns of the joins that the visibility names, and of no others."""

    def column(path: tuple[str, ...]) -> ColumnElement[Any]:
        assert len(path) == 1 or path[0] in visibility.hops
        return rows.column(path)

    return column
