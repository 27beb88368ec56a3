"""The names that a rule on one entity may use, and what type each has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from access_policies.spelling import nearest
from index.predicate import Attribute, Caller, Now, Term
from index.specs import CallerAttributes, EntitySpec, EntitySpecs, FieldSpec, FieldType

CALLER_ROOTS: tuple[Literal["user", "agent"], ...] = ("user", "agent")
_RESERVED = frozenset({*CALLER_ROOTS, "purpose", "now"})


@dataclass(frozen=True)
class Named:
    """A name with its type; `values` are those of an enum."""

    name: str
    term: Term
    type: FieldType
    values: tuple[str, ...] = ()


class UnknownNameError(Exception):
    """No such name. `part` counts which part of the dotted name is wrong, from 0."""

    def __init__(self, reason: str, *, part: int = 0) -> None:
        super().__init__(reason)
        self.part = part


class Scope:
    """Resolves dotted names: the entity's fields, those of its to-one parents, and the caller's.

    Without `callers` (an empty mapping) only the row and `now` can be named, as segments need it.
    An entity that is called like a caller's root, such as `user`, is written `row` in its rules.
    """

    def __init__(self, entity: EntitySpec, specs: EntitySpecs, callers: CallerAttributes) -> None:
        self.row = "row" if entity.name in _RESERVED else entity.name
        self._entity = entity
        self._specs = specs
        self._callers: Mapping[str, Mapping[str, FieldType]] = {
            root: {**callers.get(root, {}), "name": FieldType.TEXT}
            for root in (CALLER_ROOTS if callers else ())
        }

    def resolve(self, path: list[str]) -> Named:
        """The name's term and type; UnknownNameError with the nearest valid name if none fits."""
        name = ".".join(path)
        root, *rest = path
        if root == self.row:
            return self._attribute(name, rest)
        if root in self._callers:
            return self._caller(name, root, rest)
        if root == "now" or (root == "purpose" and self._callers):
            if rest:
                raise UnknownNameError(f"`{root}` has no parts", part=1)
            if root == "now":
                return Named(name, Now(), FieldType.TIMESTAMP)
            return Named(name, Caller("purpose"), FieldType.TEXT)
        raise UnknownNameError(self._unknown_root(root))

    def _attribute(self, name: str, rest: list[str]) -> Named:
        match rest:
            case []:
                example = next(iter(self._entity.fields), "field")
                raise UnknownNameError(f"name a field of it, such as `{self.row}.{example}`")
            case [field]:
                return self._field(name, self._entity, field, Attribute((field,)), part=1)
            case [relation, field]:
                target = self._parent(relation)
                return self._field(name, target, field, Attribute((relation, field)), part=2)
            case _:
                raise UnknownNameError("a rule may go one step away from the row, not two", part=3)

    def _field(
        self, name: str, entity: EntitySpec, field: str, term: Attribute, *, part: int
    ) -> Named:
        spec: FieldSpec | None = entity.fields.get(field)
        if spec is not None:
            return Named(name, term, spec.type, spec.values)
        if part == 1 and entity.to_one(field):
            raise UnknownNameError(
                f"`{field}` is a {entity.relations[field].target}, not a value;"
                f" name a field of it: `{name}.…`",
                part=part,
            )
        if part == 1 and field in entity.relations:
            raise UnknownNameError(_leads_to_many(field), part=part)
        names = [*entity.fields, *(entity.relations if part == 1 else ())]
        raise UnknownNameError(
            f"{entity.name} has no field `{field}`{_nearest(field, names)}", part=part
        )

    def _parent(self, relation: str) -> EntitySpec:
        found = self._entity.to_one(relation)
        if found is not None and found.target in self._specs:
            return self._specs[found.target]
        if relation in self._entity.relations:
            raise UnknownNameError(_leads_to_many(relation), part=1)
        if relation in self._entity.fields:
            raise UnknownNameError(f"`{relation}` is a value and has no parts", part=2)
        raise UnknownNameError(
            f"{self._entity.name} has no relation"
            f" `{relation}`{_nearest(relation, self._entity.relations)}",
            part=1,
        )

    def _caller(self, name: str, root: str, rest: list[str]) -> Named:
        declared = self._callers[root]
        if len(rest) != 1:
            reason = f"name one attribute of the {root}, such as `{root}.name`"
            raise UnknownNameError(reason, part=min(len(rest), 2))
        (attribute,) = rest
        if attribute not in declared:
            raise UnknownNameError(
                f"no attribute `{attribute}` is declared for the {root}"
                f"{_nearest(attribute, declared)}; declare it as a caller attribute to use it",
                part=1,
            )
        kind: Literal["user", "agent"] = "user" if root == "user" else "agent"
        return Named(name, Caller(kind, attribute), declared[attribute])

    def _unknown_root(self, root: str) -> str:
        if root in {"None", "True", "False"}:
            return f"write `{'null' if root == 'None' else root.lower()}`"
        if root in _RESERVED:
            return f"`{root}` cannot be used here: this condition holds for everyone alike"
        roots = [self.row, "now", *self._callers, *(["purpose"] if self._callers else [])]
        if root in self._entity.fields:
            return f"write `{self.row}.{root}`"
        if root in self._specs or root == self._entity.name:
            return f"a rule on {self._entity.name} begins with `{self.row}.`, not `{root}.`"
        return f"`{root}` is unknown{_nearest(root, roots)}; a name begins with {_either(roots)}"


def _nearest(word: str, words: Iterable[str]) -> str:
    close = nearest(word, words)
    return f"; did you mean `{close}`?" if close else ""


def _leads_to_many(relation: str) -> str:
    return f"`{relation}` leads to many rows; a rule can follow only relations to one row"


def _either(words: list[str]) -> str:
    quoted = [f"`{word}`" for word in words]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]
