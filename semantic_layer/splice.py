"""The seam between GraphQL execution and compiled answers.

The first root that is resolved answers the whole operation with one statement; the others take
their part of it. What Postgres returned goes into the response as the bytes it is: executing a
thousand fields in Python would take ten times as long as the statement itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import GraphQLResolveInfo
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from index.errors import InvalidRequest
from semantic_layer.context import Context
from semantic_layer.query import Root
from semantic_layer.reader import Answer, Reader
from semantic_layer.selection import read_operation

_MOST_NAMED = 5


@dataclass(frozen=True)
class Compiled:
    """A finished answer that GraphQL execution must not look into."""

    json: bytes


class Executor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, letting finished answers through untouched.

    This overrides a method of graphql-core that is not documented for it, so both libraries are
    pinned and a contract test fails when the seam moves.
    """

    def complete_value(
        self,
        return_type: Any,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Any,
        result: Any,
        position_context: Any,
    ) -> Any:
        if isinstance(result, Compiled):
            return orjson.Fragment(result.json)
        return super().complete_value(
            return_type, field_details_list, info, path, result, position_context
        )


@dataclass
class Question:
    """The context value of one GraphQL operation: who asks, and the one answer to all its roots.

    `near` collects, by root, similar names where a name fits no row.
    """

    reader: Reader
    context: Context
    near: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False)
    _answering: asyncio.Task[dict[str, Answer]] | None = field(default=None, init=False)

    async def answer(self, info: GraphQLResolveInfo[Any]) -> Compiled | None:
        """The answer to the root that is being resolved."""
        if self._answering is None:
            self._answering = asyncio.ensure_future(self._answer_all(info))
        answer = (await self._answering)[str(info.path.key)]
        if answer.doubt:
            raise Ambiguous(answer.doubt)
        return Compiled(answer.json) if answer.json is not None else None

    async def freshness(self) -> list[dict[str, Any]]:
        """When the streams were last read that feed what the caller can ask for."""
        return await self.reader.freshness(self.context)

    async def _answer_all(self, info: GraphQLResolveInfo[Any]) -> dict[str, Answer]:
        roots: tuple[Root, ...] = read_operation(info, self.reader.model)
        answers = await self.reader.read(self.context, roots)
        for root, answer in zip(roots, answers, strict=True):
            if answer.near:
                self.near[root.key] = answer.near
        return {root.key: answer for root, answer in zip(roots, answers, strict=True)}


class Ambiguous(InvalidRequest):
    """A name fits several rows that the caller may see."""

    def __init__(self, candidates: tuple[str, ...]) -> None:
        self.candidates = candidates
        named = ", ".join(repr(name) for name in candidates[:_MOST_NAMED])
        more = len(candidates) - _MOST_NAMED
        rest = f" and {more} more" if more > 0 else ""
        super().__init__(f"The name fits {len(candidates)} rows: {named}{rest}. Give one in full.")
