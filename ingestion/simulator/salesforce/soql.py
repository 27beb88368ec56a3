"""A subset of SOQL: SELECT fields FROM object WHERE … ORDER BY … LIMIT … OFFSET …

https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/ describes the language.
Relationship paths, subqueries, LIKE, functions other than COUNT() and FIELDS() are not part of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, NoReturn

from ingestion.simulator.salesforce.objects import FIELDS

Record = dict[str, Any]
Condition = Callable[[Record], bool]


class SoqlError(ValueError):
    """A query that Salesforce would refuse; `code` is its errorCode."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Query:
    """A checked query. `counts` is set for SELECT COUNT(), which returns a number and no rows."""

    kind: str
    fields: tuple[str, ...]
    counts: bool
    condition: Condition
    order: tuple[tuple[str, bool, bool], ...]  # field, descending, nulls last
    limit: int | None
    offset: int

    def run(self, records: Iterable[Record]) -> list[Record]:
        """The whole records that match, in order."""
        found = [record for record in records if self.condition(record)]
        # Sorting is stable, so the least important field comes first.
        for field, descending, nulls_last in reversed(self.order):
            present = [record for record in found if record[field] is not None]
            absent = [record for record in found if record[field] is None]
            present.sort(key=lambda record, by=field: record[by], reverse=descending)  # type: ignore[misc]
            found = present + absent if nulls_last else absent + present
        end = None if self.limit is None else self.offset + self.limit
        return found[self.offset : end]


