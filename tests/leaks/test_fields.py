"""A masked field of two installations that differ in nothing else answers alike, whatever is asked.

Every field of the shipped model is masked in every kind that its type allows, and all that the
caller's own schema offers is asked of both. What a mask leaves is the same of both: an end, a
domain, a month, a band. Of hashes it is not, as they are there to tell values apart; so they are
made equal before answers are compared, and only their raw values must not show.

`REMIT_LEAKS=all` withholds each field on its own, in each kind and scope, and asks everything;
that takes hours, `-k ticket.status` minutes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial

import pytest

from access_policies import Principal, Snapshot, read_policies
from index.specs import FieldType
from semantic_layer import Model, View, load_model
from semantic_layer.filters import filterable
from semantic_layer.names import camel
from semantic_layer.schema import build_schema
from semantic_layer.schema_types import FILTERS
from tests.leaks.checker import Pair
from tests.leaks.company import TENANT
from tests.leaks.questions import Offered
from tests.leaks.withheld import WithheldField, every_way, passes, policies, teams

_SPECS = load_model().specs
_PASSES = passes(_SPECS)
_TEST = r"where: (?:\{not: )?\{(\w+): \{(\w+):"
_ORDER = r"orderBy: \[(\w+)_(?:ASC|DESC)"
_THOROUGH = os.environ.get("REMIT_LEAKS") == "all"


@pytest.mark.parametrize("number", range(len(_PASSES)))
def test_what_is_masked_changes_nothing(pair: Pair, number: int) -> None:
    withheld = _PASSES[number]
    leaks = pair.leaks(withheld, number, len(_PASSES))
    if leaks:
        culprits = "\n".join(map(str, pair.culprits(withheld, number, len(_PASSES))))
        some = "\n".join(map(str, leaks[:3]))
        pytest.fail(f"{len(leaks)} leaks of\n{culprits}\nsuch as\n{some}")


@pytest.mark.skipif(
    not _THOROUGH,
    reason="the passes above hold every field; each alone takes hours: REMIT_LEAKS=all",
)
@pytest.mark.parametrize("withheld", every_way(_SPECS) if _THOROUGH else [], ids=str)
def test_what_is_masked_changes_nothing_one_by_one(pair: Pair, withheld: WithheldField) -> None:
    assert pair.leaks([withheld]) == []


def test_every_field_is_masked_in_every_kind() -> None:
    """A field that is new in the model is in the passes by itself."""
    tried = {each for withheld in _PASSES for each in withheld}
    kinds = {(each.entity, each.field, each.mask) for each in tried}
    for each in every_way(_SPECS):
        assert (each.entity, each.field, each.mask) in kinds
        if each.mask.kind == "hide":
            assert each in tried


def test_every_test_and_order_is_used_beside_what_is_masked(model: Model) -> None:
    """Questions take turns: each field that can be filtered or sorted by is, with each operator."""
    documents = policies(model.specs).items()
    snapshot = Snapshot(read_policies(documents, model.specs, model.callers), b"a key for hashes")
    tests: set[tuple[str, str]] = set()
    fields: set[tuple[str, str]] = set()
    orders: set[tuple[str, str]] = set()
    for number, withheld in enumerate(_PASSES):
        view = View.of(model, partial(snapshot.visibility, _caller(model, withheld)))
        schema = build_schema(model, view)._schema
        asked = Offered(model, schema, withheld, number, len(_PASSES))
        for question in asked.filters():
            (entity,) = question.about
            kinds = {camel(f.name): f.type.value for f in model[entity].spec.fields.values()}
            for field, test in re.findall(_TEST, question.content["query"]):
                tests.add((kinds[field], test))
                fields.add((entity, field))
        for question in asked.pages():
            for order in re.findall(_ORDER, question.content["query"]):
                orders.update((entity, order) for entity in question.about)
    every = [
        (entity, field)
        for entity in model.entities.values()
        for field in entity.spec.fields.values()
        if entity.within is None and filterable(field)
    ]
    assert {(e.name, camel(f.name)) for e, f in every} - fields == set()
    sortable = {(e.name, f.name.upper()) for e, f in every if f.type is not FieldType.TEXT_LIST}
    assert sortable - orders == set()
    for type, kind in FILTERS.items():
        assert {(type.value, test) for test in kind.fields} - tests == set()


def _caller(model: Model, withheld: Sequence[WithheldField]) -> Principal:
    return Principal.create(
        tenant=TENANT,
        user="mallory",
        agent=None,
        purpose=None,
        user_attributes={"department": "staff", "teams": teams(withheld)},
        agent_attributes={},
        declared=model.callers,
    )
