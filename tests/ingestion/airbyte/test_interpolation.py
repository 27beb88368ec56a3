from __future__ import annotations

from ingestion.airbyte.cdk import InterpolatedString
from tests.disturbed_parsing import disturbances


def test_a_literal_is_read_although_another_tree_is_built_in_the_middle() -> None:
    template = InterpolatedString.create("{{ [1, [2, [3, {'a': 4}]]] }}", parameters={})
    for _ in disturbances():
        assert template.eval({}) == [1, [2, [3, {"a": 4}]]]
