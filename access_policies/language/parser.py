"""The language of rules and segments: text in, checked predicate out.

    ticket.status in ["open", "pending"] and ticket.customer.region in user.regions
    not ticket.urgent or ticket.due_at < now
    startsWith(ticket.title, "Re:") or ticket.account.owner.team == null
    any(ticket.comments, comment.internal and comment.created_at > daysAgo(90))

Python's parser reads the text and a whitelist decides what it may contain. Nothing is evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from access_policies.language.calls import read_call
from access_policies.language.kinds import FAMILIES, NO_MONEY, ORDERED, A
from access_policies.language.operands import (
    MOMENTS,
    Literal,
    LiteralList,
    Null,
    Operand,
    OperandReader,
    not_allowed,
)
from access_policies.language.rule_text import read
from access_policies.language.scope import Named, Scope
from index.predicate import (
    And,
    AnyRow,
    Comparison,
    Constant,
    IsMissing,
    Membership,
    Not,
    Now,
    Operator,
    Or,
    Predicate,
    Truth,
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
        self._operands = operands
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
                return self._chain(node)
            case ast.Call(ast.Name("any")):
                return self._any_row(node, depth=depth)
            case ast.Call(ast.Name(name)) if name in MOMENTS:
                return self._bare(node)
            case ast.Call():
                return read_call(self._operands, node)
            case ast.Name() | ast.Attribute() | ast.Constant():
                return self._bare(node)
            case _:
                raise self._error(node, not_allowed(node))

    def _any_row(self, node: ast.Call, *, depth: int) -> Predicate:
        if len(node.args) != 2 or node.keywords:
            reason = "any takes a relation to many rows and a condition on one of them"
            raise self._error(node, f"{reason}: any(ticket.comments, comment.… == …)")
        path, inside = self._operands.many(node.args[0])
        return AnyRow(path, _Checker(inside).condition(node.args[1], depth=depth + 1))

    def _chain(self, node: ast.Compare) -> Predicate:
        sides = [node.left, *node.comparators]
        symbols = {_SYMBOLS.get(type(operator)) for operator in node.ops}
        if not (symbols <= {"<", "<="} or symbols <= {">", ">="}):
            reason = "a chain has only `<` and `<=`, or only `>` and `>=`"
            raise self._error(node, f"{reason}; write `{self._unchained(node)}`")
        links = zip(sides, node.ops, sides[1:], strict=False)
        return And(tuple(self._comparison(a, a, operator, b) for a, operator, b in links))

    def _bare(self, node: ast.expr) -> Predicate:
        match self._operand(node):
            case Literal(bool() as value):
                return Truth(value)
            case Named(_, term, FieldType.BOOLEAN):
                return Comparison("==", term, Constant(True))
            case Named(name, _, type):
                reason = f"`{name}` is {A[type]}, not true or false; compare it with something"
                raise self._error(node, reason)
            case _:
                reason = "this is a value, not a condition; compare something with it"
                raise self._error(node, reason)

    def _comparison(
        self, node: ast.expr, left: ast.expr, operator: ast.cmpop, right: ast.expr
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
            case Named(term=Now()), Named(term=Now()):
                reason = "both sides are moments of the request; compare a field or an attribute"
                raise self._error(node, reason)
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
            raise self._error(node, NO_MONEY)
        missing = IsMissing(named.term)
        return missing if symbol == "==" else Not(missing)

    def _check_comparable(self, node: ast.expr, symbol: Operator, a: Named, b: Named) -> None:
        self._check_operator(node, symbol, a)
        self._check_operator(node, symbol, b)
        if FAMILIES[a.type] != FAMILIES[b.type]:
            reason = f"`{a.name}` is {A[a.type]} and `{b.name}` is {A[b.type]}: not comparable"
            raise self._error(node, reason)

    def _check_operator(self, node: ast.expr, symbol: Operator, named: Named) -> None:
        if named.type is FieldType.MONEY:
            raise self._error(node, NO_MONEY)
        if named.type is FieldType.TEXT_LIST:
            raise self._error(node, f"`{named.name}` is a list; write `… in {named.name}`")
        if symbol not in ("==", "!=") and named.type not in ORDERED:
            reason = f"`{named.name}` is {A[named.type]} and has no order; use `==`, `!=` or `in`"
            raise self._error(node, reason)

    def _constant(
        self, node: ast.expr, symbol: Operator, literal: Literal, named: Named
    ) -> Constant:
        self._check_operator(node, symbol, named)
        return Constant(self._operands.constant(node, literal, named))

    def _membership(self, node: ast.expr, item: Operand, collection: Operand) -> Predicate:
        if isinstance(collection, LiteralList):
            return self._in_constants(node, item, collection)
        if not isinstance(collection, Named):
            reason = 'after `in` stands a list: `["a", "b"]`, or the name of one'
            raise self._error(node, reason)
        if collection.type is not FieldType.TEXT_LIST:
            reason = f"`{collection.name}` is {A[collection.type]}, not a list"
            if FAMILIES[collection.type] == "text":
                reason += f"; write contains({collection.name}, …)"
            raise self._error(node, reason)
        match item:
            case Named(type=FieldType.TEXT | FieldType.ENUM, term=term):
                return Membership(term, collection.term)
            case Literal(str() as value):
                return Membership(Constant(value), collection.term)
            case Null():
                raise self._error(node, "null is in no list; write `… == null`")
            case Named(name, _, FieldType.TEXT_LIST):
                reason = f"`{name}` is a list too; write overlaps({name}, {collection.name})"
                raise self._error(node, reason)
            case _:
                reason = f"`{collection.name}` holds texts, and only one text stands before `in`"
                raise self._error(node, reason)

    def _in_constants(self, node: ast.expr, item: Operand, constants: LiteralList) -> Predicate:
        if not isinstance(item, Named):
            reason = "a field or an attribute stands before `in [...]`, not a constant"
            raise self._error(node, reason)
        if item.type is FieldType.MONEY:
            raise self._error(node, NO_MONEY)
        if item.type is FieldType.TEXT_LIST:
            reason = f"`{item.name}` is a list too; write overlaps({item.name}, [...])"
            raise self._error(node, reason)
        if not constants.items:
            raise self._error(node, "the list is empty, so that nothing is ever in it")
        values = [self._operands.constant(node, literal, item) for literal in constants.items]
        if FAMILIES[item.type] == "text":
            return Membership(item.term, Constant(tuple(str(value) for value in values)))
        return Or(tuple(Comparison("==", item.term, Constant(value)) for value in values))

    def _unchained(self, node: ast.Compare) -> str:
        sides = [self._source(side) for side in (node.left, *node.comparators)]
        symbols = [_SYMBOLS.get(type(operator), "in") for operator in node.ops]
        pairs = zip(sides, symbols, sides[1:], strict=False)
        return " and ".join(f"{a} {symbol} {b}" for a, symbol, b in pairs)


_SYMBOLS: Mapping[type[ast.cmpop], Operator] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
