from __future__ import annotations

import ast
import gc
from collections.abc import Iterator

import pytest

from access_policies.language.rule_text import read


@pytest.fixture
def collector() -> Iterator[None]:
    """Leaves the collector as it was."""
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks[:] = callbacks


def test_a_rule_is_read_although_another_tree_is_built_in_the_middle(collector: None) -> None:
    """What the switch of threads does in production, done by the collector, at each point."""
    text = 'ticket.status == "open" and (ticket.priority in ["high", "urgent"] or not (1 <= 2))'
    expected = ast.dump(ast.parse(text, mode="eval").body)
    disturbed = 0

    def disturb(phase: str, info: object) -> None:
        nonlocal disturbed
        if phase == "start":
            gc.set_threshold(10_000)
            disturbed += 1
            ast.parse("1")

    gc.callbacks.append(disturb)
    for allocations in range(1, 400):
        gc.collect()
        gc.set_threshold(allocations)
        assert ast.dump(read(text)) == expected
    assert disturbed > 400
