"""JSON and YAML in which every value knows its line, so that whoever wrote it finds it again."""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections.abc import Iterator
from typing import Any, Protocol

import yaml

from index.yaml_text import SafeLoader

_SPACE = re.compile(r"[ \t\n\r]*")
_TOO_DEEP = "it is nested too deeply"


class UnreadableText(Exception):
    """The text is not what it should be: the line where that shows, and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(line, reason)
        self.line = line
        self.reason = reason


class Tree(Protocol):
    """A value with its place in the text."""

    @property
    def line(self) -> int: ...

    def value(self) -> Any:
        """As Python has it. Raises UnreadableText."""
        ...

    def members(self) -> list[tuple[str, Tree]] | None:
        """What an object holds, repeated keys included; None for anything else."""
        ...

    def items(self) -> list[Tree] | None:
        """What a list holds; None for anything else."""
        ...


def parse_json(text: str) -> Tree:
    """The JSON of a text. Raises UnreadableText."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableText(error.lineno, f"this is not JSON: {error.msg}") from error
    except (RecursionError, ValueError) as error:  # also a number of thousands of digits
        raise UnreadableText(1, f"this is not JSON: {_TOO_DEEP}, or a number too long") from error
    return _Json(_JsonText(text), _after_space(text, 0))


def parse_yaml(text: str) -> Tree:
    """The YAML of a text. Raises UnreadableText."""
    try:
        loader = SafeLoader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UnreadableText(line, f"this is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise UnreadableText(1, "this is not YAML: it holds forbidden characters") from error
    except RecursionError as error:
        raise UnreadableText(1, f"this is not YAML: {_TOO_DEEP}") from error
    if node is None:
        raise UnreadableText(1, "the file is empty")
    return _Yaml(loader, node)


class _JsonText:
    """A text that is known to be JSON."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._breaks = [found.start() for found in re.finditer("\n", text)]
        self._decode = json.JSONDecoder().raw_decode

    def line(self, at: int) -> int:
        return bisect(self._breaks, at) + 1

    def value(self, at: int) -> tuple[Any, int]:
        """The value that begins at a place, and where it ends."""
        return self._decode(self.text, at)

    def inside(self, at: int) -> Iterator[tuple[str, int]]:
        """The key (empty in a list) and the place of each value in the object or list there."""
        closing = "}" if self.text[at] == "{" else "]"
        at = _after_space(self.text, at + 1)
        while self.text[at] != closing:
            key = ""
            if closing == "}":
                key, at = self.value(at)
                at = _after_space(self.text, at) + len(":")
                at = _after_space(self.text, at)
            yield key, at
            at = _after_space(self.text, self.value(at)[1])
            if self.text[at] == ",":
                at = _after_space(self.text, at + 1)


class _Json:
    def __init__(self, text: _JsonText, at: int) -> None:
        self._text = text
        self._at = at

    @property
    def line(self) -> int:
        return self._text.line(self._at)

    def value(self) -> Any:
        return self._text.value(self._at)[0]

    def members(self) -> list[tuple[str, Tree]] | None:
        return self._inside("{")

    def items(self) -> list[Tree] | None:
        inside = self._inside("[")
        return None if inside is None else [tree for _, tree in inside]

    def _inside(self, opening: str) -> list[tuple[str, Tree]] | None:
        if self._text.text[self._at] != opening:
            return None
        return [(key, _Json(self._text, at)) for key, at in self._text.inside(self._at)]


class _Yaml:
    def __init__(self, loader: Any, node: yaml.Node) -> None:
        self._loader = loader
        self._node = node

    @property
    def line(self) -> int:
        return int(self._node.start_mark.line) + 1

    def value(self) -> Any:
        try:
            return self._loader.construct_object(self._node, deep=True)
        except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:
            raise UnreadableText(self.line, "this cannot be read as a value") from error

    def members(self) -> list[tuple[str, Tree]] | None:
        if not isinstance(self._node, yaml.MappingNode):
            return None
        # A key as it is written: a user whose name is 007 or yes is no number and no truth value.
        return [(str(key.value), _Yaml(self._loader, value)) for key, value in self._node.value]

    def items(self) -> list[Tree] | None:
        if not isinstance(self._node, yaml.SequenceNode):
            return None
        return [_Yaml(self._loader, node) for node in self._node.value]


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found is not None else at
