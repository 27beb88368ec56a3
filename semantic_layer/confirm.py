"""A second opinion on an answer: each row that SQL chose is put before Casbin as well.

The two are proven to decide alike. Should they ever differ, one of them is wrong, nobody knows
which, and nothing is answered.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from access_policies import explain
from index.errors import Unavailable
from semantic_layer.compiler import Compiler
from semantic_layer.context import Context
from semantic_layer.facts import Facts
from semantic_layer.outline import Shown, read_outline
from semantic_layer.query import Root

log = logging.getLogger(__name__)

_MOST_LOGGED = 20


class Unconfirmed(Unavailable):
    """SQL and Casbin differ about what an answer shows."""

    def __init__(self) -> None:
        super().__init__(
            "The decision about a row could not be confirmed, so nothing is shown."
            " An operator finds the reason in the log."
        )


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A row that SQL shows in another way than Casbin would. Holds no value of the row."""

    entity: str
    row_id: UUID
    why: str
    rules: tuple[str, ...]  # by whose meaning the two differ, as far as that is known


async def confirm(
    connection: AsyncConnection, compiler: Compiler, context: Context, roots: Iterable[Root]
) -> None:
    """Raise Unconfirmed, and log why, unless Casbin shows every row of the answer, and masks the
    same of its fields in the same way.

    The connection's transaction has to be repeatable, and the one that the answer comes from.
    """
    shown = await read_outline(connection, compiler, roots)
    facts = Facts(compiler, context.snapshot.predicates)
    found: list[Disagreement] = []
    for entity, rows in _by_row(shown).items():
        missing = set(rows)
        async for row_id, row in facts.of(connection, entity, list(rows)):
            missing.discard(row_id)
            found += _disagreements(context, rows[row_id], row)
        found += [
            Disagreement(entity=entity, row_id=row_id, why="it is not there", rules=())
            for row_id in missing
        ]
    if found:
        _report(found, context.snapshot.version)
        raise Unconfirmed


def _by_row(shown: Iterable[Shown]) -> Mapping[str, Mapping[UUID, list[Shown]]]:
    found: dict[str, dict[UUID, list[Shown]]] = defaultdict(lambda: defaultdict(list))
    for each in shown:
        found[each.entity][each.row_id].append(each)
    return found


def _disagreements(
    context: Context, shown: Collection[Shown], row: Mapping[str, Any]
) -> list[Disagreement]:
    """`shown` is one row in all places of the answer where it stands."""
    snapshot, principal, now = context.snapshot, context.principal, context.now
    first = next(iter(shown))
    entity, row_id = first.entity, first.row_id
    if not snapshot.decide(principal, entity, row, now):
        rules = _concerned(context, entity, row)
        return [Disagreement(entity=entity, row_id=row_id, why="Casbin hides it", rules=rules)]
    in_force = snapshot.masks_for(principal, entity, row, now)
    masks = frozenset((name, str(mask)) for name, mask in in_force.items())
    differing = {name for each in shown for name, _ in masks ^ each.masks}
    if not differing:
        return []
    policy = snapshot.policy(entity)
    masking = (*policy.masks, *policy.guard_masks) if policy is not None else ()
    rules = tuple(rule.id for rule in masking if not differing.isdisjoint(rule.fields))
    why = f"Casbin differs about the masks of {', '.join(sorted(differing))}"
    return [Disagreement(entity=entity, row_id=row_id, why=why, rules=rules)]


def _concerned(context: Context, entity: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The rules that hide the row: those that deny it or, if none does, that do not allow it."""
    policy = context.snapshot.policy(entity)
    if policy is None:
        return ()
    try:
        explanation = explain(context.snapshot, context.principal, entity, row, context.now)
    except Exception:
        # A rule cannot be evaluated; the snapshot has logged which.
        return tuple(rule.id for rule in (*policy.rules, *policy.guard_rules))
    not_allowing = (trace.id for trace in explanation.rules if trace.effect == "allow")
    return explanation.deciding or tuple(not_allowing)


def _report(found: Collection[Disagreement], version: str) -> None:
    for each in list(found)[:_MOST_LOGGED]:
        log.error(
            "SQL shows %s %s, and %s (policy %s, rules %s): answer withheld",
            each.entity,
            each.row_id,
            each.why,
            version[:12],
            ", ".join(each.rules) or "none",
        )
    if len(found) > _MOST_LOGGED:
        log.error("… and %d more rows of the same answer", len(found) - _MOST_LOGGED)
