"""Why a principal sees a row or not, rule by rule, for those who write the policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from access_policies.language.wording import shown, written
from access_policies.masks import Mask, MaskKind
from access_policies.policies import MaskRule, Policy, Rule, sides_in_force
from access_policies.principal import Principal
from access_policies.snapshot import Snapshot
from index.predicate import (
    And,
    Caller,
    Not,
    Or,
    Predicate,
    Row,
    Truth,
    attributes,
    callers,
    evaluate,
)

Readable = Callable[[tuple[str, ...]], bool]
"""Whether the reader of an explanation may know what the row has at a path."""

_WITHHELD = "(not for you to see)"


@dataclass(frozen=True, kw_only=True)
class RuleTrace:
    """One rule on one row. `value` None is unknown; `saw` says in words what it read."""

    id: str
    effect: str  # allow, deny, or the mask
    side: str  # user, agent, agent_alone, purpose or guard rail
    text: str
    because: str
    value: bool | None
    applies: bool
    saw: Mapping[str, str]

    def lines(self) -> Iterator[str]:
        mark = "applies" if self.applies else "-"
        side = "" if self.side == "user" else f" (for {self.side})"
        yield f"  {mark:<8} {self.effect:<8} {self.id}{side}: {self.text}"
        value = "unknown" if self.value is None else str(self.value).lower()
        saw = ", ".join(f"{name} = {seen}" for name, seen in self.saw.items())
        yield f"           {value}{' with ' + saw if saw else ''}"
        if self.because:
            yield f"           {self.because}"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The decision on one row with its grounds. `needed` says what would have to differ for a
    hidden row to be seen."""

    entity: str
    version: str
    visible: bool
    deciding: tuple[str, ...]  # ids of the rules that made the decision; none if no rule allowed
    rules: tuple[RuleTrace, ...]
    masks: tuple[RuleTrace, ...]
    masked: Mapping[str, Mask]
    needed: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The explanation for a terminal, one statement a line."""
        decision = "visible" if self.visible else "hidden"
        lines = [f"{self.entity}: {decision}, {self._grounds()} (policy {self.version[:12]})"]
        for trace in self.rules:
            lines += trace.lines()
        if self.masks:
            masked = [f"{field} ({mask})" for field, mask in sorted(self.masked.items())]
            lines.append(f"masked fields: {', '.join(masked) or 'none'}")
        for trace in self.masks:
            lines += trace.lines()
        if self.needed:
            lines.append("to be seen:")
            lines += [f"  {need}" for need in self.needed]
        return lines

    def _grounds(self) -> str:
        if not self.rules:
            return "as it has no policy"
        if not self.deciding:
            return "as no rule allows it"
        return f"{'allowed' if self.visible else 'denied'} by {', '.join(self.deciding)}"

    def __str__(self) -> str:
        return "\n".join(self.lines())


def explain(
    snapshot: Snapshot,
    principal: Principal,
    entity: str,
    row: Row,
    now: datetime,
    readable: Readable = lambda _path: True,
) -> Explanation:
    """The decision that `snapshot.decide` makes of the row, and every rule's part in it.

    Values at paths that are not `readable` are left out. Raises TypeError for a row with values
    that its entity does not have, which `decide` denies.
    """
    policy = snapshot.policy(entity) or Policy(entity=entity, rules=())
    look = _Look(principal, entity, row, now, readable)
    in_force = {*sides_in_force(principal), "guard rail"}
    rules = [look.trace(rule, rule.effect, rule.side) for rule in policy.rules]
    rules += [look.trace(rule, rule.effect, "guard rail") for rule in policy.guard_rules]
    masks = [look.trace(rule, str(rule.mask), rule.side) for rule in policy.masks]
    masks += [look.trace(rule, str(rule.mask), "guard rail") for rule in policy.guard_masks]
    visible = snapshot.decide(principal, entity, row, now)
    applying = [trace for trace in rules if trace.applies and trace.side in in_force]
    denying = tuple(trace.id for trace in applying if trace.effect == "deny")
    allowing = tuple(trace.id for trace in applying if trace.effect == "allow")
    return Explanation(
        entity=entity,
        version=snapshot.version,
        visible=visible,
        deciding=denying or (allowing if visible else ()),
        rules=tuple(rules),
        masks=tuple(masks),
        masked=snapshot.masks_for(principal, entity, row, now),
        needed=() if visible else tuple(look.needed(policy)),
    )


class _Look:
    """One principal's look at one row."""

    def __init__(
        self, principal: Principal, entity: str, row: Row, now: datetime, readable: Readable
    ) -> None:
        self._principal = principal
        self._entity = entity
        self._row = row
        self._now = now
        self._readable = readable

    def trace(self, rule: Rule | MaskRule, effect: str, side: str) -> RuleTrace:
        """What the rule makes of the row."""
        value = self._value(rule.predicate)
        needs_truth = effect in ("allow", MaskKind.CLEAR)
        return RuleTrace(
            id=rule.id,
            effect=effect,
            side=side,
            text=rule.text,
            because=rule.because,
            value=value,
            applies=value is True if needs_truth else value is not False,
            saw=self._seen(rule.predicate),
        )

    def needed(self, policy: Policy) -> Iterator[str]:
        """What would have to differ, one sentence a rule."""
        if not self._principal.may_read(self._entity):
            yield f"the token's scope has to cover `read:{self._entity}`"
        for side in sides_in_force(self._principal):
            rules = policy.on_side(side)
            allows = [rule for rule in rules if rule.effect == "allow"]
            if policy.grants(side) and not allows:
                yield f"no rule for {side} allows anything: write one"
            elif policy.grants(side) and all(
                self._value(rule.predicate) is not True for rule in allows
            ):
                for rule in allows:
                    yield from self._change(f"{rule.id} would allow it", rule.predicate, True)
            for rule in rules:
                if rule.effect == "deny":
                    yield from self._change(f"{rule.id} must not deny it", rule.predicate, False)
        for rule in policy.guard_rules:
            yield from self._change(f"{rule.id} must not deny it", rule.predicate, False)

    def _change(self, what: str, predicate: Predicate, wanted: bool) -> Iterator[str]:
        changes = self._changes(predicate, wanted)
        if changes is None:
            yield f"{what}: never, as the rule is written"
        elif changes:
            yield f"{what} if {' and '.join(changes)}"

    def _changes(self, predicate: Predicate, wanted: bool) -> list[str] | None:
        """The fewest comparisons whose outcome would have to change for the predicate to be
        `wanted`; None when nothing could make it so."""
        if self._value(predicate) is wanted:
            return []
        match predicate:
            case Truth():
                return None
            case Not(operand):
                return self._changes(operand, not wanted)
            case And(operands) | Or(operands):
                found = [self._changes(operand, wanted) for operand in operands]
                possible = [changes for changes in found if changes is not None]
                if isinstance(predicate, And) is wanted:
                    both = [change for changes in possible for change in changes]
                    return both if len(possible) == len(found) else None
                return min(possible, key=len) if possible else None
            case _:
                text = written(predicate, self._entity)
                seen = self._seen(predicate)
                values = ", ".join(f"{name} is {value}" for name, value in seen.items())
                text = f"`{text}`" if wanted else f"not `{text}`"
                return [f"{text} ({values})" if values else text]

    def _value(self, predicate: Predicate) -> bool | None:
        return evaluate(predicate, self._row, self._principal.value, self._now)

    def _seen(self, predicate: Predicate) -> dict[str, str]:
        saw: dict[str, str] = {}
        for path in sorted(attributes(predicate)):
            value = shown(_read(self._row, path)) if self._readable(path) else _WITHHELD
            saw[".".join((self._entity, *path))] = value
        for caller in sorted(callers(predicate), key=_name):
            saw[_name(caller)] = shown(self._principal.value(caller))
        return saw


def _read(row: Row, path: tuple[str, ...]) -> object:
    value: object = row
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _name(caller: Caller) -> str:
    return f"{caller.kind}.{caller.name}" if caller.name else caller.kind
