"""The contract with strawberry and graphql-core where compiled JSON enters a response."""

from __future__ import annotations

import orjson
import pytest
import strawberry

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
