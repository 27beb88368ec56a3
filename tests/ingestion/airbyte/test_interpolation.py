from __future__ import annotations

import ast
import gc
from collections.abc import Iterator

import pytest

from ingestion.airbyte.cdk import InterpolatedString


@pytest.fixture
def collector() -> Iterator[None]:
    """Leaves the collector as it was; what is there already takes no part, for speed."""
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    gc.freeze()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.callbacks[:] = callbacks


def test_a_literal_is_read_although_another_tree_is_built_in_the_middle(collector: None) -> None:
    """What the switch of threads does in production, done by the collector, at each point."""
    template = InterpolatedString.create("{{ [1, [2, [3, {'a': 4}]]] }}", parameters={})
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
        assert template.eval({}) == [1, [2, [3, {"a": 4}]]]
    assert disturbed > 400
