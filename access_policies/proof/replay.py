"""Whether a witness is a counterexample: both versions decide of it, as they would in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from access_policies.masks import Mask
from access_policies.policies import Policy, PolicySet
from access_policies.proof.verdict import SOMEONE, Counterexample
from access_policies.proof.witness import Witness
from access_policies.snapshot import Snapshot
from index.predicate import Row, Value


class Replay:
    def __init__(
        self,
        old: Policy | None,
        new: Policy,
        withholds: Callable[[Mask | None, Mask | None], bool],
    ) -> None:
        self._entity = new.entity
        self._before = Snapshot(PolicySet({} if old is None else {new.entity: old}))
        self._after = Snapshot(PolicySet({new.entity: new}))
        self._withholds = withholds

    def counterexample(self, witness: Witness, field: str) -> Counterexample | None:
        """The witness as a counterexample, without the values that make no difference; None when it
        is none. An empty `field` asks for the row itself."""
        if not self._shows_more(witness, field):
            return None
        witness = self._smallest(witness, field)
        before, after = self._masks(witness, field) if field else (None, None)
        return Counterexample(
            entity=self._entity,
            principal=witness.principal,
            row=witness.row,
            now=witness.now,
            reads_now=witness.reads_now,
            field=field,
            before=before,
            after=after,
        )

    def _shows_more(self, witness: Witness, field: str) -> bool:
        decided = (witness.principal, self._entity, witness.row, witness.now)
        if not self._after.decide(*decided):
            return False
        seen_before = self._before.decide(*decided)
        if not field:
            return not seen_before
        before, after = self._masks(witness, field)
        return seen_before and not self._withholds(after, before)

    def _masks(self, witness: Witness, field: str) -> tuple[Mask | None, Mask | None]:
        decided = (witness.principal, self._entity, witness.row, witness.now)
        before, after = (s.masks_for(*decided).get(field) for s in (self._before, self._after))
        return before, after

    def _smallest(self, witness: Witness, field: str) -> Witness:
        smaller: Witness | None = witness
        while smaller is not None:
            witness = smaller
            smaller = next(
                (each for each in _smaller(witness) if self._shows_more(each, field)), None
            )
        return witness


def _smaller(witness: Witness) -> Iterator[Witness]:
    """The witness with one value less, or with one that tells nothing."""
    principal = witness.principal
    if principal.user not in (None, SOMEONE):
        yield replace(witness, principal=replace(principal, user=SOMEONE))
    if principal.agent not in (None, SOMEONE):
        yield replace(witness, principal=replace(principal, agent=SOMEONE))
    if principal.purpose is not None:
        yield replace(witness, principal=replace(principal, purpose=None))
    if principal.agent is not None:
        yield replace(witness, principal=replace(principal, agent=None))
    for attributes in _shorter(principal.agent_attributes):
        yield replace(witness, principal=replace(principal, agent_attributes=attributes))
    for attributes in _shorter(principal.user_attributes):
        yield replace(witness, principal=replace(principal, user_attributes=attributes))
    for row in _smaller_rows(witness.row):
        yield replace(witness, row=row)


def _shorter(values: Mapping[str, Value]) -> Iterator[dict[str, Value]]:
    for name, value in values.items():
        yield {other: each for other, each in values.items() if other != name}
        if isinstance(value, tuple):
            for place in range(len(value)):
                yield {**values, name: _without(value, place)}


def _smaller_rows(row: Row) -> Iterator[dict[str, object]]:
    for name, value in row.items():
        if isinstance(value, list):
            # The relation itself stays: without it nothing would be known of its rows.
            for place, child in enumerate(value):
                yield {**row, name: value[:place] + value[place + 1 :]}
                for smaller in _smaller_rows(child):
                    yield {**row, name: [*value[:place], smaller, *value[place + 1 :]]}
            continue
        yield {other: each for other, each in row.items() if other != name}
        if isinstance(value, Mapping):
            for smaller in _smaller_rows(value):
                yield {**row, name: smaller}
        elif isinstance(value, tuple):
            for place in range(len(value)):
                yield {**row, name: _without(value, place)}


def _without(values: tuple[str, ...], place: int) -> tuple[str, ...]:
    return values[:place] + values[place + 1 :]
