"""What may stand beside an operator: names, constants, lists of constants, and null."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from access_policies.rule_text import RuleError, column_of
from access_policies.scope import Named, Scope, UnknownNameError


@dataclass(frozen=True)
class Literal:
    """A constant, and how the author wrote it."""

    value: str | int | Decimal | bool
    shown: str


@dataclass(frozen=True)
class LiteralList:
    items: tuple[Literal, ...]


@dataclass(frozen=True)
class Null:
    pass


Operand = Named | Literal | LiteralList | Null


class OperandReader:
    """Reads operands out of one rule's syntax tree, and refuses everything else by its name."""

    def __init__(self, text: str, scope: Scope) -> None:
        self._text = text
        self._scope = scope

    def read(self, node: ast.expr) -> Operand:
        match node:
            case ast.Name("null"):
                return Null()
            case ast.Name("true" | "false" as word):
                return Literal(word == "true", word)
            case ast.Name() | ast.Attribute():
                return self._named(node)
            case ast.Constant(None | True | False as value):
                spelled = "null" if value is None else str(value).lower()
                raise self.error(node, f"write `{spelled}` instead of `{value}`")
            case ast.Constant(str() as value):
                return Literal(value, f'"{value}"')
            case ast.Constant(int() | float()):
                return self._number(node, sign="")
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float()) as number):
                return self._number(number, sign="-")
            case ast.List(items):
                return LiteralList(tuple(self._item(item) for item in items))
            case _:
                raise self.error(node, not_allowed(node))

    def source(self, node: ast.expr) -> str:
        """The text that the node was read from."""
        return ast.get_source_segment(self._text, node) or ""

    def error(self, node: ast.expr, reason: str) -> RuleError:
        column = column_of(self._text, node.col_offset)
        return RuleError(reason, text=self._text, column=column)

    def _item(self, node: ast.expr) -> Literal:
        match self.read(node):
            case Literal() as literal:
                return literal
            case Null():
                raise self.error(node, "null is in no list; write `… == null or …`")
            case _:
                raise self.error(node, "a list in brackets holds constants only")

    def _number(self, node: ast.Constant, *, sign: str) -> Literal:
        digits = self.source(node)
        whole, point, fraction = digits.partition(".")
        if not whole.isdecimal() or (point and not fraction.isdecimal()):
            raise self.error(node, "write a number as plain digits, such as 1200 or 0.5")
        shown = sign + digits
        return Literal(Decimal(shown) if point else int(shown), shown)

    def _named(self, node: ast.expr) -> Named:
        parts: list[tuple[str, int]] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            parts.append((inner.attr, (inner.end_col_offset or 0) - len(inner.attr)))
            inner = inner.value
        if not isinstance(inner, ast.Name):
            raise self.error(node, not_allowed(inner))
        parts.append((inner.id, inner.col_offset))
        parts.reverse()
        try:
            return self._scope.resolve([name for name, _ in parts])
        except UnknownNameError as error:
            offset = parts[min(error.part, len(parts) - 1)][1]
            column = column_of(self._text, offset)
            raise RuleError(str(error), text=self._text, column=column) from None


def not_allowed(node: ast.AST) -> str:
    return f"{_PHRASES.get(type(node), type(node).__name__)} cannot be used here"


_PHRASES: Mapping[type[ast.AST], str] = {
    ast.BinOp: "arithmetic",
    ast.UnaryOp: "a sign before anything but a number",
    ast.IfExp: "`if … else`",
    ast.Subscript: "a position in brackets",
    ast.List: "a list on its own",
    ast.Tuple: 'a list in parentheses (write brackets: ["a", "b"])',
    ast.Call: "a function call",
    ast.BoolOp: "a condition inside a comparison",
    ast.Compare: "a comparison inside another one",
    ast.GeneratorExp: "a loop",
    ast.ListComp: "a loop",
    ast.Constant: "a part of a constant",
    ast.Lambda: "`lambda`",
    ast.Starred: "`*`",
    ast.Await: "`await`",
    ast.Yield: "`yield`",
}
