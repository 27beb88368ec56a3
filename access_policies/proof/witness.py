"""A solver's model as a caller and a row that one can look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

import z3

from access_policies.principal import Principal
from access_policies.proof.encoding import Encoding
from access_policies.proof.solver import Formula
from access_policies.proof.texts import Test, text_between
from access_policies.proof.values import ListValue, OneValue, decimal, identifier, moment
from access_policies.proof.variables import Path, RowVariables, SomeValue
from index.predicate import Caller, Row, Value


class NoWitnessError(Exception):
    """No text was found for what the model says of one."""


@dataclass(frozen=True, kw_only=True)
class Witness:
    """One caller and one row at one moment."""

    principal: Principal
    row: Row
    now: datetime
    reads_now: bool


def witness(model: Formula, encoding: Encoding) -> Witness:
    """What the model says, with everything that it leaves open missing. Raises NoWitnessError."""
    reader = _Reader(model, encoding)
    return Witness(
        principal=reader.principal(),
        row=reader.row(encoding.row),
        now=moment(reader.integer(encoding.variables.now)),
        reads_now=encoding.reads_now,
    )


class _Reader:
    def __init__(self, model: Formula, encoding: Encoding) -> None:
        self._model = model
        self._encoding = encoding
        self._variables = encoding.variables
        self._texts = self._chosen_texts()

    def principal(self) -> Principal:
        values = {
            caller: value
            for caller, variable in self._variables.callers.items()
            if (value := self._value(variable)) is not None
        }
        return Principal(
            tenant="example",
            user=_text(values.get(Caller("user", "name"))),
            agent=_text(values.get(Caller("agent", "name"))),
            purpose=_text(values.get(Caller("purpose"))),
            user_attributes=_attributes(values, "user"),
            agent_attributes=_attributes(values, "agent"),
        )

    def row(self, variables: RowVariables) -> dict[str, object]:
        row: dict[str, object] = {}
        there: dict[Path, dict[str, object]] = {(): row}
        for path, present in sorted(variables.present.items(), key=lambda item: len(item[0])):
            if self.holds(present):
                there[path] = {}
                there[path[:-1]][path[-1]] = there[path]
        for path, variable in variables.values.items():
            value = self._value(variable)
            if value is not None:
                there[path[:-1]][path[-1]] = value
        for path, children in variables.children.items():
            if path[:-1] in there:
                existing = [self.row(child) for child in children if self.holds(child.exists)]
                there[path[:-1]][path[-1]] = existing
        return row

    def holds(self, formula: Formula) -> bool:
        return bool(z3.is_true(self._evaluated(formula)))

    def integer(self, formula: Formula) -> int:
        return int(self._evaluated(formula).as_long())

    def _fraction(self, formula: Formula) -> Fraction:
        return Fraction(self._evaluated(formula).as_fraction())

    def _evaluated(self, formula: Formula) -> Formula:
        return self._model.eval(formula, model_completion=True)

    def _value(self, variable: SomeValue) -> Value | None:
        if not self.holds(variable.known):
            return None
        if isinstance(variable, ListValue):
            return self._elements(variable)
        match variable.family:
            case "text":
                return self._texts[self._fraction(variable.value)]
            case "boolean":
                return self.holds(variable.value)
            case "time":
                return moment(self.integer(variable.value))
            case "id":
                return identifier(self.integer(variable.value))
            case "number":
                if z3.is_int(variable.value):
                    return self.integer(variable.value)
                return decimal(self._fraction(variable.value))

    def _elements(self, variable: ListValue) -> tuple[str, ...]:
        if not self.holds(variable.filled):
            return ()
        held = {
            self._texts[self._fraction(place)]
            for place in self._variables.listed
            if self.holds(variable.holds(place))
        }
        missing = [None] if self.holds(variable.has_missing) else []
        return (*sorted(held), *missing)  # type: ignore[arg-type]  # only a row's list has those

    def _chosen_texts(self) -> dict[Fraction, str]:
        """A text for each place at which the model has one, in the order of the places."""
        order = self._variables.texts
        places: dict[Fraction, list[Formula]] = {}
        for formula in self._text_places():
            places.setdefault(self._fraction(formula), []).append(formula)
        chosen: dict[Fraction, str] = {}
        last = ""
        for place in sorted(places):
            below, above = order.around(place)
            if order.place(below) == place:
                chosen[place] = last = below
                continue
            wanted, unwanted = self._answers(places[place])
            text = text_between(max(below, last), above, wanted, unwanted)
            if text is None:
                raise NoWitnessError
            chosen[place] = last = text
        return chosen

    def _text_places(self) -> Iterator[Formula]:
        variables: list[SomeValue] = [*self._variables.callers.values()]
        rows = [self._encoding.row]
        for row in rows:
            variables += row.values.values()
            rows += [child for children in row.children.values() for child in children]
        for variable in variables:
            if isinstance(variable, OneValue) and variable.family == "text":
                if self.holds(variable.known):
                    yield variable.value
            elif isinstance(variable, ListValue) and self.holds(variable.known):
                for place in self._variables.listed:
                    if self.holds(variable.holds(place)):
                        yield place

    def _answers(self, places: list[Formula]) -> tuple[list[Test], list[Test]]:
        """The tests that the text at these places passes, and those that it does not."""
        wanted, unwanted = set[Test](), set[Test]()
        for place in places:
            for test, answer in self._encoding.tests.tests_of(place):
                (wanted if self.holds(answer) else unwanted).add(test)
        return sorted(wanted), sorted(unwanted)


def _text(value: Value | None) -> str | None:
    return value if isinstance(value, str) else None


def _attributes(values: Mapping[Caller, Value], kind: str) -> dict[str, Value]:
    return {
        caller.name: value
        for caller, value in values.items()
        if caller.kind == kind and caller.name != "name"
    }
