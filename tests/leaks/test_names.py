"""What does not exist for a caller is named nowhere: it answers like what exists for nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graphql import print_schema

from access_policies import Principal, Snapshot, read_policies
from index.predicate import every_attribute
from semantic_layer import Model, View, describe, load_model
from semantic_layer.model import Entity
from semantic_layer.schema import build_schema
from tests.leaks.checker import Pair
from tests.leaks.company import TENANT
from tests.leaks.names import named_though_gone
from tests.leaks.withheld import WithheldField, every_way, policies, teams

_SPECS = load_model().specs
_GONE = [each for each in every_way(_SPECS) if each.gone]
_MOST = max(len(spec.fields) for spec in _SPECS.values())


@pytest.fixture(scope="module")
def snapshot(model: Model) -> Snapshot:
    documents = policies(model.specs).items()
    return Snapshot(read_policies(documents, model.specs, model.callers), b"a key for hashes")


@pytest.mark.parametrize("place", range(_MOST))
def test_a_hidden_field_might_as_well_be_called_something_else(
    model: Model, snapshot: Snapshot, place: int
) -> None:
    """Of each entity one field is hidden. Schema and description are those of a model in which
    it has another name, to the letter."""
    hidden = [
        each
        for each in _GONE
        if place < len(model[each.entity].spec.fields)
        and list(model[each.entity].spec.fields)[place] == each.field
    ]
    view = _view(model, snapshot, hidden)
    other_view = View(
        tuple(
            replace(seen, absent=frozenset(_other_name(name) for name in seen.absent))
            for seen in view.seen
        )
    )
    texts = [
        (
            print_schema(build_schema(each, its_view)._schema),
            describe(its_view.part(each)),
            *(describe(its_view.part(each), name) for name in each.entities),
        )
        for each, its_view in ((model, view), (_renamed(model, hidden), other_view))
    ]
    assert texts[0] == texts[1]


def _view(model: Model, snapshot: Snapshot, withheld: list[WithheldField]) -> View:
    caller = Principal.create(
        tenant=TENANT,
        user="mallory",
        agent=None,
        purpose=None,
        user_attributes={"department": "staff", "teams": teams(withheld)},
        agent_attributes={},
        declared=model.callers,
    )
    return View.of(model, lambda entity: snapshot.visibility(caller, entity))


def _other_name(name: str) -> str:
    return f"another_{name}"


def _renamed(model: Model, hidden: list[WithheldField]) -> Model:
    """The model with other names for these fields, without the segments that read them."""
    return replace(
        model,
        entities={
            name: _with_another(entity, next((h.field for h in hidden if h.entity == name), ""))
            for name, entity in model.entities.items()
        },
    )


def _with_another(entity: Entity, old: str) -> Entity:
    def named(name: str) -> str:
        return _other_name(name) if name == old else name

    fields = {
        named(name): replace(field, name=named(name)) for name, field in entity.spec.fields.items()
    }
    return replace(
        entity,
        spec=replace(entity.spec, fields=fields),
        title=named(entity.title),
        order=tuple(
            ("-" if o[0] == "-" else "") + named(o.removeprefix("-")) for o in entity.order
        ),
        brief=tuple(map(named, entity.brief)),
        segments={
            name: segment
            for name, segment in entity.segments.items()
            if (old,) not in every_attribute(segment.when)
        },
    )


def test_hidden_fields_are_named_nowhere(pair: Pair) -> None:
    """All fields are hidden at once."""
    assert list(named_though_gone(pair, _GONE)) == []
