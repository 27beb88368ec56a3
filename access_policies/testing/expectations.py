"""Tests of policies as their owners write them: people, rows, and who should see what of them.

An expectation is exact: a row that it does not list must be hidden from its people, and a field
whose mask it does not name must be in the clear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product

import yaml

from access_policies.documents.document import ID_RULE, Document, is_id
from access_policies.documents.policy_files import PolicyError
from access_policies.masks import Mask, MaskKind, kinds_of, width_problem
from access_policies.principal import Principal
from access_policies.testing.samples import SampleReader
from index.predicate import InvalidValue, Row, coerce
from index.specs import CallerAttributes, EntitySpec, EntitySpecs, FieldType

NOW = datetime(2026, 1, 1, tzinfo=UTC)
"""The moment at which tests decide when their document names none."""

MOST_CASES = 2_500
"""People times rows in one document: what takes a second to decide and explain."""


Access = Mapping[str, Mask] | None
"""What somebody gets of a row: nothing (None), or the row with these masks by field."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One person and one row of a document, and what the person should get of it."""

    document: str
    line: int | None  # of the expectation; None when none lists the two
    entity: str
    person: str
    principal: Principal
    row: str
    values: Row
    now: datetime
    expected: Access
    because: str = ""


def read_tests(
    texts: Iterable[tuple[str, str]], specs: EntitySpecs, callers: CallerAttributes
) -> tuple[Case, ...]:
    """Every person with every row of each of the (document name, YAML) pairs.

    Raises PolicyError with every problem of every document.
    """
    cases: list[Case] = []
    problems: list[str] = []
    for name, text in texts:
        document = Document(name)
        cases += _TestsReader(document, specs, callers).read(text)
        problems += document.problems
    if problems:
        raise PolicyError(problems)
    return tuple(cases)


@dataclass(frozen=True)
class _Expected:
    access: Access
    line: int | None
    because: str = ""


_UNLISTED = _Expected(None, None)


class _TestsReader:
    """Reads one document; whatever is wrong goes to its problems."""

    def __init__(self, document: Document, specs: EntitySpecs, callers: CallerAttributes) -> None:
        self._document = document
        self._specs = specs
        self._samples = SampleReader(document, specs, callers)

    def read(self, text: str) -> Iterator[Case]:
        root = self._document.compose(text)
        if root is None:
            return
        keys = self._document.mapping(
            root, required=("tests", "people", "rows", "expect"), optional=("now",)
        )
        entity = self._document.one_of(keys["tests"], self._specs, "entity") if keys else None
        if keys is None or entity is None:
            return
        spec = self._specs[entity]
        now = self._moment(keys["now"]) if "now" in keys else NOW
        people = {
            name: self._samples.person(name, node)
            for name, node in self._named(keys["people"], "person")
        }
        rows = {
            name: self._samples.row(node, spec) for name, node in self._named(keys["rows"], "row")
        }
        if len(people) * len(rows) > MOST_CASES:
            reason = f"{len(people)} people with {len(rows)} rows are more than {MOST_CASES} cases"
            self._document.problem(root, f"{reason}; make two documents of it")
            return
        listed = self._expectations(keys["expect"], spec, people, rows)
        for (person, principal), (row, values) in product(people.items(), rows.items()):
            if principal is None or values is None:
                continue
            expected = listed.get((person, row), _UNLISTED)
            yield Case(
                document=self._document.name,
                line=expected.line,
                entity=entity,
                person=person,
                principal=principal,
                row=row,
                values=values,
                now=now,
                expected=expected.access,
                because=expected.because,
            )

    def _expectations(
        self, node: yaml.Node, spec: EntitySpec, people: Iterable[str], rows: Iterable[str]
    ) -> dict[tuple[str, str], _Expected]:
        """What is expected of the listed people and rows."""
        listed: dict[tuple[str, str], _Expected] = {}
        for item in self._document.items(node):
            keys = self._document.mapping(
                item, required=("who", "see"), optional=("mask", "because")
            )
            if keys is None:
                continue
            masks = self._masks(keys["mask"], spec) if "mask" in keys else {}
            because = self._document.text(keys["because"]) if "because" in keys else ""
            who = self._names(keys["who"], people, "person")
            see = self._names(keys["see"], rows, "row")
            if masks and not keys["see"].value:
                self._document.problem(keys["mask"], "there is no row here that could be masked")
            expected = _Expected(masks, item.start_mark.line + 1, because or "")
            for person, row in product(who, see):
                if other := listed.get((person, row)):
                    reason = f"{person} and {row} are expected already, in line {other.line}"
                    self._document.problem(item, reason)
                listed[person, row] = expected
        return listed

    def _masks(self, node: yaml.Node, spec: EntitySpec) -> dict[str, Mask]:
        keys = self._document.mapping(node, required=(), optional=spec.fields)
        masks: dict[str, Mask] = {}
        for field, value in (keys or {}).items():
            mask = self._mask(value, field, spec.fields[field].type)
            if mask is not None:
                masks[field] = mask
        return masks

    def _mask(self, node: yaml.Node, field: str, type: FieldType) -> Mask | None:
        """A mask as it is spoken: `hide`, `partial`, `bucket to month`."""
        text = self._document.text(node)
        if text is None:
            return None
        word, _, to = text.partition(" to ")
        known = [kind.value for kind in kinds_of(type) if kind is not MaskKind.CLEAR]
        if word == MaskKind.CLEAR:
            self._document.problem(node, f"`{field}` is in the clear when it is not named here")
        elif word not in known:
            self._document.problem(node, f"`{word}` cannot mask `{field}`; use {_either(known)}")
        elif word == MaskKind.BUCKET and not to:
            self._document.problem(node, "a bucket needs its width, such as `bucket to month`")
        elif word == MaskKind.BUCKET and (problem := width_problem(type, to)):
            self._document.problem(node, f"`{text}` of `{field}`: {problem}")
        elif word != MaskKind.BUCKET and to:
            self._document.problem(node, f"`to` is for buckets; write `{word}`")
        else:
            return Mask(MaskKind(word), to)
        return None

    def _named(self, node: yaml.Node, what: str) -> Iterator[tuple[str, yaml.Node]]:
        """The entries of a mapping whose keys are names that the author made up."""
        if not isinstance(node, yaml.MappingNode) or not node.value:
            self._document.problem(node, f"name at least one {what}, as in `maya: {{…}}`")
            return
        found: set[str] = set()
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not is_id(name):
                self._document.problem(key, f"a name {ID_RULE}")
            elif name in found:
                self._document.problem(key, f"`{name}` stands here twice")
            else:
                found.add(name)
                yield name, value

    def _names(self, node: yaml.Node, known: Iterable[str], what: str) -> list[str]:
        """One of the names, or a list of them; each counts once."""
        nodes = [node] if isinstance(node, yaml.ScalarNode) else self._document.items(node)
        names = [self._document.one_of(each, known, what) for each in nodes]
        return list(dict.fromkeys(name for name in names if name is not None))

    def _moment(self, node: yaml.Node) -> datetime:
        try:
            moment = coerce(FieldType.TIMESTAMP, self._document.text(node) or "")
        except InvalidValue as error:
            self._document.problem(node, f"`now`: {error}")
            return NOW
        return moment if isinstance(moment, datetime) else NOW


def _either(words: list[str]) -> str:
    quoted = [f"`{word}`" for word in words]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]
