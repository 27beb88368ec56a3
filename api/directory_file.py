"""Files that say who is there and what policies may ask about them: CSV, JSON or YAML.

    name,department,regions         {"users": {"maya": {"department": "support"}},
    maya,support,EMEA;AMER           "agents": {"helpdesk-bot": {"vendor": "acme"}}}

An attribute that is missing is unknown to every rule that asks for it, which is not the same as an
empty one: an empty cell and a null are missing, and only `[]` is an empty list.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Literal
from uuid import UUID

from api.marked_tree import Tree, UnreadableText, parse_json, parse_yaml
from api.names import LONGEST_NAME, is_name
from index.errors import ConfigurationError
from index.predicate import InvalidValue, Value, coerce
from index.specs import CallerAttributes, FieldType

Kind = Literal["user", "agent"]
Attributes = Mapping[str, object]
People = Mapping[str, Attributes]

_KINDS: Mapping[str, Kind] = {"users": "user", "agents": "agent"}
_MOST_PROBLEMS = 20  # told one by one; of the rest only how many
_SHAPE = "expected `users` and `agents`, each with attributes by name"

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,100}(\.[0-9]{1,100})?")


class FileFormat(StrEnum):
    """How a file of people is written."""

    CSV = "csv"
    JSON = "json"
    YAML = "yaml"


def read_people(
    path: Path,
    callers: CallerAttributes,
    *,
    format: FileFormat | None = None,
    listed: Kind = "user",
) -> Mapping[Kind, People]:
    """The people of a file, for each kind that it speaks of, with attributes as JSON holds them.

    `listed` says who stands in a file that is a list; others say it themselves. Without a format
    the file's name tells it. Raises ConfigurationError with all problems and their lines.
    """
    reading = _Reading(callers)
    format = format or _format_of(path)
    text = _text_of(path)
    try:
        if format is FileFormat.CSV:
            _read_csv(text, reading, listed)
        else:
            parse = parse_json if format is FileFormat.JSON else parse_yaml
            _read_tree(parse(text), reading, listed)
    except UnreadableText as unreadable:
        reading.problem(unreadable.line, unreadable.reason)
    reading.finish(path)
    return reading.people


class _Reading:
    """What a file has said so far, and what is wrong with it."""

    def __init__(self, callers: CallerAttributes) -> None:
        self.callers = callers
        self.people: dict[Kind, dict[str, Attributes]] = {}
        self._lines: dict[tuple[Kind, str], int] = {}
        self._problems: list[tuple[int, str]] = []

    def problem(self, line: int, reason: str) -> None:
        self._problems.append((line, reason))

    def begin(self, line: int, word: str) -> Kind | None:
        """The kind that `users` or `agents` announces, or None with a problem noted."""
        kind = _KINDS.get(word)
        if kind is None:
            self.problem(line, f"{word!r} is unknown; {_SHAPE}")
        elif kind in self.people:
            self.problem(line, f"`{word}` stands here twice")
        else:
            self.people[kind] = {}
        return kind

    def declared(self, line: int, kind: Kind, attribute: str) -> FieldType | None:
        """The type of an attribute. One that the model does not declare is a problem, since a rule
        that means it would silently never apply."""
        types = self.callers.get(kind, {})
        if attribute not in types:
            known = ", ".join(sorted(types)) or "none"
            self.problem(line, f"there is no {kind} attribute {attribute!r}; declared: {known}")
        return types.get(attribute)

    def person(
        self, line: int, kind: Kind, name: object, given: Iterable[tuple[int, str, object]]
    ) -> None:
        """Take in somebody with their attributes: the line, name and value of each."""
        if not isinstance(name, str) or not is_name(name) or name != name.strip():
            letters = f"1 to {LONGEST_NAME} printable letters without a space at an end"
            self.problem(line, f"name: expected {letters}")
            return
        first = self._lines.setdefault((kind, name), line)
        people = self.people.setdefault(kind, {})
        if name in people:
            self.problem(line, f"name: {name!r} stands on line {first} already")
            return
        attributes: dict[str, object] = {}
        for at, attribute, value in given:
            if attribute in attributes:
                self.problem(at, f"{attribute!r} of {name!r} stands here twice")
                continue
            attributes[attribute] = None
            declared = self.declared(at, kind, attribute)
            if declared is None or value is None:
                continue
            try:
                attributes[attribute] = _json_value(coerce(declared, value))
            except InvalidValue as error:
                self.problem(at, f"{attribute} of {name!r}: {error}")
        people[name] = {key: value for key, value in attributes.items() if value is not None}

    def finish(self, path: Path) -> None:
        """Raises ConfigurationError if anything is wrong."""
        if self._problems:
            told = [f"line {line}, {reason}" for line, reason in sorted(self._problems)]
            more = len(told) - _MOST_PROBLEMS
            if more > 0:
                told[_MOST_PROBLEMS:] = [f"and {more:,} more like these"]
            raise ConfigurationError("\n  ".join((f"{path} cannot be used:", *told)))


def _format_of(path: Path) -> FileFormat:
    suffix = path.suffix.lower().removeprefix(".").replace("yml", "yaml")
    try:
        return FileFormat(suffix)
    except ValueError:
        raise ConfigurationError(
            f"{path}: its name does not tell what it is. Say it with --format csv, json or yaml."
        ) from None


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path} is not UTF-8 text (byte {error.start:,}). Save it as UTF-8."
        ) from error


def _json_value(value: Value) -> object:
    """The value as the directory keeps it; `coerce` makes the same value of it again."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Decimal):
        number = float(value)
        if Decimal(repr(number)) != value:
            raise InvalidValue("the number has more digits than the 15 that are kept")
        return number
    return value


