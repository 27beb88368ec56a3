"""The names that a rule on one entity may use, and what type each has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from access_policies.language.spelling import nearest
from index.predicate import Attribute, Caller, Now, Term
from index.specs import (
    CallerAttributes,
    EntitySpec,
    EntitySpecs,
    FieldSpec,
    FieldType,
    RelationSpec,
)

CALLER_ROOTS: tuple[Literal["user", "agent"], ...] = ("user", "agent")
MAX_RELATIONS = 8
"""How many relations one name may follow; each is a join."""

MAX_INSIDE = 3
"""How deep `any` may stand inside `any`; each is looked at twice where unknown matters."""

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
    """Resolves dotted names: the row's fields, those behind its relations, and the caller's.

    Without `callers` (an empty mapping) only the row and `now` can be named, as segments need it.
    An entity that is called like a caller's root, such as `user`, is written `row` in its rules.
    """

    def __init__(
        self,
        entity: EntitySpec,
        specs: EntitySpecs,
        callers: CallerAttributes,
        *,
        outside: tuple[str, ...] = (),
    ) -> None:
        """`outside` are the names of the rows around the `any` that this scope stands in."""
        self.row = "row" if entity.name in _RESERVED else entity.name
        self._entity = entity
        self._specs = specs
        self._outside = outside
        self._declared = callers
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
        raise UnknownNameError(self._unknown_root(root, alone=not rest))

    def many(self, path: list[str]) -> tuple[tuple[str, ...], Scope]:
        """A relation to many rows, and the scope of what is asked of each of them."""
        root, *rest = path
        if root in self._callers and rest:
            reason = f"`{'.'.join(path)}` holds no rows; write `… in {'.'.join(path)}`"
            raise UnknownNameError(reason)
        if root != self.row:
            raise UnknownNameError(self._unknown_root(root, alone=not rest))
        if not rest:
            raise UnknownNameError(f"name a relation of it, such as {self._example()}")
        if len(self._outside) >= MAX_INSIDE:
            raise UnknownNameError(f"any(…) can be nested {MAX_INSIDE} deep, not deeper")
        entity = self._walk(rest)
        relation = self._many(entity, path)
        target = self._target(relation.target, part=len(rest))
        outside = (*self._outside, self.row)
        return tuple(rest), Scope(target, self._specs, self._declared, outside=outside)

    def _attribute(self, name: str, rest: list[str]) -> Named:
        if not rest:
            example = next(iter(self._entity.fields), "field")
            raise UnknownNameError(f"name a field of it, such as `{self.row}.{example}`")
        entity, field, part = self._walk(rest), rest[-1], len(rest)
        spec: FieldSpec | None = entity.fields.get(field)
        if spec is not None:
            return Named(name, Attribute(tuple(rest)), spec.type, spec.values)
        if entity.to_one(field):
            raise UnknownNameError(
                f"`{field}` is a {entity.relations[field].target}, not a value;"
                f" name a field of it: `{name}.…`",
                part=part,
            )
        if field in entity.relations:
            raise UnknownNameError(self._leads_to_many(rest), part=part)
        names = [*entity.fields, *entity.relations]
        raise UnknownNameError(
            f"{entity.name} has no field `{field}`{_nearest(field, names)}", part=part
        )

    def _walk(self, rest: list[str]) -> EntitySpec:
        """The entity that all but the last part lead to, over relations to one row."""
        entity = self._entity
        for part, name in enumerate(rest[:-1], start=1):
            if part > MAX_RELATIONS:
                reason = f"a name can follow {MAX_RELATIONS} relations, not more"
                raise UnknownNameError(reason, part=part)
            relation = entity.to_one(name)
            if relation is not None:
                entity = self._target(relation.target, part=part)
            elif name in entity.relations:
                raise UnknownNameError(self._leads_to_many(rest[:part]), part=part)
            elif name in entity.fields:
                raise UnknownNameError(f"`{name}` is a value and has no parts", part=part + 1)
            else:
                raise UnknownNameError(
                    f"{entity.name} has no relation `{name}`{_nearest(name, entity.relations)}",
                    part=part,
                )
        return entity

    def _many(self, entity: EntitySpec, path: list[str]) -> RelationSpec:
        """The relation at the end of the path, which must lead to many rows."""
        name, part = path[-1], len(path) - 1
        relation = entity.relations.get(name)
        if relation is not None and relation.kind == "many":
            return relation
        if relation is not None:
            reason = f"`{name}` leads to one row; write its field directly: `{'.'.join(path)}.…`"
            raise UnknownNameError(reason, part=part)
        lists = [each.name for each in entity.relations.values() if each.kind == "many"]
        if name in entity.fields:
            of_rows = f"; {entity.name} has {', '.join(lists)}" if lists else ""
            reason = f"`{name}` is a value, and any(…) looks at the rows of a relation{of_rows}"
            raise UnknownNameError(reason, part=part)
        raise UnknownNameError(
            f"{entity.name} has no relation `{name}` to many rows{_nearest(name, lists)}", part=part
        )

    def _target(self, entity: str, *, part: int) -> EntitySpec:
        if entity not in self._specs:
            reason = f"this leads to {entity}, which the model does not have"
            raise UnknownNameError(reason, part=part)
        return self._specs[entity]

    def _leads_to_many(self, rest: list[str]) -> str:
        path = ".".join((self.row, *rest))
        return f"`{rest[-1]}` leads to many rows; ask whether any is so: any({path}, …)"

    def _example(self) -> str:
        lists = [each.name for each in self._entity.relations.values() if each.kind == "many"]
        return f"any({self.row}.{lists[0] if lists else 'relation'}, …)"

    def _caller(self, name: str, root: str, rest: list[str]) -> Named:
        declared = self._callers[root]
        if len(rest) != 1:
            reason = f"name one attribute of the {root}, such as `{root}.name`"
            raise UnknownNameError(reason, part=min(len(rest), 2))
        (attribute,) = rest
        if attribute not in declared:
            way_out = (
                _nearest(attribute, declared) or "; declare it as a caller attribute to use it"
            )
            raise UnknownNameError(
                f"no attribute `{attribute}` is declared for the {root}{way_out}", part=1
            )
        kind: Literal["user", "agent"] = "user" if root == "user" else "agent"
        return Named(name, Caller(kind, attribute), declared[attribute])

    def _unknown_root(self, root: str, *, alone: bool) -> str:
        """Why a name cannot begin so; `alone` when nothing follows, as in a text without quotes."""
        if root.lower() in {"none", "null", "true", "false"}:
            return f"write `{'null' if root.lower() == 'none' else root.lower()}`"
        if root in _RESERVED:
            return f"`{root}` cannot be used here: this condition holds for everyone alike"
        if root in self._outside:
            return (
                f"`{root}` is the row outside; the condition inside any(…) can read `{self.row}`"
                " and who asks"
            )
        roots = [self.row, "now", *self._callers, *(["purpose"] if self._callers else [])]
        if root in self._entity.fields or root in self._entity.relations:
            return f"write `{self.row}.{root}`"
        owner = next((kind for kind, names in self._callers.items() if root in names), None)
        if owner is not None:
            return f"write `{owner}.{root}`"
        if root in self._specs or root == self._entity.name:
            place = "what is asked of" if self._outside else "a rule on"
            return f"{place} {self._entity.name} begins with `{self.row}.`, not `{root}.`"
        if close := _nearest(root, roots):
            return f"`{root}` is unknown{close}"
        quoted = f'; a text stands in quotes: "{root}"' if alone else ""
        return f"`{root}` is unknown; a name begins with {_either(roots)}{quoted}"


def _nearest(word: str, words: Iterable[str]) -> str:
    close = nearest(word, words)
    return f"; did you mean `{close}`?" if close else ""


def _either(words: list[str]) -> str:
    quoted = [f"`{word}`" for word in words]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]
