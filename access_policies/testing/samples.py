"""The people and rows of a tests document: made up by its author, typed like those of the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

import yaml

from access_policies.documents.document import Document
from access_policies.principal import Principal
from index.predicate import InvalidValue, Row, Value, coerce
from index.specs import CallerAttributes, EntitySpec, EntitySpecs, FieldSpec, FieldType

_NULL = "tag:yaml.org,2002:null"
_WHOLE = re.compile(r"[+-]?[0-9]{1,100}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,100}(\.[0-9]{1,100})?")
_DEEPEST = 8  # relations from the row itself; the rule language goes nowhere near


class SampleReader:
    """Reads people and rows; whatever is wrong goes to the document's problems."""

    def __init__(self, document: Document, specs: EntitySpecs, callers: CallerAttributes) -> None:
        self._document = document
        self._specs = specs
        self._callers = callers

    def person(self, name: str, node: yaml.Node) -> Principal | None:
        """A user, an agent or both. Who is given no `name` is called as the document calls them."""
        keys = self._document.mapping(node, required=(), optional=("user", "agent", "purpose"))
        if keys is None:
            return None
        if "user" not in keys and "agent" not in keys:
            reason = f"`{name}` is nobody yet; say `user: {{…}}`, `agent: {{…}}` or both"
            self._document.problem(node, reason)
            return None
        user, user_attributes = self._caller(name, keys, "user")
        agent, agent_attributes = self._caller(name, keys, "agent")
        purpose = self._document.text(keys["purpose"]) if "purpose" in keys else None
        try:
            return Principal.create(
                tenant="test",
                user=user,
                agent=agent,
                purpose=purpose,
                user_attributes=user_attributes,
                agent_attributes=agent_attributes,
                declared=self._callers,
            )
        except InvalidValue as error:
            self._document.problem(node, str(error))
            return None

    def row(self, node: yaml.Node, spec: EntitySpec, *, depth: int = 0) -> Row | None:
        """A row with its related ones inside it. What is left out is missing, and of a relation to
        many there is none."""
        relations = {
            name: relation
            for name, relation in spec.relations.items()
            if relation.target in self._specs
        }
        keys = self._document.mapping(node, required=(), optional=[*spec.fields, *relations])
        if keys is None:
            return None
        if depth > _DEEPEST:
            self._document.problem(node, f"no rule looks further than {_DEEPEST} relations away")
            return None
        row: dict[str, object] = {
            name: () for name, relation in relations.items() if relation.kind == "many"
        }
        for name, value in keys.items():
            if name in spec.fields:
                row[name] = self._value(value, spec.fields[name])
                continue
            target = self._specs[relations[name].target]
            if relations[name].kind == "many":
                items = self._document.items(value)
                row[name] = tuple(self.row(item, target, depth=depth + 1) for item in items)
            else:
                row[name] = None if _is_null(value) else self.row(value, target, depth=depth + 1)
        return row

    def _caller(
        self, name: str, keys: Mapping[str, yaml.Node], kind: str
    ) -> tuple[str | None, dict[str, Value]]:
        if kind not in keys:
            return None, {}
        types = {**self._callers.get(kind, {}), "name": FieldType.TEXT}
        given = self._document.mapping(keys[kind], required=(), optional=types) or {}
        values = {
            attribute: self._value(node, FieldSpec(name=attribute, type=types[attribute]))
            for attribute, node in given.items()
        }
        called = values.pop("name", None)
        known = {attribute: value for attribute, value in values.items() if value is not None}
        return name if called is None else str(called), known

    def _value(self, node: yaml.Node, spec: FieldSpec) -> Value | None:
        """The value as its type reads it; None when it is missing (`null`), or cannot be read."""
        if _is_null(node):
            return None
        try:
            return coerce(spec.type, _written(node, spec.type), values=spec.values)
        except InvalidValue as error:
            self._document.problem(node, f"`{spec.name}`: {error}")
            return None


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL


def _written(node: yaml.Node, type: FieldType) -> object:
    """What the author wrote, as the field's type and not as YAML would take it: there `NO` is false
    and `0012` is ten. What does not fit stays text, which `coerce` refuses."""
    if type is FieldType.MONEY:
        raise InvalidValue("no rule can read an amount of money; leave it out")
    if type is FieldType.TEXT_LIST:
        if not isinstance(node, yaml.SequenceNode):
            raise InvalidValue("expected a list of texts, such as `[a, b]`")
        return [_scalar(item) for item in node.value]
    text = _scalar(node)
    if type is FieldType.INTEGER and _WHOLE.fullmatch(text):
        return int(text)
    if type is FieldType.DECIMAL and _NUMBER.fullmatch(text):
        return Decimal(text)
    if type is FieldType.BOOLEAN and text in ("true", "false"):
        return text == "true"
    return text


def _scalar(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise InvalidValue("expected one value, not several")
    if _is_null(node):
        raise InvalidValue("null is in no list")
    return str(node.value)
