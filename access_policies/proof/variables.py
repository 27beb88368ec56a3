"""The unknown caller and the unknown row, as variables of a solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import z3

from access_policies.proof.solver import Formula, Solver
from access_policies.proof.texts import TextOrder
from access_policies.proof.values import (
    FAMILIES,
    FIRST_TIME,
    LAST_TIME,
    MICROSECONDS_A_DAY,
    Family,
    ListValue,
    OneValue,
)
from index.predicate import INTEGER_RANGE, Caller
from index.specs import CallerAttributes, EntitySpec, EntitySpecs, FieldSpec, FieldType

Path = tuple[str, ...]
SomeValue = OneValue | ListValue

_CENTURY = 36_525 * MICROSECONDS_A_DAY
_ID_BITS = 128


class UnreadableError(Exception):
    """The model has no such value, or one that rules cannot read."""


@dataclass(eq=False)
class RowVariables:
    """One row with the rows that its relations lead to; `children` are those of relations to many,
    as many of them as rules can tell apart."""

    spec: EntitySpec
    name: str
    exists: Formula
    values: dict[Path, SomeValue] = field(default_factory=dict)
    present: dict[Path, Formula] = field(default_factory=dict)
    children: dict[Path, list[RowVariables]] = field(default_factory=dict)


class Variables:
    """Makes each variable when it is first read, with what is true of it in any case."""

    def __init__(self, solver: Solver, specs: EntitySpecs, callers: CallerAttributes) -> None:
        self.solver = solver
        self.texts = TextOrder()
        self.callers: dict[Caller, SomeValue] = {}
        self.listed: list[Formula] = []
        """The places of all texts that are looked for in lists."""
        self.axioms: list[Formula] = []
        self._specs = specs
        self._declared = callers
        self._numbers = count()
        # Far enough from both ends of time for a rule to look a century ahead and back.
        self.now = self._integer("now", FIRST_TIME + _CENTURY, LAST_TIME - _CENTURY)

    def row(self, entity: str, name: str = "", exists: Formula | None = None) -> RowVariables:
        if entity not in self._specs:
            raise UnreadableError
        there = self.solver.true if exists is None else exists
        return RowVariables(self._specs[entity], name or entity, there)

    def attribute(self, row: RowVariables, path: Path) -> SomeValue:
        """What stands at the end of a path; missing where a row on the way is absent."""
        if path not in row.values:
            *relations, name = path
            spec = self.target(row, tuple(relations)).fields.get(name)
            if spec is None:
                raise UnreadableError
            value = self._variable(".".join((row.name, *path)), spec)
            self.axioms.append(z3.Implies(value.known, self.present(row, tuple(relations))))
            row.values[path] = value
        return row.values[path]

    def caller(self, caller: Caller) -> SomeValue:
        if caller not in self.callers:
            name = ".".join(filter(None, (caller.kind, caller.name)))
            type = FieldType.TEXT
            if caller.name not in ("", "name"):
                declared = self._declared.get(caller.kind, {}).get(caller.name)
                if declared is None:
                    raise UnreadableError
                type = declared
            value = self._variable(name, FieldSpec(name=name, type=type))
            if isinstance(value, ListValue):
                self.axioms.append(z3.Not(value.has_missing))
            elif caller.name in ("", "name"):
                self.axioms.append(value.value > self.text(""))
            self.callers[caller] = value
        return self.callers[caller]

    def present(self, row: RowVariables, path: Path) -> Formula:
        """Whether there is a row at the end of a path of relations to one row."""
        if not path:
            return self.solver.true
        if path not in row.present:
            self.target(row, path)
            there = self._boolean(".".join((row.name, *path)) + " is there")
            self.axioms.append(z3.Implies(there, self.present(row, path[:-1])))
            row.present[path] = there
        return row.present[path]

    def target(self, row: RowVariables, path: Path) -> EntitySpec:
        """The entity at the end of a path of relations to one row."""
        spec = row.spec
        for name in path:
            relation = spec.to_one(name)
            if relation is None or relation.target not in self._specs:
                raise UnreadableError
            spec = self._specs[relation.target]
        return spec

    def child(self, row: RowVariables, path: Path) -> RowVariables:
        """One more row at the end of a path whose last relation leads to many."""
        *relations, name = path
        relation = self.target(row, tuple(relations)).relations.get(name)
        if relation is None or relation.kind != "many":
            raise UnreadableError
        number = f"{'.'.join((row.name, *path))}#{next(self._numbers)}"
        child = self.row(relation.target, number, self._boolean(number))
        row.children.setdefault(path, []).append(child)
        return child

    def text(self, text: str) -> Formula:
        """The place of a text that a rule names."""
        return self._real(self.texts.place(text))

    def some_text(self, name: str) -> Formula:
        """The place of some text."""
        place = z3.Real(f"{name}#{next(self._numbers)}", self.solver.context)
        self.axioms.append(place >= 0)
        return place

    def constants(self, texts: Sequence[str]) -> ListValue:
        """A list that a rule names."""
        places = tuple(self.text(text) for text in texts)
        true, false = self.solver.true, self.solver.false
        return ListValue(
            known=true,
            filled=true if texts else false,
            has_missing=false,
            holds=lambda place: self.solver.any_of(place == each for each in places),
            constants=places,
        )

    def _variable(self, name: str, spec: FieldSpec) -> SomeValue:
        known = self._boolean(f"{name} is known")
        if spec.type is FieldType.TEXT_LIST:
            return self._list(name, known)
        family = FAMILIES.get(spec.type)
        if family is None:
            raise UnreadableError
        return OneValue(family, known, self._one(name, family, spec))

    def _one(self, name: str, family: Family, spec: FieldSpec) -> Formula:
        match family:
            case "text":
                place = self.some_text(name)
                if spec.values:
                    choices = [place == self.text(value) for value in spec.values]
                    self.axioms.append(self.solver.any_of(choices))
                return place
            case "boolean":
                return self._boolean(name)
            case "time":
                return self._integer(name, FIRST_TIME, LAST_TIME)
            case "id":
                return self._integer(name, 0, 2**_ID_BITS - 1)
            case "number":
                if spec.type is FieldType.DECIMAL:
                    return z3.Real(name, self.solver.context)
                return self._integer(name, INTEGER_RANGE.start, INTEGER_RANGE.stop - 1)

    def _list(self, name: str, known: Formula) -> ListValue:
        context = self.solver.context
        holds = z3.Function(f"{name} holds", z3.RealSort(context), z3.BoolSort(context))
        found = ListValue(
            known=known,
            filled=self._boolean(f"{name} is filled"),
            has_missing=self._boolean(f"{name} has a missing element"),
            holds=holds,
        )
        some = self.some_text(f"one of {name}")
        self.listed.append(some)
        self.axioms += [
            z3.Implies(found.has_missing, found.filled),
            z3.Implies(found.filled, z3.Or(found.has_missing, holds(some))),
        ]
        return found

    def _boolean(self, name: str) -> Formula:
        return z3.Bool(name, self.solver.context)

    def _integer(self, name: str, first: int, last: int) -> Formula:
        number = z3.Int(name, self.solver.context)
        self.axioms.append(z3.And(number >= first, number <= last))
        return number

    def _real(self, value: object) -> Formula:
        return z3.RealVal(str(value), self.solver.context)
