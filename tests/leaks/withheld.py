"""What is withheld from a caller, as policies that read it from the caller's attributes.

One set of policies has a mask for each field, in every kind that its type allows, on all rows and
on the early ones; each counts only for callers whose `teams` name it. So a caller can be given any
combination, and everything else stays the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import yaml

from access_policies import Mask, MaskKind
from access_policies.masks import HIDE, kinds_of
from index.specs import EntitySpec, EntitySpecs, FieldSpec
from tests.leaks.company import EARLY, ROWS
from tests.leaks.values import BUCKETS, CUT

Scope = Literal["all", "early"]

_TIMES = ("created_at", "updated_at")


@dataclass(frozen=True)
class WithheldField:
    """A field that is masked, on all rows or on the early ones."""

    entity: str
    field: str
    mask: Mask
    scope: Scope

    def __str__(self) -> str:
        return f"{self.entity}.{self.field}: {self.mask} on {self.scope} rows"

    @property
    def code(self) -> str:
        """The team that the mask counts for."""
        return f"{self.entity}-{self.field}-{self.mask.kind}-{self.scope}"

    @property
    def gone(self) -> bool:
        """Whether it is null on every row, so that it does not exist for the caller."""
        return self.scope == "all" and self.mask == HIDE

    @property
    def rows(self) -> range:
        return EARLY if self.scope == "early" else range(ROWS)

    def fields(self, specs: EntitySpecs) -> list[FieldSpec]:
        return [specs[self.entity].fields[self.field]]


@dataclass(frozen=True)
class WithheldRows:
    """The early rows of an entity, or all of them."""

    entity: str
    scope: Scope
    mask: Mask = HIDE  # nothing is left of what stands in them

    def __str__(self) -> str:
        return f"{self.scope} rows of {self.entity}"

    @property
    def code(self) -> str:
        """The team that they are hidden from."""
        return f"{self.entity}-rows-{self.scope}"

    @property
    def rows(self) -> range:
        return EARLY if self.scope == "early" else range(ROWS)

    def fields(self, specs: EntitySpecs) -> list[FieldSpec]:
        return list(specs[self.entity].fields.values())


Withheld = WithheldField | WithheldRows


def ways(entity: str, field: FieldSpec) -> list[WithheldField]:
    """Every way in which the language can withhold a field, the strictest first."""
    kinds = [kind for kind in kinds_of(field.type) if kind is not MaskKind.CLEAR]
    masks = [Mask(kind, BUCKETS[field.type] if kind is MaskKind.BUCKET else "") for kind in kinds]
    scopes: tuple[Scope, ...] = ("all", "early")
    return [WithheldField(entity, field.name, mask, scope) for mask in masks for scope in scopes]


def passes(specs: EntitySpecs) -> list[tuple[WithheldField, ...]]:
    """Sets of fields to be withheld at once: every field in every kind that there is for it, and
    hidden both on all rows and on some.

    Where fields are hidden it is about half of them, so that what stands in the clear is filtered
    and sorted by beside what does not. The other kinds have one scope each; neighbours take turns.
    """
    fields = [
        (place, ways(spec.name, field))
        for spec in specs.values()
        for place, field in enumerate(spec.fields.values())
    ]
    hidden = [
        tuple(each[scope] for place, each in fields if place % 2 == half)
        for scope in (0, 1)
        for half in (0, 1)
    ]
    kinds = max(len(each) for _, each in fields) // 2
    return hidden + [
        tuple(
            each[2 * kind + (place // 2 + kind) % 2]
            for place, each in fields
            if len(each) > 2 * kind
        )
        for kind in range(1, kinds)
    ]


def every_way(specs: EntitySpecs) -> list[WithheldField]:
    return [
        way
        for spec in specs.values()
        for field in spec.fields.values()
        for way in ways(spec.name, field)
    ]


def hidden_rows(specs: EntitySpecs) -> list[WithheldRows]:
    """For each entity its early rows, and all of it."""
    return [WithheldRows(name, scope) for name in specs for scope in ("early", "all")]


def policies(specs: EntitySpecs) -> Mapping[str, str]:
    """The documents, by name."""
    return {
        f"{spec.name}.yaml": yaml.safe_dump(_document(spec), sort_keys=False)
        for spec in specs.values()
    }


def teams(withheld: Iterable[Withheld]) -> Sequence[str]:
    """The teams of a caller from whom just this is withheld."""
    return sorted(each.code for each in withheld)


def _document(spec: EntitySpec) -> dict[str, object]:
    early, everything = WithheldRows(spec.name, "early"), WithheldRows(spec.name, "all")
    return {
        "entity": spec.name,
        "rules": [
            {
                "id": "staff",
                "effect": "allow",
                "when": f'user.department == "staff" and "{everything.code}" not in user.teams',
            },
            {"id": "late", "effect": "deny", "when": _condition(spec, early, "created_at")},
        ],
        "masks": list(_masks(spec)),
    }


def _masks(spec: EntitySpec) -> Iterator[dict[str, object]]:
    for field in spec.fields.values():
        # A mask on some rows must not depend on what it masks, or on what it is tried with.
        at = _TIMES[
            list(spec.fields).index(field.name) % 2 == list(spec.fields).index(_TIMES[0]) % 2
        ]
        for way in ways(spec.name, field):
            mask = {"id": way.code, "fields": [field.name], "mask": way.mask.kind.value}
            if way.mask.to:
                mask["to"] = way.mask.to
            yield {**mask, "when": _condition(spec, way, at)}


def _condition(spec: EntitySpec, withheld: Withheld, at: str) -> str:
    concerned = f'"{withheld.code}" in user.teams'
    if withheld.scope == "all":
        return concerned
    row = "row" if spec.name == "user" else spec.name
    return f'{concerned} and {row}.{at} < "{CUT.isoformat()}"'
