"""The statements that questions came to, kept for when the same is asked again.

To write a statement takes longer than Postgres needs for the answer, and agents ask the same
questions over and over. What is kept is what was sent: text and parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from index.predicate import reads_now
from semantic_layer.compiler import Compiler
from semantic_layer.query import Lookup, Root, listings

_KEPT = 1_024


@dataclass
class _Sent:
    """What was sent to Postgres for a question; no text before it was asked for the first time."""

    text: str = ""
    parameters: Any = None


class Statements:
    """Runs questions, each of them compiled once for all callers whom the policies treat alike."""

    def __init__(self) -> None:
        self._sent = lru_cache(maxsize=_KEPT)(lambda _asked: _Sent())

    async def answer(
        self, connection: AsyncConnection, compiler: Compiler, roots: Sequence[Root]
    ) -> Sequence[str | None]:
        """The one row of `Compiler.statement`: its texts, or nulls."""
        asked = _Asked(compiler, roots)
        sent = self._sent(asked) if asked.lasting else _Sent()
        if sent.text:
            return tuple((await connection.exec_driver_sql(sent.text, sent.parameters)).one())
        result = await connection.execute(compiler.statement(roots))
        sent.text, sent.parameters = result.context.statement, result.context.parameters[0]
        return tuple(result.one())


class _Asked:
    """All that a statement depends on, as a key: what is asked, in which tables, and what the
    caller may see of every entity, since relations lead from one to the other. `lasting` is whether
    the statement would be the same at another moment.

    Visibilities and tables are compared by identity, and held on to so that none can be another's.
    """

    def __init__(self, compiler: Compiler, roots: Sequence[Root]) -> None:
        visibilities = [compiler.visibility(name) for name in compiler.model.entities]
        self.lasting = (
            not compiler.failures
            and all(visibility.timeless for visibility in visibilities)
            and all(map(_timeless, roots))
        )
        self._same = (compiler.model, compiler.tables, *visibilities)
        self._key = (compiler.tenant, tuple(roots), tuple(map(id, self._same)))
        self._hash = hash(self._key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self._key == other._key


def _timeless(root: Root) -> bool:
    lookup_age = root.ask.max_age if isinstance(root.ask, Lookup) else None
    return lookup_age is None and all(
        each.max_age is None and not any(map(reads_now, each.filters)) for each in listings(root)
    )
