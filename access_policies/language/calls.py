"""The functions that are conditions: startsWith, endsWith, contains, keyMatch and overlaps."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import get_args

from access_policies.language.kinds import FAMILIES, A
from access_policies.language.operands import (
    CONDITIONS,
    Literal,
    LiteralList,
    Operand,
    OperandReader,
    instead_of,
)
from access_policies.language.scope import Named
from index.predicate import Comparison, Constant, Overlap, Predicate, Term, TextOperator, TextTest
from index.specs import FieldType

_TEXT_OPERATORS: Mapping[str, TextOperator] = {name: name for name in get_args(TextOperator)}


def read_call(operands: OperandReader, node: ast.Call) -> Predicate:
    """The condition that a function call states; RuleError for one that there is not."""
    name = operands.source(node.func)
    if name not in CONDITIONS:
        reason = f"function calls other than {', '.join(CONDITIONS)} cannot be used"
        raise operands.error(node, reason + instead_of(name, CONDITIONS))
    if len(node.args) != 2 or node.keywords:
        raise operands.error(node, _HOW[name])
    left, right = (operands.read(argument) for argument in node.args)
    calls = _Calls(operands, node, name)
    if name == "overlaps":
        return calls.overlap(left, right)
    return calls.key_match(left, right) if name == "keyMatch" else calls.text_test(left, right)


class _Calls:
    """One call's two operands, given their meaning."""

    def __init__(self, operands: OperandReader, node: ast.Call, name: str) -> None:
        self._operands = operands
        self._node = node
        self._name = name

    def text_test(self, left: Operand, right: Operand) -> Predicate:
        text, part = self._text(0, left), self._text(1, right)
        if isinstance(text, Constant) and isinstance(part, Constant):
            raise self._error("both texts are constants; name a field or an attribute")
        if part == Constant(""):
            raise self._error("every text contains the empty one; write `… != null`")
        return TextTest(_TEXT_OPERATORS[self._name], text, part)

    def key_match(self, left: Operand, right: Operand) -> Predicate:
        """Casbin's keyMatch: the pattern's `*` stands for any ending, and what would follow it is
        not looked at, so that nothing may."""
        if isinstance(left, Literal) or not isinstance(right, Literal):
            raise self._error(f"{_HOW['keyMatch']}; only the second one is a constant")
        text, pattern = self._text(0, left), right.value
        if not isinstance(pattern, str):
            raise self._error(f"{_HOW['keyMatch']}; the pattern stands in quotes", 1)
        begins, star, rest = pattern.partition("*")
        if rest:
            raise self._error("a pattern has one `*` at most, as its last character", 1)
        if not star and isinstance(left, Named):
            value = self._operands.constant(self._node, right, left)
            return Comparison("==", text, Constant(value))
        if not begins:
            raise self._error("every text matches this pattern; write `… != null`", 1)
        return TextTest("startsWith", text, Constant(begins))

    def overlap(self, left: Operand, right: Operand) -> Predicate:
        if isinstance(left, LiteralList) and isinstance(right, LiteralList):
            raise self._error("both lists are constants; name a field or an attribute")
        return Overlap(self._list(0, left), self._list(1, right))

    def _text(self, at: int, operand: Operand) -> Term:
        match operand:
            case Literal(str() as value):
                return Constant(value)
            case Named(_, term, type) if FAMILIES[type] == "text":
                return term
            case Named(name, _, FieldType.TEXT_LIST) if self._name == "contains":
                raise self._error(f"`{name}` is a list; write `… in {name}`", at)
            case Named(name, _, type):
                raise self._error(f"`{name}` is {A[type]}; {self._name} takes texts", at)
            case _:
                raise self._error(f"{self._name} takes texts", at)

    def _list(self, at: int, operand: Operand) -> Term:
        match operand:
            case Named(_, term, FieldType.TEXT_LIST):
                return term
            case Named(name, _, type) if FAMILIES[type] == "text":
                reason = f"`{name}` is {A[type]}, not a list; write `{name} in …`"
                raise self._error(reason, at)
            case Named(name, _, type):
                raise self._error(f"`{name}` is {A[type]}; overlaps takes two lists", at)
            case LiteralList(()):
                raise self._error("the list is empty, so that nothing is ever in it", at)
            case LiteralList(items):
                strays = [item.shown for item in items if not isinstance(item.value, str)]
                if strays:
                    raise self._error(f"overlaps takes lists of texts; {strays[0]} is none", at)
                return Constant(tuple(str(item.value) for item in items))
            case _:
                raise self._error(_HOW["overlaps"], at)

    def _error(self, reason: str, argument: int | None = None) -> Exception:
        node = self._node if argument is None else self._node.args[argument]
        return self._operands.error(node, reason)


_HOW: Mapping[str, str] = {
    **{name: f'{name} takes two texts: {name}(…, "…")' for name in _TEXT_OPERATORS},
    "keyMatch": 'keyMatch takes a text and a pattern: keyMatch(…, "abc*")',
    "overlaps": 'overlaps takes two lists: overlaps(…, ["a", "b"])',
}
