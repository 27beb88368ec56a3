"""How long a policy takes: one row decided by Casbin, and a caller's plan for rows in the database.

The reference is Casbin as its manual has it for rules over attributes: `eval(p.sub_rule)` in the
matcher, the same rules, the same row.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import casbin

from access_policies import Principal, Snapshot, load_policies
from benchmarks.timing import Line, repeat
from semantic_layer import Model

RULES = 30
NOW = datetime(2026, 11, 1, tzinfo=UTC)

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


def measure(model: Model, directory: Path) -> list[Line]:
    """Time decisions and plans under 30 rules. `directory` is for the policy file."""
    _write_policy(directory)
    snapshot = Snapshot(load_policies(directory, model.specs, model.callers))
    principals = [_principal(model, number) for number in range(500)]
    row = {"status": "OPEN", "tags": ("vip",), "customer": {"region": "EMEA"}, "priority": "HIGH"}

    decided = repeat(lambda: snapshot.decide(principals[0], "ticket", row, NOW), runs=3000)
    reference = repeat(_eval_enforcer(), runs=300)
    waiting = iter(principals)
    cold = repeat(lambda: snapshot.visibility(next(waiting), "ticket"), runs=len(principals))
    cached = repeat(lambda: snapshot.visibility(principals[0], "ticket"), runs=3000)
    return [
        Line(
            what=f"decision of one row, {RULES} rules, p95",
            measured=f"{_us(decided.p95)}, {decided.p50 / reference.p50:.3f} ×",
            reference=f"Casbin with eval() {_us(reference.p50)} (p50)",
            reach="< 200 µs",
        ),
        Line(
            what=f"plan, cold, {RULES} rules, p95",
            measured=f"{_us(cold.p95)}, {cold.p50 / decided.p50:.1f} ×",
            reference="decision of one row",
            reach="< 5000 µs",
        ),
        Line(
            what="plan, cached, p95",
            measured=f"{_us(cached.p95)}, {cached.p50 / cold.p50:.4f} ×",
            reference="plan, cold",
            reach="< 100 µs",
        ),
    ]


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs"


def _principal(model: Model, number: int) -> Principal:
    return Principal.create(
        tenant="bench",
        user="maya",
        agent=None,
        purpose=None,
        user_attributes={"department": f"d{number}", "regions": [f"R{number}"]},
        agent_attributes={},
        declared=model.callers,
    )


def _write_policy(directory: Path) -> None:
    """29 allow rules of which none is true of the row, and one deny: all must be looked at."""
    directory.mkdir(exist_ok=True)
    lines = ["entity: ticket", "rules:"]
    for number in range(RULES - 1):
        when = f'user.department == "x{number}" and ticket.customer.region in user.regions'
        lines.append(f"  - {{id: allow-{number}, effect: allow, when: '{when}'}}")
    when = '"legal" in ticket.tags and user.department != "legal"'
    lines.append(f"  - {{id: no-legal, effect: deny, when: '{when}'}}")
    (directory / "ticket.yaml").write_text("\n".join(lines) + "\n")


def _eval_enforcer() -> Any:
    model = casbin.Model()
    model.load_model_from_text(_EVAL_MODEL)
    enforcer = casbin.Enforcer(model)
    logging.getLogger("casbin").setLevel(logging.CRITICAL)
    for number in range(RULES - 1):
        rule = f"r.sub.department == 'x{number}' and r.obj.region in r.sub.regions"
        enforcer.add_policy(rule, "read", "allow")
    enforcer.add_policy("'legal' in r.obj.tags and r.sub.department != 'legal'", "read", "deny")
    subject = SimpleNamespace(department="d0", regions=["R0"])
    row = SimpleNamespace(region="EMEA", tags=["vip"])
    return lambda: enforcer.enforce(subject, row, "read")
