"""How long one row takes to decide, beside other ways to decide the same.

All have the same 30 rules of three comparisons, 20 that allow and 10 that deny:

    ours                 Casbin, whose matcher calls the checked rule
    eval()               Casbin as its manual has it: rules as text, evaluated at each decision
    cedarpy              Cedar, with the rules and the rows parsed before
    cedarpy, row parsed  the same, but the row comes as JSON

Each decides every case alike, which is checked before anything is timed. No value is missing in any
case, because what a missing one means is where the three differ.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import casbin
import orjson

from access_policies import Principal
from benchmarks import desk
from benchmarks.timing import Line, Times, take_turns_over
from semantic_layer import Model

RULES, CASES, ROUNDS = 30, 200, 10

_EVAL_MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub_rule, act, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = eval(p.sub_rule) && r.act == p.act
"""


@dataclass(frozen=True)
class _Case:
    """One question in the form that each contender takes."""

    principal: Principal
    row: Mapping[str, Any]
    subject: SimpleNamespace
    resource: SimpleNamespace
    entities: str  # of Cedar, as JSON


Decide = Callable[[_Case], bool]


def measure(model: Model) -> list[Line]:
    """Check that all decide alike, and time them."""
    cases = list(_cases(model))
    ours, reference = _ours(model), _eval()
    named: dict[str, Decide] = {"ours": ours, "eval": reference, **_cedar(cases)}
    _check(cases, named)
    taken = take_turns_over(cases, list(named.values()), rounds=ROUNDS)
    times = dict(zip(named, taken, strict=True))
    what = f"decision of one row, {RULES} rules of 3 parts"
    lines = [
        Line(
            what=what,
            measured=f"{_us(times['ours'])}, {_ratio(times, 'eval')}",
            reference=f"Casbin with eval() {_us(times['eval'])}",
            reach="p95 < 200 µs",
        )
    ]
    if "cedar" not in times:
        return [*lines, Line(what, "-", "cedarpy is not installed", "-")]
    return [
        *lines,
        *(
            Line(
                what=what,
                measured=f"{_us(times['ours'])}, {_ratio(times, name)}",
                reference=f"{words} {_us(times[name])}",
                reach="-",
            )
            for name, words in (("cedar", "cedarpy"), ("cedar, row parsed", "cedarpy, row parsed"))
        ),
    ]


def _us(times: Times) -> str:
    """By the clock, and of the processor alone."""
    p50, p95, cpu_p50, cpu_p95 = (
        f"{seconds * 1e6:.0f}" for seconds in (times.p50, times.p95, times.cpu_p50, times.cpu_p95)
    )
    return f"p50 {p50} p95 {p95} µs (cpu {cpu_p50}, {cpu_p95})"


def _ratio(times: Mapping[str, Times], reference: str) -> str:
    return f"{times['ours'].cpu_p50 / times[reference].cpu_p50:.2f} ×"


