from __future__ import annotations

import ast

from access_policies.language.rule_text import read
from tests.disturbed_parsing import disturbances


def test_a_rule_is_read_although_another_tree_is_built_in_the_middle() -> None:
    text = 'ticket.status == "open" and (ticket.priority in ["high", "urgent"] or not (1 <= 2))'
    expected = ast.dump(ast.parse(text, mode="eval").body)
    for _ in disturbances():
        assert ast.dump(read(text)) == expected
