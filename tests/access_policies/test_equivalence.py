"""What Casbin decides of a row in hand is what Postgres filters and masks.

REMIT_PROPERTY_EXAMPLES sets how many random policies are tried; the nightly run tries many more.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from sqlalchemy import Label, select

from access_policies import Principal, Snapshot, Visibility, read_policies
from tests.access_policies import strategies
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import NOW, TICKETS, HostileRows

EXAMPLES = int(os.environ.get("REMIT_PROPERTY_EXAMPLES", "200"))
KEY = b"a tenant's secret"


def test_casbin_and_postgres_agree_on_rows_and_masks(hostile_rows: HostileRows) -> None:
    cases = Counter[str]()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(documents=strategies.policies(), principal=strategies.principals())
    def agree(documents: list[tuple[str, str]], principal: Principal) -> None:
        snapshot = Snapshot(read_policies(documents, SPECS, CALLERS), hash_key=KEY)
        visibility = snapshot.visibility(principal, "ticket")

        visible = {
            number
            for number, row in enumerate(TICKETS)
            if snapshot.decide(principal, "ticket", row, NOW)
        }
        assert hostile_rows.ids(visibility.rows) == visible
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


def _masked_in_postgres(rows: HostileRows, visibility: Visibility) -> dict[int, dict[str, Any]]:
    place = rows.place()
    columns: list[Label[Any]] = [
        mask.sql(place.column((field,)), place, NOW).label(field)
        for field, mask in visibility.masks.items()
    ]
    shown = select(place.table.c.id, *columns).select_from(place.source)
    return {
        number: dict(zip(visibility.masks, values, strict=True))
        for number, *values in rows.connection.execute(shown)
    }


def _masked_in_python(
    snapshot: Snapshot, principal: Principal, visibility: Visibility, row: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields that are masked somewhere, as this row shows them."""
    in_force = snapshot.masks_for(principal, "ticket", row, NOW)
    key = snapshot.hash_key(principal.purpose)
    assert all(not visibility.clear(field) for field in in_force)
    shown: dict[str, Any] = {}
    for field in visibility.masks:
        value: Any = list(row[field]) if isinstance(row[field], tuple) else row[field]
        shown[field] = in_force[field].apply(value, key) if field in in_force else value
        assert not (visibility.hidden(field) and shown[field] is not None)
    return shown