def parse(text: str) -> Query:
    """Raises SoqlError with MALFORMED_QUERY, INVALID_TYPE or INVALID_FIELD."""
    return _Parser(text).query()


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^'\\]|\\.)*')
      | (?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))?)
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_][\w.]*)
      | (?P<symbol><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_NUMERIC = ("int", "double", "currency", "percent")
_UNFOLDED = (*_NUMERIC, "boolean", "date", "datetime")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left is not None and left < right,
    "<=": lambda left, right: left is not None and left <= right,
    ">": lambda left, right: left is not None and left > right,
    ">=": lambda left, right: left is not None and left >= right,
}


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = self._scan(text)
        self._next = 0
        self._types: dict[str, str] = {}
        self._kind = ""

    def _scan(self, text: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text[at:].strip()[:20]}'")
            tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        return tokens

    def query(self) -> Query:
        self._expect("SELECT")
        wanted, counts = self._select_list()
        self._expect("FROM")
        kind = self._name()
        known = {name.lower(): name for name in FIELDS}
        if kind.lower() not in known:
            raise SoqlError(
                "INVALID_TYPE",
                f"sObject type '{kind}' is not supported. If you are attempting to use a custom "
                "object, be sure to append the '__c' after the entity name.",
            )
        self._kind = known[kind.lower()]
        self._types = FIELDS[self._kind]
        fields = tuple(name for entry in wanted for name in self._resolve(entry))
        condition: Condition = lambda _: True  # noqa: E731
        if self._accept("WHERE"):
            condition = self._disjunction()
        order = self._order_by() if self._accept("ORDER") else ()
        limit = self._count() if self._accept("LIMIT") else None
        offset = self._count() if self._accept("OFFSET") else 0
        if self._next < len(self._tokens):
            self._fail()
        return Query(self._kind, fields, counts, condition, order, limit, offset)

    def _select_list(self) -> tuple[list[str], bool]:
        names = [self._name()]
        if names[0].upper() == "COUNT" and self._accept("("):
            self._expect(")")
            return [], True
        if names[0].upper() == "FIELDS" and self._accept("("):
            group = self._name().upper()
            self._expect(")")
            return [f"FIELDS({group})"], False
        while self._accept(","):
            names.append(self._name())
        return names, False

    def _resolve(self, entry: str) -> list[str]:
        if entry == "FIELDS(ALL)":
            return list(self._types)
        if entry in ("FIELDS(STANDARD)", "FIELDS(CUSTOM)"):
            custom = entry == "FIELDS(CUSTOM)"
            return [name for name in self._types if name.endswith("__c") == custom]
        return [self._field(entry)]

    def _field(self, name: str) -> str:
        for known in self._types:
            if known.lower() == name.lower():
                return known
        raise SoqlError("INVALID_FIELD", f"No such column '{name}' on entity '{self._kind}'.")

    def _disjunction(self) -> Condition:
        parts = [self._conjunction()]
        while self._accept("OR"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda record: any(p(record) for p in parts)

    def _conjunction(self) -> Condition:
        parts = [self._comparison()]
        while self._accept("AND"):
            parts.append(self._comparison())
        return parts[0] if len(parts) == 1 else lambda record: all(p(record) for p in parts)

    def _comparison(self) -> Condition:
        if self._accept("("):
            inner = self._disjunction()
            self._expect(")")
            return inner
        if self._accept("NOT"):
            negated = self._comparison()
            return lambda record: not negated(record)
        field = self._field(self._name())
        read = itemgetter(field) if self._types[field] in _UNFOLDED else _folding(field)
        if self._accept("IN"):
            values = self._list(field)
            return lambda record: read(record) in values
        if self._accept("NOT"):
            self._expect("IN")
            values = self._list(field)
            return lambda record: read(record) not in values
        operator = self._symbol()
        value = self._literal(field)
        if operator == "=":
            return lambda record: read(record) == value
        if operator in ("!=", "<>"):
            return lambda record: read(record) != value
        if operator not in _COMPARISONS or value is None:
            self._fail()
        compare = _COMPARISONS[operator]
        return lambda record: compare(read(record), value)

    def _list(self, field: str) -> frozenset[Any]:
        self._expect("(")
        values = [self._literal(field)]
        while self._accept(","):
            values.append(self._literal(field))
        self._expect(")")
        return frozenset(values)

    def _literal(self, field: str) -> Any:
        """The literal, in the form in which records hold values of the field's type."""
        group, text = self._take()
        type_ = self._types[field]
        if group == "name" and text.lower() == "null":
            return None
        if group == "name" and text.lower() in ("true", "false") and type_ == "boolean":
            return text.lower() == "true"
        if group == "moment" and type_ == "datetime" and "T" in text:
            return _moment(text)
        if group == "moment" and type_ == "date" and "T" not in text:
            return text
        if group == "number" and type_ in _NUMERIC:
            return float(text)
        if group == "string" and type_ not in _UNFOLDED:
            return _unquoted(text).casefold()
        raise SoqlError(
            "INVALID_FIELD",
            f"value of filter criterion for field '{field}' must be of type {type_} "
            f"and cannot be {text}",
        )

    def _order_by(self) -> tuple[tuple[str, bool, bool], ...]:
        self._expect("BY")
        order = []
        while True:
            field = self._field(self._name())
            descending = self._accept("DESC")
            if not descending:
                self._accept("ASC")
            nulls_last = False
            if self._accept("NULLS"):
                nulls_last = self._accept("LAST")
                if not nulls_last:
                    self._expect("FIRST")
            order.append((field, descending, nulls_last))
            if not self._accept(","):
                return tuple(order)

    def _count(self) -> int:
        group, text = self._take()
        if group != "number" or not text.isdigit():
            self._fail()
        return int(text)

    def _take(self) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise SoqlError("MALFORMED_QUERY", "unexpected end of query")
        self._next += 1
        return self._tokens[self._next - 1]

    def _accept(self, word: str) -> bool:
        """Take the next token if it is this keyword or symbol."""
        if self._next < len(self._tokens):
            group, text = self._tokens[self._next]
            if group in ("name", "symbol") and text.upper() == word:
                self._next += 1
                return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            self._fail()

    def _name(self) -> str:
        group, text = self._take()
        if group != "name":
            self._next -= 1
            self._fail()
        return text

    def _symbol(self) -> str:
        group, text = self._take()
        if group != "symbol" or text in "(),":
            self._next -= 1
            self._fail()
        return text

    def _fail(self) -> NoReturn:
        if self._next < len(self._tokens):
            message = f"unexpected token: '{self._tokens[self._next][1]}'"
        else:
            message = "unexpected end of query"
        raise SoqlError("MALFORMED_QUERY", message)


def _folding(field: str) -> Callable[[Record], Any]:
    """Reads a text for comparison without regard to case, as Salesforce compares."""

    def read(record: Record) -> Any:
        value = record[field]
        return value.casefold() if isinstance(value, str) else value

    return read


def _moment(text: str) -> str:
    """A moment of any offset the way records hold it: in UTC, with milliseconds."""
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise SoqlError("MALFORMED_QUERY", f"line 1: invalid date time: {text}") from error
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text[1:-1])
