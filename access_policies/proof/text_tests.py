"""Tests of texts (`startsWith`, `endsWith`, `contains`) as formulas over their places."""

from __future__ import annotations

from dataclasses import dataclass, field

import z3

from access_policies.proof.solver import Formula
from access_policies.proof.texts import Test, end_of_prefix, parts
from access_policies.proof.variables import UnreadableError, Variables
from index.predicate import TextOperator


@dataclass(eq=False)
class Tested:
    """One text and what is asked of it."""

    place: Formula
    tests: set[Test] = field(default_factory=set)
    prefixes: dict[str, Formula] = field(default_factory=dict)


class TextTests:
    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self._tested: dict[int, Tested] = {}
        self._functions: dict[Test | TextOperator, Formula] = {}
        self._axioms: list[Formula] = []
        self._plain: list[Formula] = []

    def of_constant(self, operator: TextOperator, place: Formula, part: str) -> Formula:
        """Whether the text at the place starts with, ends with or contains a text that is named."""
        tested = self._tested.setdefault(place.get_id(), Tested(place))
        if operator == "startsWith":
            end = end_of_prefix(part)
            inside = place >= self._variables.text(part)
            if end is not None:
                inside = z3.And(inside, place < self._variables.text(end))
            tested.prefixes[part] = inside
            return inside
        test = Test(operator, part)
        tested.tests.add(test)
        return self._function(test, texts=1)(place)

    def in_constant(self, operator: TextOperator, text: str, place: Formula) -> Formula:
        """Whether the text at the place is a beginning, an end or a part of a text that is named.

        Raises UnreadableError when that has too many parts.
        """
        possible = parts(operator, text)
        if possible is None:
            raise UnreadableError
        places = [self._variables.text(each) for each in sorted(possible)]
        return self._variables.solver.any_of(place == each for each in places)

    def of_two(self, operator: TextOperator, text: Formula, part: Formula) -> Formula:
        """Of two texts that no rule names only this is known: what is equal or empty is part of
        the other, and a beginning does not sort after it."""
        holds = self._function(operator, texts=2)(text, part)
        always = z3.Or(text == part, part == self._variables.text(""))
        self._axioms.append(z3.Implies(always, holds))
        self._plain.append(z3.Implies(holds, always))
        if operator == "startsWith":
            self._axioms.append(z3.Implies(holds, part <= text))
        return holds

    def tests_of(self, place: Formula) -> list[tuple[Test, Formula]]:
        """What the text at the place is asked, with the formula of each answer."""
        tested = self._tested.get(place.get_id(), Tested(place))
        return [(test, self._functions[test](place)) for test in sorted(tested.tests)]

    def plain(self) -> list[Formula]:
        """That a text is part of another one only where that is certain: not true of all texts, but
        of texts that are easily found."""
        return self._plain

    def axioms(self) -> list[Formula]:
        """How the answers depend on each other, and those of texts that are named."""
        facts = list(self._axioms)
        for test, holds in self._functions.items():
            if isinstance(test, Test):
                facts += [
                    holds(self._variables.text(text)) == test.holds(text)
                    for text in list(self._variables.texts)
                ]
        for tested in self._tested.values():
            for test in sorted(tested.tests):
                holds = self._functions[test](tested.place)
                for prefix, inside in tested.prefixes.items():
                    if test.operator == "contains" and test.holds(prefix):
                        facts.append(z3.Implies(inside, holds))
                for other in sorted(tested.tests - {test}):
                    if test.implies(other):
                        facts.append(z3.Implies(holds, self._functions[other](tested.place)))
                    elif test.excludes(other):
                        facts.append(z3.Not(z3.And(holds, self._functions[other](tested.place))))
        return facts

    def _function(self, key: Test | TextOperator, *, texts: int) -> Formula:
        if key not in self._functions:
            context = self._variables.solver.context
            domain = [z3.RealSort(context)] * texts
            name = f"text test {len(self._functions)}"
            self._functions[key] = z3.Function(name, *domain, z3.BoolSort(context))
        return self._functions[key]
