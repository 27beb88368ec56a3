"""The differential suite finds what it is there to find.

A suite that finds nothing proves little unless it would have found something. Here each mistake of
the table is made on purpose. A policy of three lines shows it, which keeps this quick; with
REMIT_PROPERTY_EXAMPLES set, so do random policies of the kind that the suite tries.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from access_policies import Principal
from tests.access_policies import strategies
from tests.access_policies.differential import Disagreement, rows_seen
from tests.access_policies.language_mutations import LANGUAGE_MUTATIONS
from tests.access_policies.mutation import Mutation
from tests.access_policies.policy_mutations import POLICY_MUTATIONS
from tests.access_policies.strategies import CALLERS
from tests.index.predicate.hostile import NOW, HostileRows

Documents = list[tuple[str, str]]
EXAMPLES = int(os.environ.get("REMIT_PROPERTY_EXAMPLES", "0"))
MUTATIONS = [*LANGUAGE_MUTATIONS, *POLICY_MUTATIONS]
NAMES = [each.trap for each in MUTATIONS]


def _caller(purpose: str | None = None, agent: str | None = None, **user: object) -> Principal:
    return Principal.create(
        tenant="acme",
        user=None if agent == "alone" else "ann",
        agent=agent,
        purpose=purpose,
        user_attributes=user,
        declared=CALLERS,
        scopes=frozenset({"policy"}) if purpose == "policy" else None,
    )


# One who has everything, others who lack it or have it empty, an agent with a user and one without,
# and one whose token is for something else.
PRINCIPALS = [
    _caller(region="emea", regions=["emea", "apac"], level=2, lead=True, joined_at=NOW),
    _caller(),
    _caller(region="", regions=[], lead=False),
    _caller(agent="bot", region="apac"),
    _caller(agent="alone", purpose="support"),
    _caller(purpose="policy", region="emea"),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=NAMES)
def test_a_trap_is_found(
    mutation: Mutation,
    hostile_rows: HostileRows,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for documents in mutation.policies():
        rows_seen(documents, PRINCIPALS, hostile_rows)
    mutation.apply(monkeypatch)
    tried = _tried(((documents, PRINCIPALS) for documents in mutation.policies()), hostile_rows)
    assert tried, f"nothing shows that {mutation.trap}"
    # It was found out by what it says, not because it fails and so denies.
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.timeout(120 + EXAMPLES)
@pytest.mark.parametrize("mutation", MUTATIONS if EXAMPLES else [])
def test_random_policies_find_a_trap(
    mutation: Mutation,
    random_policies: list[tuple[Documents, list[Principal]]],
    hostile_rows: HostileRows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutation.apply(monkeypatch)
    tried = _tried(random_policies, hostile_rows)
    print(f"{mutation.trap}: found in policy {tried}")  # shown by `pytest -s`
    assert tried, f"nothing shows that {mutation.trap}"


@pytest.fixture(scope="module")
def random_policies() -> list[tuple[Documents, list[Principal]]]:
    """The same ones in every run."""
    drawn: list[tuple[Documents, list[Principal]]] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        documents=strategies.policies(),
        principals=st.lists(strategies.principals(), min_size=4, max_size=4, unique=True),
    )
    def draw(documents: Documents, principals: list[Principal]) -> None:
        drawn.append((documents, principals))

    draw()
    return drawn


def _tried(cases: Iterable[tuple[Documents, list[Principal]]], rows: HostileRows) -> int:
    """How many policies it took to find a disagreement; 0 when there is none in all of them."""
    for number, (documents, principals) in enumerate(cases, start=1):
        try:
            rows_seen(documents, principals, rows)
        except Disagreement:
            return number
    return 0