def _rules() -> Iterator[tuple[str, str, str, str]]:
    """Effect, and the condition in our language, in Python for Casbin, and in Cedar's."""
    for number in range(RULES):
        department = desk.DEPARTMENTS[number // 3 % len(desk.DEPARTMENTS)]
        status = desk.STATUSES[number // 3 % len(desk.STATUSES)]
        channel = desk.CHANNELS[number // 3 % len(desk.CHANNELS)]
        tag, tier = desk.TAGS[number // 3 % len(desk.TAGS)], desk.TIERS[number % 3]
        match number % 3:
            case 0 | 1:
                field, symbol, value = (
                    ("status", "!=", status) if number % 3 else ("channel", "==", channel)
                )
                yield (
                    "allow",
                    f'user.department == "{department}" and ticket.customer.region in user.regions'
                    f' and ticket.{field} {symbol} "{value}"',
                    f"r.sub.department == '{department}' and r.obj.customer.region in r.sub.regions"
                    f" and r.obj.{field} {symbol} '{value}'",
                    f'principal.department == "{department}"'
                    " && principal.regions.contains(resource.customer.region)"
                    f' && resource.{field} {symbol} "{value}"',
                )
            case _:
                yield (
                    "deny",
                    f'user.department != "{department}" and "{tag}" in ticket.tags'
                    f' and ticket.customer.tier == "{tier}"',
                    f"r.sub.department != '{department}' and '{tag}' in r.obj.tags"
                    f" and r.obj.customer.tier == '{tier}'",
                    f'principal.department != "{department}" && resource.tags.contains("{tag}")'
                    f' && resource.customer.tier == "{tier}"',
                )


def _cases(model: Model) -> Iterator[_Case]:
    chance = random.Random(20261101)  # noqa: S311 - the same cases in every run
    for _ in range(CASES):
        department = chance.choice(desk.DEPARTMENTS)
        regions = chance.sample(desk.REGIONS, 3)
        customer = {"region": chance.choice(desk.REGIONS), "tier": chance.choice(desk.TIERS)}
        row = {
            "status": chance.choice(desk.STATUSES),
            "channel": chance.choice(desk.CHANNELS),
            "tags": (chance.choice(desk.TAGS),),
            "customer": customer,
        }
        user = {"department": department, "regions": regions}
        yield _Case(
            principal=desk.principal(model, department, *regions),
            row=row,
            subject=SimpleNamespace(**user),
            resource=SimpleNamespace(**{**row, "customer": SimpleNamespace(**customer)}),
            entities=orjson.dumps(
                [_entity("User", "maya", user), _entity("Ticket", "1", row)]
            ).decode(),
        )


def _entity(kind: str, name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"uid": {"type": kind, "id": name}, "attrs": attributes, "parents": []}


def _ours(model: Model) -> Decide:
    rules = [f"{effect}: {ours}" for effect, ours, _, _ in _rules()]
    snapshot = desk.snapshot(model, {"ticket.yaml": desk.document("ticket", rules)})
    return lambda case: snapshot.decide(case.principal, "ticket", case.row, desk.NOW)


def _eval() -> Decide:
    model = casbin.Model()
    model.load_model_from_text(_EVAL_MODEL)
    enforcer = casbin.Enforcer(model)
    logging.getLogger("casbin").setLevel(logging.CRITICAL)
    for effect, _, text, _ in _rules():
        enforcer.add_policy(text, "read", effect)
    return lambda case: bool(enforcer.enforce(case.subject, case.resource, "read"))


def _cedar(cases: Sequence[_Case]) -> dict[str, Decide]:
    """None of them when cedarpy is not there."""
    try:
        import cedarpy
    except ImportError:
        return {}
    effects = {"allow": "permit", "deny": "forbid"}
    policies = cedarpy.PolicySet.from_str(
        "\n".join(
            f"{effects[effect]}(principal, action, resource) when {{ {text} }};"
            for effect, _, _, text in _rules()
        )
    )
    request = {"principal": 'User::"maya"', "action": 'Action::"read"', "resource": 'Ticket::"1"'}
    parsed = {id(case): cedarpy.Entities.from_json_str(case.entities) for case in cases}

    def decide(case: _Case) -> bool:
        return bool(cedarpy.is_authorized(request, policies, parsed[id(case)]).allowed)

    def parse_and_decide(case: _Case) -> bool:
        return bool(cedarpy.is_authorized(request, policies, case.entities).allowed)

    return {"cedar": decide, "cedar, row parsed": parse_and_decide}


def _check(cases: Sequence[_Case], named: Mapping[str, Decide]) -> None:
    allowed = 0
    for case in cases:
        decided = {name: decide(case) for name, decide in named.items()}
        if len(set(decided.values())) > 1:
            raise AssertionError(f"they differ about {case.row} for {case.subject}: {decided}")
        allowed += decided["ours"]
    if not CASES * 0.2 < allowed < CASES * 0.8:
        raise AssertionError(f"{allowed} of {CASES} cases are allowed: hardly a choice")
