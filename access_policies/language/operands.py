"""What may stand beside an operator: names, moments, constants, lists of constants, and null."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from access_policies.language.kinds import A
from access_policies.language.rule_text import RuleError, column_of
from access_policies.language.scope import Named, Scope, UnknownNameError
from access_policies.language.spelling import nearest, shortened
from index.predicate import InvalidValue, Now, Value, coerce
from index.specs import FieldType

CONDITIONS = ("startsWith", "endsWith", "contains", "keyMatch", "overlaps", "any")
"""The functions that are conditions, and so stand on their own."""

MOMENTS: Mapping[str, int] = {"daysAgo": -1, "daysAhead": 1}
"""The functions that are times, by the direction from now."""

MAX_DAYS = 36_500
"""A hundred years: farther off, nobody counts days."""


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
            case ast.Constant(int() | float() | complex()):
                return self._number(node, sign="")
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float()) as number):
                return self._number(number, sign="-")
            case ast.List(items):
                return LiteralList(tuple(self._item(item) for item in items))
            case ast.Call(ast.Name(name)):
                return self._moment(node, name)
            case ast.Call(function):
                raise self.error(node, not_allowed(node) + instead_of(self.source(function)))
            case _:
                raise self.error(node, not_allowed(node))

    def many(self, node: ast.expr) -> tuple[tuple[str, ...], OperandReader]:
        """The path of a relation to many rows, and the reader of what is asked of each."""
        names = self._names(node)
        with self._placed(names):
            path, inside = self._scope.many([name for name, _ in names])
        return path, OperandReader(self._text, inside)

    def constant(self, node: ast.expr, literal: Literal, named: Named) -> Value:
        """The constant in the type of what it is compared with."""
        try:
            return coerce(named.type, literal.value, values=named.values)
        except InvalidValue as error:
            shown = shortened(literal.shown)
            reason = f"`{named.name}` is {A[named.type]} and cannot be {shown}: {error}"
            if close := nearest(str(literal.value), named.values):
                reason += f'; did you mean "{close}"?'
            raise self.error(node, reason) from None

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

    def _moment(self, node: ast.Call, name: str) -> Named:
        if name not in MOMENTS:
            if name in CONDITIONS:
                reason = f"{name}(…) is true or false already; it stands on its own"
                raise self.error(node, reason)
            raise self.error(node, not_allowed(node) + instead_of(name, MOMENTS))
        match node.args:
            case [ast.Constant(int() as days) as given] if not node.keywords:
                if self.source(given).isdecimal() and days <= MAX_DAYS:
                    return Named(self.source(node), Now(MOMENTS[name] * days), FieldType.TIMESTAMP)
        reason = f"{name} takes a whole number of days, up to {MAX_DAYS}: {name}(90)"
        raise self.error(node, reason)

    def _named(self, node: ast.expr) -> Named:
        names = self._names(node)
        with self._placed(names):
            return self._scope.resolve([name for name, _ in names])

    def _names(self, node: ast.expr) -> list[tuple[str, int]]:
        """The parts of a dotted name, each with its place in the text."""
        parts: list[tuple[str, int]] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            parts.append((inner.attr, (inner.end_col_offset or 0) - len(inner.attr)))
            inner = inner.value
        if not isinstance(inner, ast.Name):
            raise self.error(node, not_allowed(inner))
        parts.append((inner.id, inner.col_offset))
        parts.reverse()
        return parts

    @contextmanager
    def _placed(self, names: list[tuple[str, int]]) -> Iterator[None]:
        """Gives an unknown name its place."""
        try:
            yield
        except UnknownNameError as error:
            offset = names[min(error.part, len(names) - 1)][1]
            column = column_of(self._text, offset)
            raise RuleError(str(error), text=self._text, column=column) from None


def instead_of(function: str, known: Iterable[str] = ()) -> str:
    """What to write in place of a function that there is not, to be added to the reason."""
    owner, _, name = function.rpartition(".")
    if owner and name in CONDITIONS:
        return f"; write {name}({owner}, …)"
    if name in _INSTEAD:
        return f"; {_INSTEAD[name]}"
    close = nearest(name, known)
    return f"; did you mean {close}?" if close else ""


def not_allowed(node: ast.AST) -> str:
    phrase = _PHRASES.get(type(node), type(node).__name__)
    way_out = "; times have daysAgo(…) and daysAhead(…)" if isinstance(node, ast.BinOp) else ""
    return f"{phrase} cannot be used here{way_out}"


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
    ast.Constant: "a part of a constant, or a constant of this kind,",
    ast.Lambda: "`lambda`",
    ast.Starred: "`*`",
    ast.Await: "`await`",
    ast.Yield: "`yield`",
}

_NOT_ANY_NOT = "write `not any(…, not …)`"
_ANY = "write any(…, …)"
_NO_COUNT = "nothing is counted; `any(…, true)` asks whether there is one"
_PATTERNS = "patterns are startsWith, endsWith, contains and keyMatch"
_CASE = 'upper and lower case differ; list what you mean: `… in ["a", "A"]`'
_INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(("all", "every"), _NOT_ANY_NOT),
    **dict.fromkeys(("exists", "some", "filter"), _ANY),
    **dict.fromkeys(("len", "size", "count", "length"), _NO_COUNT),
    **dict.fromkeys(("matches", "regexMatch", "regex", "like", "glob", "globMatch"), _PATTERNS),
    **dict.fromkeys(("lower", "upper"), _CASE),
    "has": "write `… != null`",
    "now": "write `now`",
    "today": "write `now`",
}
