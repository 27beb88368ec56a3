"""The Casbin side: it holds the effects of rules and combines them.

Casbin never sees the text of a rule. Its matcher calls one registered function, which runs the
checked predicate; what Casbin decides is how allows and denies add up.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from operator import itemgetter
from typing import Any, get_args

import casbin

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
e = {effect}

[matchers]
m = rule(p.rule_id, r.read)
"""
_GRANT = "some(where (p.eft == allow)) && !some(where (p.eft == deny))"
_LIMIT = "!some(where (p.eft == deny))"


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
    """Decides of one row at a time whether a set of rules lets a principal read it.

    Where they grant, an allow rule must apply; otherwise all is let through that no rule denies.
    """

    def __init__(self, rules: Sequence[Rule], *, grants: bool) -> None:
        _check(rules)
        self._tests = {rule.id: _test(rule) for rule in rules}
        model = _MODEL.format(effect=_GRANT if grants else _LIMIT)
        self._enforcer = CasbinEnforcer(model, {"rule": self._applies})
        # Casbin stops at the first deny that applies, so the denies come first.
        ordered = sorted(rules, key=lambda rule: rule.effect != "deny")
        self._enforcer.add_policies([[rule.id, rule.effect] for rule in ordered])

    def allows(self, principal: Principal, row: Row, now: datetime) -> bool:
        """Casbin's decision; RuleFailedError when a rule cannot be evaluated."""
        allowed: bool = self._enforcer.enforce(_Read(principal, row, now))
        return allowed

    def _applies(self, rule_id: str, read: _Read) -> bool:
        try:
            return self._tests[rule_id](read)
        except Exception as error:
            raise RuleFailedError(rule_id) from error


def _test(rule: Rule) -> Callable[[_Read], bool]:
    """Whether the rule applies: an allow rule when it is true, a deny rule unless it is false."""
    evaluate = evaluator(rule.predicate)
    if rule.effect == "allow":
        return lambda read: evaluate(read.row, read.caller, read.now) is True
    return lambda read: evaluate(read.row, read.caller, read.now) is not False


def _check(rules: Sequence[Rule]) -> None:
    # Casbin would allow everything without a rule, and would pass over an effect that it does not
    # know, and so over a deny rule.
    if not rules:
        raise ConfigurationError("there is no rule to decide by")
    wrong = [rule.id for rule in rules if rule.effect not in get_args(Effect)]
    if wrong:
        raise ConfigurationError(f"the effect of {', '.join(wrong)} is neither allow nor deny")
    if len({rule.id for rule in rules}) != len(rules):
        raise ConfigurationError("two rules share an id; each rule needs its own")


class _Read:
    """One principal's read of one row: opaque, so that Casbin can neither walk nor print it."""

    __slots__ = ("caller", "now", "row")

    def __init__(self, principal: Principal, row: Row, now: datetime) -> None:
        self.caller = principal.value
        self.row = row
        self.now = now


class CasbinEnforcer(casbin.Enforcer):  # type: ignore[misc]
    """Casbin's enforcer for matchers that call one function, with requests kept out of logs.

    Casbin parses its matcher anew at each decision and walks the tree for each policy line, which
    is nine tenths of the time. Ours is always `name(p.x, …, r.y)`, so it is taken apart once.
    """

    def __init__(self, model_text: str, functions: Mapping[str, Callable[..., bool]]) -> None:
        model = self.new_model(text=model_text)
        # A logger of its own, attached to nothing: Casbin logs the model while it is read and
        # every denied request, and to switch that off it would switch off loggers by name.
        silent = logging.Logger("silent", level=logging.CRITICAL + 1)
        model.logger = silent
        super().__init__(model)
        self.logger = silent
        self._call = _Call(model["m"]["m"].value, functions)

    def _get_expression(self, _expression: str, _functions: Any = None) -> _Call:
        return self._call


class _Call:
    """A matcher's call, which looks up its arguments in what Casbin hands over."""

    def __init__(self, matcher: str, functions: Mapping[str, Callable[..., bool]]) -> None:
        call = re.fullmatch(r"(\w+)\(([\w, ]+)\)", matcher)
        if call is None or call[1] not in functions:
            raise ConfigurationError(f"the matcher `{matcher}` is not the call of a known function")
        self._function = functions[call[1]]
        self._arguments = itemgetter(*(name.strip() for name in call[2].split(",")))

    def eval(self, values: Mapping[str, Any]) -> bool:
        return self._function(*self._arguments(values))
