"""Live reads: what the source sends of a masked field reaches no answer and no log.

One record, read live by somebody from whom most of it is withheld, before and after it was changed
at the source in exactly that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from access_policies import Mask, MaskKind
from index.entity_rows import upsert_rows
from index.stream import Stream, row_id
from index.writer import register_source
from ingestion.simulator import Simulator, build_company
from tests.api.site import write_sources
from tests.conftest import fresh_database
from tests.leaks.checker import told
from tests.leaks.company import TENANT
from tests.leaks.installation import Installation, Question, installation, recorded
from tests.leaks.questions import graphql, tool
from tests.leaks.values import CANARY
from tests.leaks.withheld import Withheld, WithheldField

_HIDE, _PARTIAL = Mask(MaskKind.HIDE), Mask(MaskKind.PARTIAL)
_WITHHELD: list[Withheld] = [
    WithheldField("ticket", "subject", _PARTIAL, "all"),
    WithheldField("ticket", "description", _HIDE, "all"),
    WithheldField("ticket", "tags", _HIDE, "all"),
    WithheldField("ticket", "priority", _HIDE, "all"),
    WithheldField("ticket", "updated_at", _HIDE, "all"),
    WithheldField("comment", "body", _HIDE, "all"),
]
_SHOWN = (
    "number subject status type createdAt hiddenFields provenance { remoteId stale staleReason }"
    " comments(maxAge: 0) { totalCount stale staleReason nodes { public hiddenFields } }"
)


_COMPANY = build_company(scale=0.01)
_KEY = str(_COMPANY.zendesk["ticket"][0]["id"])


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(_COMPANY) as simulator:
        yield simulator


@pytest.fixture
def live(
    cluster: str, template: str, simulator: Simulator, tmp_path: Path
) -> Iterator[Installation]:
    sources = write_sources(tmp_path / "sources.yaml", simulator)
    with (
        fresh_database(cluster, template) as url,
        installation(tmp_path / "home", url, sources) as live,
    ):
        yield live


_CONTENTS = ((f"{CANARY} one 7788", "low"), (f"quite another {CANARY} 7788", "urgent"))


def test_what_is_masked_changes_nothing_of_a_fresh_answer(
    live: Installation, simulator: Simulator
) -> None:
    questions = _questions(live)
    answers = []
    for text, priority in _CONTENTS:
        _change(simulator, text, priority)
        answers.append(_asked(live, questions))
    assert answers[0] == answers[1]
    assert all(b"7788" in answer for answer in answers[0])  # what the mask leaves of the subject


@pytest.mark.parametrize("fault", ["server_error", "truncated"])
def test_a_read_that_fails_repeats_nothing_of_the_record(
    live: Installation, simulator: Simulator, fault: str
) -> None:
    questions = _questions(live)
    _change(simulator, *_CONTENTS[0])
    simulator.fault("zendesk", fault)
    try:
        answers = _asked(live, questions)
    finally:
        simulator.clear_faults("zendesk")
    assert all(b"zendesk: " in answer for answer in answers)  # the reason


def _questions(live: Installation) -> list[Question]:
    live.withhold(_WITHHELD, "one")
    query = f'{{ ticket(id: "{_indexed(live)}", maxAge: 0) {{ {_SHOWN} }} }}'
    return [graphql(query), tool("query", graphql=query)]


def _change(simulator: Simulator, text: str, priority: str) -> None:
    contents = {"subject": text, "description": text, "tags": [text], "priority": priority}
    simulator.change("zendesk", "ticket", _KEY, **contents)


def _asked(live: Installation, questions: list[Question]) -> list[bytes]:
    with recorded():
        replies = [live.ask(question).body for question in questions]
    assert live.log.lines
    for text in (*replies, "\n".join(live.log.lines).encode()):
        assert not told(text, {CANARY})
    return replies


def _indexed(live: Installation) -> object:
    """Put a ticket into the index that knows of no more than that it is there."""
    tables = live.services.tables
    stream = Stream(tenant=TENANT, source="zendesk", name="tickets", entities=("ticket",))
    row = {str(column.name): None for column in tables["ticket"].columns}
    known = {"tenant_id": TENANT, "id": row_id(stream, _KEY), "source": "zendesk"}
    known |= {"stream": "tickets", "remote_id": _KEY, "custom": {}}
    with live.services.database.writing() as connection:
        register_source(connection, TENANT, "zendesk", "zendesk")
        early = {"synced_at": datetime(2026, 1, 1, tzinfo=UTC)}
        upsert_rows(connection, tables, "ticket", [{**row, **known, **early}])
    return known["id"]
