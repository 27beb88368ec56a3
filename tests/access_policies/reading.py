"""What a policy lets a caller see, read off its rules as the documentation states it.

Casbin and Postgres are given their rules by the same code: if it forgot the guard rails, both
would. So this reading shares with them only the conditions themselves, and puts them together anew.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import get_args

from access_policies import Mask, MaskKind, Policy, Principal, Side
from index.predicate import CallerValues, Row, Value, evaluator
from tests.index.predicate.hostile import NOW

_Asked = tuple[Row, CallerValues, datetime]

_MASKING: tuple[Side, ...] = ("user", "purpose", "agent")
_STRICTEST_FIRST = ["hide", "redact", "hash", "bucket", "partial"]
_WIDEST_FIRST = ["year", "month", "day", "10", "2", "0.5"]  # those of the random policies


class Reading:
    """One policy, plainly."""

    def __init__(self, policy: Policy) -> None:
        rules = [(rule, evaluator(rule.predicate)) for rule in policy.rules]
        masks = [(mask, evaluator(mask.predicate)) for mask in policy.masks]
        self._guards = [evaluator(rule.predicate) for rule in policy.guard_rules]
        self._allows = {
            side: [holds for rule, holds in rules if (rule.side, rule.effect) == (side, "allow")]
            for side in get_args(Side)
        }
        self._denies = {
            side: [holds for rule, holds in rules if (rule.side, rule.effect) == (side, "deny")]
            for side in get_args(Side)
        }
        guard_masks = [(mask, evaluator(mask.predicate)) for mask in policy.guard_masks]
        self._masks = [
            (side, field, [(mask, holds) for mask, holds in layer if field in mask.fields])
            for side, layer in (
                *((side, [each for each in masks if each[0].side == side]) for side in _MASKING),
                ("guard", guard_masks),
            )
            for field in {field for mask, _ in layer for field in mask.fields}
        ]

    def sees(self, caller: Principal, row: Row) -> bool:
        if caller.scopes is not None and not {"read", "read:ticket"} & caller.scopes:
            return False
        alone = caller.user is None and caller.agent is not None
        asked = (row, caller.value, NOW)
        if any(denies(*asked) is not False for denies in self._guards):
            return False
        if not self._lets_through("agent_alone" if alone else "user", asked, grants=True):
            return False
        if caller.agent and not alone and not self._lets_through("agent", asked, grants=False):
            return False
        return self._lets_through("purpose", asked, grants=False)

    def masks(self, caller: Principal, row: Row) -> dict[str, Mask]:
        """The mask of each field that is masked on this row."""
        found: dict[str, Mask] = {}
        for side, field, about in self._masks:
            if side == "agent" and caller.agent is None:
                continue
            values = [(mask.mask, holds(row, caller.value, NOW)) for mask, holds in about]
            if any(mask.kind is MaskKind.CLEAR and value is True for mask, value in values):
                continue
            for mask, value in values:
                applies = mask.kind is not MaskKind.CLEAR and value is not False
                if applies and (field not in found or _stricter(mask, found[field])):
                    found[field] = mask
        return found

    def _lets_through(self, side: Side, asked: _Asked, *, grants: bool) -> bool:
        if any(denies(*asked) is not False for denies in self._denies[side]):
            return False
        if not self._allows[side]:
            return not grants
        return any(allows(*asked) is True for allows in self._allows[side])


def hashed(value: Value, secret: bytes, purpose: str | None) -> str:
    """A value as the mask `hash` shows it: RFC 2104 with a key of the purpose's own."""
    key = hmac.digest(secret, (purpose or "").encode(), hashlib.sha256)
    return "#" + hmac.digest(key, str(value).encode(), hashlib.sha256).hex()[:20]


def _stricter(mask: Mask, than: Mask) -> bool:
    return _strictness(mask) < _strictness(than)


def _strictness(mask: Mask) -> tuple[int, int]:
    width = _WIDEST_FIRST.index(mask.to) if mask.to else 0
    return _STRICTEST_FIRST.index(mask.kind.value), width
