"""The contract with strawberry and graphql-core where compiled JSON enters a response."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
import strawberry
from strawberry.extensions import SchemaExtension

from semantic_layer import Model, View
from semantic_layer.schema import build_schema
from semantic_layer.splice import Compiled, Executor

pytestmark = pytest.mark.anyio


@strawberry.type
class Thing:
    name: str


@strawberry.type
class Query:
    @strawberry.field
    async def compiled(self) -> Thing:
        return Compiled(b'{"name": "as it is", "more": [1]}')  # type: ignore[return-value]

    @strawberry.field
    async def ordinary(self) -> Thing:
        return Thing(name="resolved")


async def test_compiled_json_goes_through_untouched_beside_ordinary_fields() -> None:
    schema = strawberry.Schema(query=Query, execution_context_class=Executor)
    result = await schema.execute("{ compiled { name } ordinary { name } }")
    assert result.errors is None
    assert orjson.dumps(result.data) == (
        b'{"compiled":{"name": "as it is", "more": [1]},"ordinary":{"name":"resolved"}}'
    )


async def test_a_schema_of_graphql_core_is_executed_with_everything_around_it(model: Model) -> None:
    """strawberry did not make the schema, but it is what parses, validates and executes with it."""
    ended = []

    class Ending(SchemaExtension):
        def on_operation(self) -> Iterator[None]:
            yield
            ended.append(self.execution_context.schema)

    schema = build_schema(model, extensions=[Ending])
    result = await schema.execute('{ __typename __type(name: "Ticket") { kind } }')
    assert result.data == {"__typename": "Query", "__type": {"kind": "OBJECT"}}
    refused = await schema.execute("{ tickettts { totalCount } }")
    assert [error.message for error in refused.errors or ()] == [
        "Cannot query field 'tickettts' on type 'Query'."
    ]
    assert ended == [schema, schema]


async def test_a_text_is_validated_against_each_schema_of_its_own(model: Model) -> None:
    """The cache of validations is one for the process, and told apart by the schema itself."""
    part = View(tuple(seen for seen in View.whole(model).seen if seen.entity != "ticket"))
    schemas = [build_schema(model), build_schema(model, part)]
    query = (
        "query { __typename @skip(if: false) ... on Query { tickets @skip(if: true) { stale } } }"
    )
    for schema, valid in zip(schemas * 2, [True, False] * 2, strict=True):
        assert ((await schema.execute(query)).errors is None) == valid
