"""The part of YAML that policy documents may use, in which what stands there is what is meant.

Anchors and aliases repeat what is written elsewhere, and tags make something else of a text: both
are refused, since a reviewer would have to know YAML well to see what a rule says.
"""

from __future__ import annotations

import re

import yaml

_MOST_NESTED = 20  # our own documents need six


class NotPlainYaml(Exception):
    """A document that cannot be read as YAML of this kind; the line counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def compose(text: str) -> yaml.Node | None:
    """The root node, or None of an empty document. Raises NotPlainYaml."""
    try:
        return yaml.compose(text, Loader=_PlainLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        reason = f"the character U+{error.character:04X} cannot be used; delete it"
        raise NotPlainYaml(line, reason) from None
    except yaml.MarkedYAMLError as error:
        raise _explained(error) from None
    except RecursionError:
        raise NotPlainYaml(1, "this is nested too deeply") from None


class _PlainLoader(yaml.SafeLoader):
    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if reason := _refused(event, self._depth):
            raise NotPlainYaml(event.start_mark.line + 1, reason)
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _refused(event: yaml.Event, depth: int) -> str | None:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        return (
            "anchors and aliases of YAML cannot be used; write it out, or put a text that begins"
            " with `&` or `*` into single quotes"
        )
    if getattr(event, "tag", None) is not None:
        return (
            "tags of YAML cannot be used; put a text that begins with `!` into single quotes, and"
            " write `not` in a condition"
        )
    return "this is nested too deeply" if depth >= _MOST_NESTED else None


def _explained(error: yaml.MarkedYAMLError) -> NotPlainYaml:
    problem = error.problem or "it cannot be read"
    reason = next((words for part, words in _REASONS if re.search(part, problem)), problem)
    opened = error.context_mark if "never closed" in reason else None
    mark = opened or error.problem_mark
    return NotPlainYaml(mark.line + 1 if mark else 1, f"this is not YAML: {reason}")


# What the parser says, and what it most often means to somebody who does not know YAML.
_REASONS = (
    (r"character '\\t'", "a tab stands here; indent with spaces"),
    ("cannot start any token", "a text that begins with this character goes into single quotes"),
    ("mapping values are not allowed",
     "a key cannot stand here; put a text that holds `: ` into single quotes, and indent the keys"
     " of one rule alike"),
    ("another document", "`---` begins a second document; put it into a file of its own"),
    ("end of stream", "a quote is opened here and never closed"),
    ("stream end", "a bracket is opened here and never closed"),
    (r"expected <block end>, but found '<scalar>'",
     "something follows the end of a quoted text; put all of it into single quotes"),
    ("expected <block end>", "this line is not indented like those around it"),
    ("could not find expected ':'", "a `:` is missing after a key"),
    (r"expected ',' or", "a comma or the closing bracket is missing"),
)  # fmt: skip
