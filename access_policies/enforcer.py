"""The Casbin side: one enforcer per entity holds the rules' effects and combines them.

Casbin never sees the text of a rule. Its matcher calls one registered function, which runs the
checked predicate; what Casbin decides is how allows and denies add up.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, get_args

import casbin
from casbin.util import SimpleEval

from access_policies.policies import Effect, Rule
from access_policies.principal import Principal
from index.errors import ConfigurationError
from index.predicate import Row, evaluator

_MODEL = """
[request_definition]
r = read

[policy_definition]
p = rule_id, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = rule(p.rule_id, p.eft, r.read)
"""


class RuleFailedError(Exception):
    """A rule met a value of a type that its entity does not have. Holds the rule's id only."""


def refuse_abandoned_casbin() -> None:
    """Raise ConfigurationError when the old distribution shares the folder of the kept one."""
    try:
        version("casbin")
    except PackageNotFoundError:
        return
    raise ConfigurationError(
        "the distribution `casbin` is installed: it is abandoned and overwrites `pycasbin`, which"
        " decides access here. Run `pip uninstall -y casbin pycasbin`, then install `pycasbin`."
    )


class RowEnforcer:
    """Decides of one row at a time whether a principal may read it, for one entity."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        _check(rules)
        self._evaluators = {rule.id: evaluator(rule.predicate) for rule in rules}
        self._enforcer = _Enforcer(_Enforcer.new_model(text=_MODEL))
        self._enforcer.add_function("rule", self._applies)
        self._enforcer.add_policies([[rule.id, rule.effect] for rule in rules])

    def allows(self, principal: Principal, row: Row, now: datetime) -> bool:
        """Casbin's decision; RuleFailedError when a rule cannot be evaluated."""
        allowed: bool = self._enforcer.enforce(_Read(principal, row, now))
        return allowed

    def _applies(self, rule_id: str, effect: str, read: _Read) -> bool:
        """An allow rule applies when it is true, a deny rule unless it is false."""
        try:
            value = self._evaluators[rule_id](read.row, read.principal.value, read.now)
        except Exception as error:
            raise RuleFailedError(rule_id) from error
        return value is True if effect == "allow" else value is not False


def _check(rules: Sequence[Rule]) -> None:
    # Casbin would pass over an effect that it does not know, and so over a deny rule.
    wrong = [rule.id for rule in rules if rule.effect not in get_args(Effect)]
    if wrong:
        raise ConfigurationError(f"the effect of {', '.join(wrong)} is neither allow nor deny")
    if len({rule.id for rule in rules}) != len(rules):
        raise ConfigurationError("two rules share an id; each rule needs its own")


class _Read:
    """One principal's read of one row: opaque, so that Casbin can neither walk nor print it."""

    __slots__ = ("now", "principal", "row")

    def __init__(self, principal: Principal, row: Row, now: datetime) -> None:
        self.principal = principal
        self.row = row
        self.now = now


class _Enforcer(casbin.Enforcer):  # type: ignore[misc]
    """Casbin's enforcer, which parses the matcher once a thread and keeps requests out of logs."""

    def __init__(self, model: Any) -> None:
        self._parsed = threading.local()
        # A logger of its own, attached to nothing: Casbin logs the model while it is read and
        # every denied request, and to switch that off it would switch off loggers by name.
        silent = logging.Logger("silent", level=logging.CRITICAL + 1)
        model.logger = silent
        super().__init__(model)
        self.logger = silent

    def _get_expression(self, expr: str, functions: Any = None) -> SimpleEval:
        # Casbin parses the matcher anew for every request. The parsed one holds the request's
        # values while it runs, so that threads cannot share it.
        parsed: SimpleEval | None = getattr(self._parsed, "expression", None)
        if parsed is None:
            parsed = self._parsed.expression = super()._get_expression(expr, functions)
        return parsed
