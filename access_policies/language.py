"""The language of rules and segments: text in, checked predicate out.

    ticket.status in ["open", "pending"] and ticket.customer.region in user.regions
    not ticket.urgent or ticket.due_at < now
    startsWith(ticket.title, "Re:") or ticket.customer.tier == null

Python's parser reads the text and a whitelist decides what it may contain. Nothing is evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import get_args

from access_policies.operands import (
    Literal,
    LiteralList,
    Null,
    Operand,
    OperandReader,
    not_allowed,
)
from access_policies.rule_text import read
from access_policies.scope import Named, Scope
from access_policies.spelling import nearest
from index.predicate import (
    And,
    Comparison,
    Constant,
    InvalidValue,
    IsMissing,
    Membership,
    Not,
    Operator,
    Or,
    Predicate,
    Term,
    TextOperator,
    TextTest,
    Truth,
    Value,
    coerce,
)
from index.specs import CallerAttributes, EntitySpec, EntitySpecs, FieldType

_MAX_DEPTH = 25


def parse(
    text: str, entity: EntitySpec, specs: EntitySpecs, callers: CallerAttributes
) -> Predicate:
    """The condition, checked against the model; RuleError says where and why it cannot be used.

    With empty `callers` the condition may not depend on who asks, which is what a segment needs.
    """
    rule = text.strip(" \n")
    tree = read(rule)
    return _Checker(OperandReader(rule, Scope(entity, specs, callers))).condition(tree, depth=0)


class _Checker:
    def __init__(self, operands: OperandReader) -> None:
        self._operand = operands.read
        self._source = operands.source
        self._error = operands.error

    def condition(self, node: ast.expr, *, depth: int) -> Predicate:
        if depth > _MAX_DEPTH:
            raise self._error(node, "this is nested too deeply; split it into several rules")
        match node:
            case ast.BoolOp(op, values):
                joint = And if isinstance(op, ast.And) else Or
                return joint(tuple(self.condition(value, depth=depth + 1) for value in values))
            case ast.UnaryOp(ast.Not(), operand):
                return Not(self.condition(operand, depth=depth + 1))
            case ast.Compare(left, [operator], [right]):
                return self._comparison(node, left, operator, right)
            case ast.Compare():
                reason = f"one comparison at a time: write `{self._unchained(node)}`"
                raise self._error(node, reason)
            case ast.Call():
                return self._text_test(node)
            case ast.Name() | ast.Attribute() | ast.Constant():
                return self._bare(node)
            case _:
                raise self._error(node, not_allowed(node))

    def _bare(self, node: ast.expr) -> Predicate:
        match self._operand(node):
            case Literal(bool() as value):
                return Truth(value)
            case Named(_, term, FieldType.BOOLEAN):
                return Comparison("==", term, Constant(True))
            case Named(name, _, type):
                reason = f"`{name}` is {_A[type]}, not true or false; compare it with something"
                raise self._error(node, reason)
            case _:
                reason = "this is a value, not a condition; compare something with it"
                raise self._error(node, reason)

    def _comparison(
        self, node: ast.Compare, left: ast.expr, operator: ast.cmpop, right: ast.expr
    ) -> Predicate:
        if isinstance(operator, ast.In | ast.NotIn):
            inside = self._membership(node, self._operand(left), self._operand(right))
            return inside if isinstance(operator, ast.In) else Not(inside)
        symbol = _SYMBOLS.get(type(operator))
        if symbol is None:
            reason = "`is` cannot be used; write `==` or `!=`, also with null"
            raise self._error(node, reason)
        match self._operand(left), self._operand(right):
            case (LiteralList(), _) | (_, LiteralList()):
                raise self._error(node, "a list can be used only after `in`")
            case (Named() as named, Null()) | (Null(), Named() as named):
                return self._null_test(node, symbol, named)
            case Named() as a, Named() as b:
                self._check_comparable(node, symbol, a, b)
                return Comparison(symbol, a.term, b.term)
            case Named() as a, Literal() as b:
                return Comparison(symbol, a.term, self._constant(node, symbol, b, a))
            case Literal() as a, Named() as b:
                return Comparison(symbol, self._constant(node, symbol, a, b), b.term)
            case _:
                reason = "both sides are constants; compare a field or an attribute"
                raise self._error(node, reason)

    def _null_test(self, node: ast.expr, symbol: Operator, named: Named) -> Predicate:
        if symbol not in ("==", "!="):
            raise self._error(node, "null can be compared only with `==` and `!=`")
        if named.type is FieldType.MONEY:
            raise self._error(node, _NO_MONEY)
        missing = IsMissing(named.term)
        return missing if symbol == "==" else Not(missing)

    def _check_comparable(self, node: ast.expr, symbol: Operator, a: Named, b: Named) -> None:
        self._check_operator(node, symbol, a)
        self._check_operator(node, symbol, b)
        if _FAMILIES[a.type] != _FAMILIES[b.type]:
            reason = f"`{a.name}` is {_A[a.type]} and `{b.name}` is {_A[b.type]}: not comparable"
            raise self._error(node, reason)

    def _check_operator(self, node: ast.expr, symbol: Operator, named: Named) -> None:
        if named.type is FieldType.MONEY:
            raise self._error(node, _NO_MONEY)
        if named.type is FieldType.TEXT_LIST:
            raise self._error(node, f"`{named.name}` is a list; write `… in {named.name}`")
        if symbol not in ("==", "!=") and named.type not in _ORDERED:
            reason = f"`{named.name}` is {_A[named.type]} and has no order; use `==`, `!=` or `in`"
            raise self._error(node, reason)

    def _constant(
        self, node: ast.expr, symbol: Operator, literal: Literal, named: Named
    ) -> Constant:
        self._check_operator(node, symbol, named)
        return Constant(self._coerced(node, literal, named))

    def _coerced(self, node: ast.expr, literal: Literal, named: Named) -> Value:
        try:
            return coerce(named.type, literal.value, values=named.values)
        except InvalidValue as error:
            reason = f"`{named.name}` is {_A[named.type]} and cannot be {literal.shown}: {error}"
            if close := nearest(str(literal.value), named.values):
                reason += f'; did you mean "{close}"?'
            raise self._error(node, reason) from None

    def _membership(self, node: ast.expr, item: Operand, collection: Operand) -> Predicate:
        if isinstance(collection, LiteralList):
            return self._in_constants(node, item, collection)
        if not isinstance(collection, Named):
            reason = 'after `in` stands a list: `["a", "b"]`, or the name of one'
            raise self._error(node, reason)
        if collection.type is not FieldType.TEXT_LIST:
            reason = f"`{collection.name}` is {_A[collection.type]}, not a list"
            if _FAMILIES[collection.type] == "text":
                reason += f"; write contains({collection.name}, …)"
            raise self._error(node, reason)
        match item:
            case Named(type=FieldType.TEXT | FieldType.ENUM, term=term):
                return Membership(term, collection.term)
            case Literal(str() as value):
                return Membership(Constant(value), collection.term)
            case Null():
                raise self._error(node, "null is in no list; write `… == null`")
            case _:
                reason = f"`{collection.name}` holds texts, and only one text stands before `in`"
                raise self._error(node, reason)

    def _in_constants(self, node: ast.expr, item: Operand, constants: LiteralList) -> Predicate:
        if not isinstance(item, Named):
            reason = "a field or an attribute stands before `in [...]`, not a constant"
            raise self._error(node, reason)
        if item.type is FieldType.MONEY:
            raise self._error(node, _NO_MONEY)
        if item.type is FieldType.TEXT_LIST:
            reason = f'`{item.name}` is a list; write `"…" in {item.name} or …`'
            raise self._error(node, reason)
        if not constants.items:
            raise self._error(node, "the list is empty, so that nothing is ever in it")
        values = [self._coerced(node, literal, item) for literal in constants.items]
        if _FAMILIES[item.type] == "text":
            return Membership(item.term, Constant(tuple(str(value) for value in values)))
        return Or(tuple(Comparison("==", item.term, Constant(value)) for value in values))

    def _text_test(self, node: ast.Call) -> Predicate:
        name = self._source(node.func)
        if name not in _TEXT_OPERATORS:
            reason = "function calls other than startsWith, endsWith, contains cannot be used"
            close = nearest(name, _TEXT_OPERATORS)
            raise self._error(node, f"{reason}; did you mean {close}?" if close else reason)
        if len(node.args) != 2 or node.keywords:
            raise self._error(node, f'{name} takes two texts: {name}(…, "…")')
        text, part = (self._text(argument, name) for argument in node.args)
        if isinstance(text, Constant) and isinstance(part, Constant):
            raise self._error(node, "both texts are constants; name a field or an attribute")
        if part == Constant(""):
            raise self._error(node, "every text contains the empty one; write `… != null`")
        return TextTest(_TEXT_OPERATORS[name], text, part)

    def _text(self, node: ast.expr, function: str) -> Term:
        match self._operand(node):
            case Literal(str() as value):
                return Constant(value)
            case Named(_, term, type) if _FAMILIES[type] == "text":
                return term
            case Named(name, _, FieldType.TEXT_LIST) if function == "contains":
                raise self._error(node, f"`{name}` is a list; write `… in {name}`")
            case Named(name, _, type):
                raise self._error(node, f"`{name}` is {_A[type]}; {function} takes texts")
            case _:
                raise self._error(node, f"{function} takes texts")

    def _unchained(self, node: ast.Compare) -> str:
        sides = [self._source(side) for side in (node.left, *node.comparators)]
        symbols = [_SYMBOLS.get(type(operator), "in") for operator in node.ops]
        pairs = zip(sides, symbols, sides[1:], strict=False)
        return " and ".join(f"{a} {symbol} {b}" for a, symbol, b in pairs)


_NO_MONEY = "amounts of money cannot be used in rules: they have a currency"

_SYMBOLS: Mapping[type[ast.cmpop], Operator] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_TEXT_OPERATORS: Mapping[str, TextOperator] = {name: name for name in get_args(TextOperator)}
_FAMILIES: Mapping[FieldType, str] = {
    FieldType.TEXT: "text",
    FieldType.ENUM: "text",
    FieldType.INTEGER: "number",
    FieldType.DECIMAL: "number",
    FieldType.BOOLEAN: "boolean",
    FieldType.TIMESTAMP: "time",
    FieldType.TEXT_LIST: "list",
    FieldType.MONEY: "money",
    FieldType.ID: "id",
}
# The alphabetical order of an enum's values means nothing: "high" would come before "low".
_ORDERED = frozenset({FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL, FieldType.TIMESTAMP})
_A: Mapping[FieldType, str] = {
    FieldType.TEXT: "text",
    FieldType.ENUM: "one of a few values",
    FieldType.INTEGER: "a whole number",
    FieldType.DECIMAL: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.TIMESTAMP: "a time",
    FieldType.TEXT_LIST: "a list",
    FieldType.MONEY: "an amount of money",
    FieldType.ID: "an id",
}
