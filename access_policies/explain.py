"""Why a principal sees a row or not, rule by rule, for those who write the policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from access_policies.masks import Mask
from access_policies.policies import MaskRule, Rule
from access_policies.principal import Principal
from access_policies.snapshot import Snapshot
from index.predicate import Caller, Row, Value, attributes, callers, evaluate


@dataclass(frozen=True, kw_only=True)
class RuleTrace:
    """One rule on one row. `value` None is unknown; `saw` holds what it read, None is missing."""

    id: str
    effect: str  # allow, deny, hide or partial
    text: str
    because: str
    value: bool | None
    applies: bool
    saw: Mapping[str, object]

    def lines(self) -> Iterator[str]:
        mark = "applies" if self.applies else "-"
        yield f"  {mark:<8} {self.effect:<8} {self.id}: {self.text}"
        value = "unknown" if self.value is None else str(self.value).lower()
        saw = ", ".join(f"{name} = {_shown(seen)}" for name, seen in self.saw.items())
        yield f"           {value}{' with ' + saw if saw else ''}"
        if self.because:
            yield f"           {self.because}"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The decision on one row with its grounds. It holds the row's values: show it to those who may
    see the row anyway, or who own its policy."""

    entity: str
    version: str
    visible: bool
    deciding: tuple[str, ...]  # ids of the rules that made the decision; none if no rule allowed
    rules: tuple[RuleTrace, ...]
    masks: tuple[RuleTrace, ...]
    masked: Mapping[str, Mask]

    def lines(self) -> list[str]:
        """The explanation for a terminal, one statement a line."""
        decision = "visible" if self.visible else "hidden"
        lines = [f"{self.entity}: {decision}, {self._grounds()} (policy {self.version[:12]})"]
        for trace in self.rules:
            lines += trace.lines()
        if self.masks:
            masked = [f"{field} ({mask.value})" for field, mask in sorted(self.masked.items())]
            lines.append(f"masked fields: {', '.join(masked) or 'none'}")
        for trace in self.masks:
            lines += trace.lines()
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
    snapshot: Snapshot, principal: Principal, entity: str, row: Row, now: datetime
) -> Explanation:
    """The decision that `snapshot.decide` makes of the row, and every rule's part in it.

    Raises TypeError for a row with values that its entity does not have, which `decide` denies.
    """
    policy = snapshot.policy(entity)
    rules = policy.rules if policy is not None else ()
    masks = policy.masks if policy is not None else ()
    traces = tuple(_trace(rule, rule.effect, principal, entity, row, now) for rule in rules)
    visible = snapshot.decide(principal, entity, row, now)
    denying = tuple(trace.id for trace in traces if trace.applies and trace.effect == "deny")
    allowing = tuple(trace.id for trace in traces if trace.applies and trace.effect == "allow")
    return Explanation(
        entity=entity,
        version=snapshot.version,
        visible=visible,
        deciding=denying or (allowing if visible else ()),
        rules=traces,
        masks=tuple(_trace(rule, rule.mask.value, principal, entity, row, now) for rule in masks),
        masked=snapshot.masks_for(principal, entity, row, now),
    )


def _trace(
    rule: Rule | MaskRule,
    effect: str,
    principal: Principal,
    entity: str,
    row: Row,
    now: datetime,
) -> RuleTrace:
    value = evaluate(rule.predicate, row, principal.value, now)
    saw: dict[str, object] = {}
    for path in sorted(attributes(rule.predicate)):
        saw[".".join((entity, *path))] = _read(row, path)
    for caller in sorted(callers(rule.predicate), key=_name):
        saw[_name(caller)] = principal.value(caller)
    return RuleTrace(
        id=rule.id,
        effect=effect,
        text=rule.text,
        because=rule.because,
        value=value,
        applies=value is True if effect == "allow" else value is not False,
        saw=saw,
    )


def _read(row: Row, path: tuple[str, ...]) -> object:
    value: object = row
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _name(caller: Caller) -> str:
    return f"{caller.kind}.{caller.name}" if caller.name else caller.kind


def _shown(value: Value | object | None) -> str:
    if value is None:
        return "missing"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return value.isoformat() if isinstance(value, datetime) else str(value)
