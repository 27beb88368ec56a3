"""YAML read strictly: unknown and repeated keys are problems, and each problem has its line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import yaml

from access_policies.documents.plain_yaml import NotPlainYaml, compose
from access_policies.language.spelling import look_alike, nearest, shortened

_MOST_COMPARED = 500  # names among which a similar one is looked for
_MOST_LISTED = 30
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
ID_RULE = "has letters, digits, `-`, `_` and `.`, up to 100"


class Document:
    """One file's YAML. What is wrong with it collects in `problems` instead of ending the reading,
    so that an author can mend everything at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[str] = []
        self._ids: set[str] = set()

    def compose(self, text: str) -> yaml.Node | None:
        """The root node, or None with a problem noted."""
        try:
            node = compose(text)
        except NotPlainYaml as error:
            self._note(error.line, error.reason)
            return None
        if node is None:
            self._note(1, "the file is empty")
        return node

    def mapping(
        self, node: yaml.Node, *, required: Collection[str], optional: Collection[str] = ()
    ) -> dict[str, yaml.Node] | None:
        """The values by key, or None when it is no mapping or a required key is not there."""
        known = [*required, *optional]
        if not isinstance(node, yaml.MappingNode):
            self.problem(node, f"expected the keys {', '.join(known)}")
            return None
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name in found:
                self.problem(key, f"`{name}` stands here twice")
            elif name in known:
                found[name] = value
            else:
                close = nearest(name, known)
                meant = _meant(name, close) if close else f"known are {', '.join(known)}"
                self.problem(key, f"`{shortened(name)}` is unknown; {meant}")
        missing = [name for name in required if name not in found]
        if missing:
            self.problem(node, f"{', '.join(f'`{name}`' for name in missing)} is missing")
            return None
        return found

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self.problem(node, "expected a list, each item beginning with `-`")
            return []
        return list(node.value)

    def text(self, node: yaml.Node) -> str | None:
        """The scalar as it is written, so that `true` stays a text; None with a problem noted."""
        empty = "tag:yaml.org,2002:null"
        if not isinstance(node, yaml.ScalarNode):
            kind = "a list" if isinstance(node, yaml.SequenceNode) else "keys and values"
            self.problem(node, f"expected a text, not {kind}")
            return None
        if node.tag == empty or not node.value.strip():
            self.problem(node, "expected a text, and nothing stands here")
            return None
        return str(node.value).strip()

    def one_of(self, node: yaml.Node, names: Iterable[str], what: str) -> str | None:
        """The node's text if it is one of the names; else None with a problem noted, which names
        the nearest."""
        text = self.text(node)
        known = list(names)
        if text is None or text in known:
            return text
        close = nearest(text, known[:_MOST_COMPARED])
        some = ", ".join(known[:_MOST_LISTED]) + (", …" if len(known) > _MOST_LISTED else "")
        way_out = _meant(text, close) if close else f"known are {some}"
        self.problem(node, f"there is no {what} `{shortened(text)}`; {way_out}")
        return None

    def id(self, node: yaml.Node) -> str | None:
        """An id that the document has not had yet; else None with a problem noted."""
        id = self.text(node)
        if id is None:
            return None
        if not is_id(id):
            self.problem(node, f"an id {ID_RULE}")
            return None
        if id in self._ids:
            self.problem(node, f"the id `{id}` stands here twice")
            return None
        self._ids.add(id)
        return id

    def problem(self, node: yaml.Node, reason: str) -> None:
        self._note(node.start_mark.line + 1, reason)

    def _note(self, line: int, reason: str) -> None:
        self.problems.append(f"{self.name}, line {line}: {reason}")


def _meant(written: str, close: str) -> str:
    """The nearest name, and what makes the difference where nobody could see it."""
    return f"did you mean `{close}`?{look_alike(written)}"


def is_id(text: str) -> bool:
    """Whether rules, people and rows can be called so; `ID_RULE` says it in words."""
    return _ID.fullmatch(text) is not None
