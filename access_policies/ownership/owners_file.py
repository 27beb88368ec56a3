"""The document that says who owns which policies.

owners:
  - id: support-data
    when: '"data-owners" in user.teams and user.department == "support"'
    entities: [ticket, comment]
    may: [edit, approve, publish]      # all three, when it is left out
    attributes: [department, regions]  # what their rules may read of who asks; any, when left out
administrators:
  - id: security
    when: '"security" in user.teams'
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import get_args

import yaml

from access_policies.documents.document import Document
from access_policies.documents.policy_files import PolicyError
from access_policies.language.parser import parse
from access_policies.language.rule_text import RuleError, column_of, read
from access_policies.language.scope import CALLER_ROOTS
from access_policies.language.spelling import nearest
from access_policies.ownership.owners import Grant, Grantable, Owners
from index.predicate import Predicate, callers
from index.specs import CallerAttributes, EntitySpec, EntitySpecs

_ROOTS = (*CALLER_ROOTS, "purpose")
_TIMES = ("now", "daysAgo", "daysAhead")
_NO_ROW = EntitySpec(name="row", fields={})


def read_owners(
    documents: Mapping[str, str], specs: EntitySpecs, declared: CallerAttributes
) -> Owners:
    """The owners that a policy set's documents of owners name, of which there may be one. Without
    any, nobody may change the policies. Raises PolicyError with every problem."""
    grants: list[Grant] = []
    problems: list[str] = []
    for name, text in documents.items():
        reader = _OwnersReader(Document(name), specs, declared)
        grants += reader.grants(text)
        problems += reader.document.problems
        if name != next(iter(documents)):
            problems.append(f"{name}: another document already says who the owners are")
    if problems:
        raise PolicyError(problems)
    return Owners(grants)


class _OwnersReader:
    """Reads one document; whatever is wrong goes to its problems."""

    def __init__(self, document: Document, specs: EntitySpecs, declared: CallerAttributes) -> None:
        self.document = document
        self._specs = specs
        self._declared: CallerAttributes = {root: declared.get(root, {}) for root in CALLER_ROOTS}
        attributes = {name for names in self._declared.values() for name in names}
        self._attributes = sorted({*attributes, "name"})

    def grants(self, text: str) -> list[Grant]:
        root = self.document.compose(text)
        keys = root and self.document.mapping(root, required=("owners", "administrators"))
        if not keys:
            return []
        owners = [self._owner(node) for node in self.document.items(keys["owners"])]
        administrators = self.document.items(keys["administrators"])
        if isinstance(keys["administrators"], yaml.SequenceNode) and not administrators:
            reason = "without an administrator nobody could change this document again"
            self.document.problem(keys["administrators"], reason)
        grants = [*owners, *(self._administrator(node) for node in administrators)]
        return [grant for grant in grants if grant is not None]

    def _owner(self, node: yaml.Node) -> Grant | None:
        keys = self.document.mapping(
            node, required=("id", "when", "entities"), optional=("may", "attributes")
        )
        if keys is None:
            return None
        id, condition = self.document.id(keys["id"]), self._condition(keys["when"])
        entities = self._some_of(keys["entities"], self._specs, "entity")
        may: list[str] = list(get_args(Grantable))
        if "may" in keys:
            may = self._some_of(keys["may"], get_args(Grantable), "action")
        attributes = None
        if "attributes" in keys:
            nodes = self.document.items(keys["attributes"])
            found = [self.document.one_of(each, self._attributes, "attribute") for each in nodes]
            attributes = frozenset(name for name in found if name is not None)
        if id is None or condition is None:
            return None
        return Grant(
            id=id,
            text=condition[0],
            predicate=condition[1],
            entities=tuple(entities),
            may=tuple(action for action in get_args(Grantable) if action in may),
            attributes=attributes,
        )

    def _administrator(self, node: yaml.Node) -> Grant | None:
        keys = self.document.mapping(node, required=("id", "when"))
        if keys is None:
            return None
        id, condition = self.document.id(keys["id"]), self._condition(keys["when"])
        if id is None or condition is None:
            return None
        return Grant(id=id, text=condition[0], predicate=condition[1])

    def _condition(self, node: yaml.Node) -> tuple[str, Predicate] | None:
        text = self.document.text(node)
        if text is None:
            return None
        try:
            return text, self._parsed(text)
        except RuleError as error:
            self.document.problem(node, str(error))
            return None

    def _parsed(self, text: str) -> Predicate:
        for name in _names(read(text)):
            if name.id not in (*_ROOTS, "null", "true", "false"):
                column = column_of(text, name.col_offset)
                raise RuleError(self._misplaced(name.id), text=text, column=column)
        predicate = parse(text, _NO_ROW, {}, self._declared)
        if not callers(predicate):
            reason = "this holds for everyone alike; say something of `user` or `agent`"
            raise RuleError(reason, text=text, column=1)
        return predicate

    def _misplaced(self, name: str) -> str:
        roots = ", ".join(f"`{root}`" for root in _ROOTS)
        if name in _TIMES:
            return f"`{name}` cannot be used here: who owns a policy does not depend on the time"
        if name in self._specs or name == "row":
            return (
                f"`{name}` cannot be used here: who owns a policy does not depend on rows;"
                f" a name begins with {roots}"
            )
        close = nearest(name, _ROOTS)
        meant = f"; did you mean `{close}`?" if close else ""
        return f"`{name}` is unknown{meant}; a name begins with {roots}"

    def _some_of(self, node: yaml.Node, names: Iterable[str], what: str) -> list[str]:
        """The texts of a list, each one of the names."""
        nodes = self.document.items(node)
        if isinstance(node, yaml.SequenceNode) and not nodes:
            self.document.problem(node, f"name at least one {what}")
        found = [self.document.one_of(each, names, what) for each in nodes]
        return list(dict.fromkeys(name for name in found if name is not None))


def _names(tree: ast.expr) -> list[ast.Name]:
    """The names that a condition begins its terms with, from left to right. What is called like a
    function is left to the language, but for times."""
    called = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) not in _TIMES
    }
    names = [
        node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called
    ]
    return sorted(names, key=lambda name: name.col_offset)