def _read_csv(text: str, reading: _Reading, kind: Kind) -> None:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    reading.people[kind] = {}
    columns: list[str] | None = None
    line = 1
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if any(cells) and columns is None:
                columns = cells
                if not _is_header(line, columns, reading, kind):
                    return
            elif any(cells) and columns is not None:
                if len(cells) == len(columns):
                    _read_row(line, dict(zip(columns, cells, strict=True)), reading, kind)
                else:
                    reading.problem(line, f"{len(cells)} cells under {len(columns)} columns")
            line = rows.line_num + 1
    except csv.Error as error:
        raise UnreadableText(line, f"this is not CSV: {error}") from error
    if columns is None:
        raise UnreadableText(1, "expected the names of the columns; the file is empty")


def _is_header(line: int, columns: list[str], reading: _Reading, kind: Kind) -> bool:
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        reading.problem(line, "expected columns with commas between them")
        return False
    repeated = {column for column in columns if columns.count(column) > 1}
    for column in sorted(repeated):
        reading.problem(line, f"the column {column!r} stands here twice")
    if "name" not in columns:
        reading.problem(line, "there is no column `name`")
    types = [reading.declared(line, kind, column) for column in columns if column != "name"]
    return not repeated and "name" in columns and None not in types


def _read_row(line: int, cells: Mapping[str, str], reading: _Reading, kind: Kind) -> None:
    given: list[tuple[int, str, object]] = []
    for column, cell in cells.items():
        if column != "name" and cell:
            try:
                given.append((line, column, _cell_value(reading.callers[kind][column], cell)))
            except InvalidValue as error:
                reading.problem(line, f"{column} of {cells['name']!r}: {error}")
    reading.person(line, kind, cells["name"], given)


def _cell_value(type: FieldType, cell: str) -> object:
    """What a cell says in the terms of its type; `coerce` has the last word about it."""
    if type is FieldType.TEXT_LIST:
        parts = [] if cell == "[]" else [part.strip() for part in cell.split(";")]
        if not all(parts):
            raise InvalidValue("nothing stands before, after or between `;`")
        return parts
    if type is FieldType.BOOLEAN:
        if cell.lower() not in ("true", "false"):
            raise InvalidValue("expected true or false")
        return cell.lower() == "true"
    if type is FieldType.INTEGER:
        if not _INTEGER.fullmatch(cell):
            raise InvalidValue("expected a whole number such as 12")
        return int(cell)
    if type is FieldType.DECIMAL:
        if not _NUMBER.fullmatch(cell):
            raise InvalidValue("expected a number such as 12.5")
        return Decimal(cell)
    return cell


def _read_tree(root: Tree, reading: _Reading, listed: Kind) -> None:
    entries = root.items()
    if entries is not None:
        reading.people[listed] = {}
        for entry in entries:
            _read_listed(entry, reading, listed)
        return
    kinds = root.members()
    if not kinds:
        reading.problem(root.line, _SHAPE)
        return
    for word, people in kinds:
        kind = reading.begin(people.line, word)
        named = people.members()
        if named is None:
            reading.problem(people.line, f"`{word}`: {_SHAPE}")
        elif kind is not None:
            for name, entry in named:
                _read_attributes(entry.line, name, entry.members(), reading, kind)


def _read_listed(entry: Tree, reading: _Reading, kind: Kind) -> None:
    members = entry.members() or []
    names = [tree.value() for key, tree in members if key == "name"]
    if len(names) != 1:
        reading.problem(entry.line, f"expected an object with the `name` of one {kind}")
        return
    rest = [(key, tree) for key, tree in members if key != "name"]
    _read_attributes(entry.line, names[0], rest, reading, kind)


def _read_attributes(
    line: int, name: object, members: list[tuple[str, Tree]] | None, reading: _Reading, kind: Kind
) -> None:
    if members is None:
        reading.problem(line, f"expected the attributes of {kind} {name!r}, each by its name")
        return
    given = [(tree.line, attribute, tree.value()) for attribute, tree in members]
    reading.person(line, kind, name, given)
