"""What is kept between requests is kept apart: schemas, parsed and validated documents, policies
put into SQL, prepared statements.

Both callers ask the same installation, which nobody has asked before, in turn.
"""

from __future__ import annotations

import json

from graphql import build_client_schema, get_introspection_query

from tests.leaks.conftest import OpenPair
from tests.leaks.installation import OTHER, Installation, Question, Reply
from tests.leaks.questions import Offered, graphql
from tests.leaks.withheld import Withheld, WithheldRows, passes

_KINDS = ("everything", "in_words", "withheld_names")


def test_what_one_caller_asked_changes_nothing_for_another(
    open_pair: OpenPair,
) -> None:
    with open_pair() as fresh:
        specs = fresh.one.services.model.specs
        withheld: list[Withheld] = [*passes(specs)[0], WithheldRows("ticket", "early")]
        for each in (fresh.one, fresh.other):
            each.withhold(withheld, "one")
        questions = _questions(fresh.one, withheld)
        alone = fresh.one.ask_all(questions)
        # In one installation who sees less is first, in the other who sees everything.
        theirs = fresh.other.ask_all(questions, OTHER)
        assert fresh.other.ask_all(questions) == alone
        assert fresh.one.ask_all(questions, OTHER) == theirs
        assert _differing(alone, theirs) > len(questions) // 2  # the two do see other things


def _questions(one: Installation, withheld: list[Withheld]) -> list[Question]:
    schema = json.loads(one.ask(graphql(get_introspection_query())).body)["data"]
    offered = Offered(one.services.model, build_client_schema(schema), withheld, 0, 7)
    return list(offered.questions(_KINDS))[::4]


def _differing(some: list[Reply], others: list[Reply]) -> int:
    return sum(one != other for one, other in zip(some, others, strict=True))
