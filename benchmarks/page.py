"""A page of tickets for a caller under 30 rules, against the same page under one: `true`.

Both go through GraphQL to the same 200,000 rows. Each asks its question again and again; "new" is
one that was never asked before. The caller under rules is left with allows and denies that look at
the ticket's customer, and with masks of a text that is asked for.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from access_policies import Snapshot
from api.limits import limits
from benchmarks import desk
from benchmarks.timing import Line, take_turns
from index.database import Database
from index.entity_tables import EntityTables
from semantic_layer import Context, Model, View
from semantic_layer.reader import Reader
from semantic_layer.schema import Schemas
from semantic_layer.splice import Question

RULES, RUNS = 30, 40

_NODES = "nodes { number subject status priority createdAt description hiddenFields }"
_PAGE_INFO = "pageInfo { hasNextPage endCursor }"

_COUNT = "totalCount alone"
_PAGES = {
    "first page": f"{{ tickets(first: 25) {{ {_NODES} {_PAGE_INFO} }} }}",
    "first page, new": f"{{ page$new: tickets(first: 25) {{ {_NODES} {_PAGE_INFO} }} }}",
    "deep page": f"{{ tickets(first: 25, after: $after) {{ {_NODES} {_PAGE_INFO} }} }}",
    "where": f"""{{ tickets(first: 25, where: {{status: {{eq: PENDING}}, channel: {{eq: "chat"}}}})
        {{ {_NODES} {_PAGE_INFO} }} }}""",
    "orderBy": f"{{ tickets(first: 25, orderBy: PRIORITY_DESC) {{ {_NODES} {_PAGE_INFO} }} }}",
    "nested": f"""{{ tickets(first: 25) {{ {_NODES} {_PAGE_INFO} }} }}""".replace(
        "hiddenFields",
        "hiddenFields customer { name region } comments(first: 3) { nodes { body } }",
    ),
    "of a customer": f"""{{ customers(first: 20) {{ nodes {{ name
        tickets(first: 10) {{ {_NODES} {_PAGE_INFO} }} }} }} }}""",
    _COUNT: "{ tickets { totalCount } }",
}
_HALFWAY = """{ tickets(first: 1, where: {createdAt: {lt: "2025-05-01T00:00:00Z"}})
    { pageInfo { endCursor } } }"""

Asking = Callable[[str], Awaitable[Any]]


def measure(database: Database, model: Model) -> list[Line]:
    """Fill the database and time each page both ways."""
    desk.fill(database, EntityTables(model.specs))
    return asyncio.run(_measure(database, model))


async def _measure(database: Database, model: Model) -> list[Line]:
    ruled, free = (
        _asking(database, model, snapshot)
        for snapshot in (desk.restricted(model, RULES), desk.open_to_all(model))
    )
    lines = [await _compare(name, query, ruled, free) for name, query in _PAGES.items()]
    await database.close()
    return lines


async def _compare(name: str, query: str, ruled: Asking, free: Asking) -> Line:
    ours_query, free_query = await _placed(ruled, query), await _placed(free, query)
    _check(name, await ruled(ours_query))
    _check(name, await free(free_query))
    ours, reference = await take_turns(
        [lambda: ruled(ours_query), lambda: free(free_query)], runs=RUNS
    )
    return Line(
        what=f"page of {desk.TICKETS:,} tickets: {name}, p50",
        measured=f"{ours.p50 * 1000:.1f} ms, {ours.p50 / reference.p50:.2f} ×",
        reference=f"without a filter {reference.p50 * 1000:.1f} ms",
        reach="-" if name == _COUNT else "≤ 1.1 ×",  # a count has to look at every row
    )


def _asking(database: Database, model: Model, snapshot: Snapshot) -> Asking:
    """How the GraphQL door asks, for one caller."""
    reader = Reader(database, model, EntityTables(model.specs))
    schemas = Schemas(model, limits())
    principal = desk.principal(model, "support", "EMEA", "APAC")

    numbers = itertools.count()

    async def ask(query: str) -> Any:
        query = query.replace("$new", str(next(numbers)))
        context = Context(principal=principal, snapshot=snapshot, now=desk.NOW)
        schema = schemas.of(View.of(model, context.visibility))
        result = await schema.execute(query, context_value=Question(reader, context))
        if result.errors:
            raise result.errors[0]
        return orjson.loads(orjson.dumps(result.data))

    return ask


async def _placed(ask: Asking, query: str) -> str:
    """The query with the cursor of a row half-way down the list, if it asks for one."""
    if "$after" not in query:
        return query
    found = await ask(_HALFWAY)
    return query.replace("$after", orjson.dumps(found["tickets"]["pageInfo"]["endCursor"]).decode())


def _check(name: str, answer: Any) -> None:
    (page,) = answer.values()
    if not (page.get("totalCount") or page["nodes"]):
        raise AssertionError(f"{name}: the answer is empty")
