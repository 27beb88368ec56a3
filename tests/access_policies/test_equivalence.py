"""What Casbin decides of a row in hand is what Postgres filters and masks, for random policies.

A case is one set of rules and one caller, over all hostile rows. REMIT_PROPERTY_EXAMPLES sets how
many sets of rules are tried, each with eight callers: 6,250 are 50,000 cases. Without it they are
always the same few, so that nothing fails by luck.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access_policies import Principal
from tests.access_policies import strategies
from tests.access_policies.differential import rows_seen
from tests.index.predicate.hostile import TICKETS, HostileRows

EXAMPLES = int(os.environ.get("REMIT_PROPERTY_EXAMPLES", "0"))
CALLERS_EACH = 8


@pytest.mark.timeout(120 + EXAMPLES)
def test_casbin_and_postgres_agree_on_rows_and_masks(hostile_rows: HostileRows) -> None:
    cases = Counter[str]()

    @settings(
        max_examples=EXAMPLES or 40,
        derandomize=not EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        documents=strategies.policies(),
        principals=st.lists(
            strategies.principals(), min_size=CALLERS_EACH, max_size=CALLERS_EACH, unique=True
        ),
    )
    def agree(documents: list[tuple[str, str]], principals: list[Principal]) -> None:
        seen = rows_seen(documents, principals, hostile_rows)
        cases["all"] += len(seen)
        cases["telling"] += sum(0 < number < len(TICKETS) for number in seen)

    agree()
    print(dict(cases))  # shown by `pytest -s`
    assert cases["telling"] >= 0.4 * cases["all"], f"too many policies decide nothing: {cases}"
