"""A YAML file in which what stands there is what is meant, with the line of each part.

It may hold a credential that somebody wrote where a reference belongs, so no message quotes it:
they name lines, and keys only where the caller knows that they are no secret.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from index.errors import ConfigurationError

Location = tuple[str | int, ...]

_MOST_BYTES = 1_000_000
_MOST_NESTED = 20
_REDEFINED = (":timestamp", ":int", ":float")


@dataclass(frozen=True)
class Document:
    """What a file holds. Never shown as a whole, since it may hold a credential."""

    path: Path
    content: Any = field(repr=False)
    _lines: dict[Location, int] = field(repr=False)

    def place(self, location: Location) -> str:
        """Where a part is, or what stands nearest around it: `remit.yaml, line 7`."""
        while location and location not in self._lines:
            location = location[:-1]
        line = self._lines.get(location)
        return f"{self.path}, line {line}" if line is not None else str(self.path)


def read_document(path: Path) -> Document:
    """Read a YAML file.

    Raises ConfigurationError with the line; anchors, tags and repeated keys are refused, since they
    make something else of it than a reader sees.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is no UTF-8 text; save it as one.") from None
    if len(text) > _MOST_BYTES:
        raise ConfigurationError(f"{path} has more than {_MOST_BYTES:,} letters.")
    lines: dict[Location, int] = {}
    try:
        node = yaml.compose(text, Loader=_Loader)
        content = None if node is None else _built(node, (), lines)
    except _Refused as refused:
        raise ConfigurationError(f"{path}, line {refused.line}: {refused.reason}.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        reason = f"the character U+{error.character:04X} cannot be used; delete it"
        raise ConfigurationError(f"{path}, line {line}: {reason}.") from None
    except yaml.YAMLError as error:
        # The parser's own message quotes the line.
        raise ConfigurationError(f"{path}{_line_of(error)}: {_reason(error)}.") from None
    return Document(path, content, lines)


class _Refused(Exception):
    def __init__(self, node: yaml.Node | yaml.Event, reason: str) -> None:
        super().__init__(reason)
        self.line = _line(node)
        self.reason = reason


class _Loader(yaml.SafeLoader):
    """Numbers are those of JSON, and there are no dates: `2024-01-01`, `12:30:00` and `010` are the
    texts that stand there."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(_REDEFINED)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _Refused(event, "anchors and aliases cannot be used here; write it out, or put a"
                           " text that begins with `&` or `*` into quotes")  # fmt: skip
        if getattr(event, "tag", None) is not None:
            raise _Refused(event, "tags cannot be used here; put a text that begins with `!` into"
                           " quotes")  # fmt: skip
        if self._depth >= _MOST_NESTED:
            raise _Refused(event, "this is nested too deeply")
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9]*)$"), list("-0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    # What is not finite is refused where it is built.
    re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?$|[-+]?\.(?:inf|Inf|INF|nan|NaN)$"),
    list("-+.0123456789"),
)


def _built(node: yaml.Node, location: Location, lines: dict[Location, int]) -> Any:
    lines.setdefault(location, _line(node))
    if isinstance(node, yaml.SequenceNode):
        return [_built(item, (*location, number), lines) for number, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key, value in node.value:
            name = _scalar(key)
            if not isinstance(name, str):
                raise _Refused(key, "a key here is not a text; put it into quotes")
            if name in built:
                raise _Refused(key, "a key stands here a second time; delete one of the two")
            # The line of the key, which is where a person looks for it.
            lines[(*location, name)] = _line(key)
            built[name] = _built(value, (*location, name), lines)
        return built
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        return None
    if node.tag.endswith(":merge"):
        raise _Refused(node, "a merge cannot be used here; write it out")
    constructor = yaml.constructor.SafeConstructor()
    try:
        value = constructor.construct_object(node)
    except (ValueError, yaml.YAMLError):
        raise _Refused(node, "a value here cannot be read; put it into quotes") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise _Refused(node, "a number here is not finite; put it into quotes if it is a text")
    if isinstance(value, str) and ("\x00" in value or not _encodes(value)):
        raise _Refused(node, "a text here holds a character that cannot be stored")
    return value


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _line(found: yaml.Node | yaml.Event) -> int:
    return found.start_mark.line + 1 if found.start_mark is not None else 1


def _line_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark is not None else ""


def _reason(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or ""
    found = next((words for pattern, words in _REASONS if re.search(pattern, problem)), None)
    return f"this is not valid YAML: {found}" if found else "this is not valid YAML"


# What the parser says, and what it most often means to somebody who does not know YAML.
_REASONS = (
    (r"character '\\t'", "a tab stands here; indent with spaces"),
    ("cannot start any token", "a text that begins with this character goes into quotes"),
    ("mapping values are not allowed",
     "a key cannot stand here; put a text that holds `: ` into quotes, and indent alike"),
    ("another document", "`---` begins a second document; put it into a file of its own"),
    ("end of stream", "a quote is opened here and never closed"),
    ("stream end", "a bracket is opened here and never closed"),
    ("expected <block end>", "this line is not indented like those around it"),
    ("could not find expected ':'", "a `:` is missing after a key"),
    (r"expected ',' or", "a comma or the closing bracket is missing"),
)  # fmt: skip
