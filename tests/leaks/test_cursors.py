"""Cursors: every page that is announced can be read, and a made-up cursor tells nothing.

That a cursor holds no value that its reader may not see is checked wherever pages are compared:
what is withheld is looked for within base64 too.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from graphql import build_client_schema, get_introspection_query

from index.specs import FieldType
from semantic_layer import Model
from semantic_layer.names import camel
from tests.leaks.checker import Pair
from tests.leaks.company import ROWS, row_id
from tests.leaks.questions import Offered, graphql


def test_every_list_can_be_read_to_its_end_by_every_field(pair: Pair) -> None:
    pair.withhold([])
    schema = build_client_schema(
        json.loads(pair.one.ask(graphql(get_introspection_query())).body)["data"]
    )
    model, pages = pair.one.services.model, 0
    # Between them all lists, by every field.
    asked = [q for part in (0, 2) for q in Offered(model, schema, [], part, 7).pages()]
    while asked:
        replies = pair.one.ask_all(asked)
        for reply in replies:
            assert b'"errors"' not in reply.body, reply.body
        following = [q.following(reply.body) for q, reply in zip(asked, replies, strict=True)]
        asked = [question for question in following if question is not None]
        pages += 1
    assert pages == ROWS // 3


# What may stand in the place of a sort value; what the type cannot hold is refused.
_FORGED: list[list[Any]] = [
    ["x"], [None], [True], [1], [-1.5], ["NaN"], ["1e999999"], ["infinity"], [{}], [[]],
    ["\u0000"], ["9" * 40], ["2026-13-45"], [[["x"]]], [], ["x", "y"],
]  # fmt: skip


@pytest.mark.parametrize("type", [t for t in FieldType if t not in ("money", "text_list", "id")])
def test_a_made_up_cursor_is_read_or_refused_and_never_an_incident(
    pair: Pair, model: Model, type: FieldType
) -> None:
    pair.withhold([])
    entity, field = next(
        (entity, field)
        for entity in model.entities.values()
        for field in entity.spec.fields.values()
        if field.type is type and entity.within is None
    )
    row = str(row_id(entity.name, 0))
    forged = [[field.name, *values, row] for values in _FORGED]
    strange: list[Any] = ["x", None, 1, []]
    forged += [[field.name, "1", id] for id in strange]
    documents = [json.dumps(each) for each in forged]
    documents += ["", "[", "{}", "null", "[1]", '"x"', "[" * 2000]
    for document in documents:
        cursor = base64.b64encode(document.encode()).decode()
        listed = f'{camel(entity.plural)}(orderBy: [{field.name.upper()}_ASC], after: "{cursor}")'
        body = json.loads(pair.one.ask(graphql(f"{{ {listed} {{ nodes {{ id }} }} }}")).body)
        codes = {error["extensions"]["code"] for error in body.get("errors", [])}
        assert codes <= {"INVALID_REQUEST"}, (document, body)
