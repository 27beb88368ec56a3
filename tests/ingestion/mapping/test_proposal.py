"""Proposals for connectors without a mapping: they load, and say what is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ingestion.airbyte.catalog import DiscoveredStream
from ingestion.mapping.format import MoneyValue, StreamMapping, Value
from ingestion.mapping.loading import load_mapping
from ingestion.mapping.proposal import propose_mapping
from semantic_layer import Model

TIME = {"type": ["null", "string"], "format": "date-time"}
TEXT = {"type": ["null", "string"]}
WHOLE = {"type": "integer"}


def _stream(name: str, /, *key: str, **properties: Any) -> DiscoveredStream:
    return DiscoveredStream(
        name=name,
        json_schema={"type": "object", "properties": properties},
        primary_key=tuple((part,) for part in key),
    )


HELPDESK = (
    _stream(
        "Support Tickets", "id",
        id=WHOLE, summary=TEXT, body=TEXT, createdAt=TIME, modified=TIME,
        state={"type": "string", "enum": ["new", "open", "awaiting customer", "solved"]},
        priority=TEXT, labels={"type": "array", "items": {"type": "string"}},
        organization_id=WHOLE, assignee_id=WHOLE, is_deleted={"type": "boolean"},
        custom_fields={"type": "object"}, **{"sla.minutes": WHOLE, "no": WHOLE},
    ),
    _stream("organizations", "id", id=WHOLE, name=TEXT, website=TEXT, created=TIME),
    _stream("agents", "id", id=WHOLE, full_name=TEXT, email=TEXT),
    _stream("users", "id", id=WHOLE, full_name=TEXT, email_address=TEXT, role=TEXT),
    _stream("invoices", "region", "number", region=TEXT, number=TEXT, total={"type": "number"},
            amount_due=WHOLE, currency=TEXT, due_date={"type": "string", "format": "date"}),
    _stream("deals", name=TEXT, amount={"type": "number"}, close_date=TIME),
    _stream("page views", url=TEXT),
)  # fmt: skip


def _loaded(text: str, model: Model, folder: Path) -> Mapping[str, StreamMapping]:
    path = folder / "mapping.yaml"
    path.write_text(text)
    return load_mapping(path, model.specs)


@pytest.fixture
def text(model: Model) -> str:
    return propose_mapping(HELPDESK, model)


@pytest.fixture
def streams(text: str, model: Model, tmp_path: Path) -> Mapping[str, StreamMapping]:
    return _loaded(text, model, tmp_path)


def test_streams_become_entities_by_their_names(streams: Mapping[str, StreamMapping]) -> None:
    found = {name: stream.entities[0].entity for name, stream in streams.items()}
    assert found == {
        "Support Tickets": "ticket",
        "organizations": "account",
        "users": "user",
        "invoices": "invoice",
        "deals": "opportunity",
    }
    names = list(streams)
    # Parents come first, so that what points to them finds them.
    assert names.index("organizations") < names.index("Support Tickets")
    assert names.index("users") < names.index("Support Tickets")


def test_fields_are_found_by_name_alias_and_type(streams: Mapping[str, StreamMapping]) -> None:
    tickets = streams["Support Tickets"]
    (ticket,) = tickets.entities
    paths = {name: value.path for name, value in ticket.fields.items() if isinstance(value, Value)}
    assert paths == {
        "number": "id",
        "subject": "summary",
        "description": "body",
        "status": "state",
        "tags": "labels",
        "created_at": "createdAt",
        "updated_at": "modified",
    }
    assert tickets.key == "id"
    assert tickets.updated_at == "modified"
    assert tickets.deleted is None  # taken for gone by mistake, rows would leave all answers
    assert ticket.custom == ("custom_fields",)
    references = {name: (at.path, at.stream) for name, at in ticket.references.items()}
    assert references == {
        "account_id": ("organization_id", "organizations"),
        "assignee_id": ("assignee_id", "users"),
    }


def test_money_and_composite_keys(streams: Mapping[str, StreamMapping]) -> None:
    invoices = streams["invoices"]
    assert invoices.key == (("region",), ("number",))
    fields = invoices.entities[0].fields
    assert fields["total"] == MoneyValue(major="total", currency="currency")
    # Whole numbers are cents in most billing systems; the comment says that it is a guess.
    assert fields["amount_due"] == MoneyValue(minor="amount_due", currency="currency")
    assert streams["deals"].key is None


SAID = [
    "# deleted: {is_deleted: true}  # guess",
    # Values of an enum that mean the same by name are placed, others are left to a person.
    "map: {new: NEW, open: OPEN, solved: SOLVED}",
    'DECIDE not placed: "awaiting customer"',
    # An enum whose values are not known.
    "# DECIDE priority: say which value means what",
    # Money without a currency.
    "# amount: {major: amount, currency: DECIDE}  # DECIDE: where is the currency?",
    "key: null  # DECIDE",
    # What nothing was made of: "no" is a reserved word of YAML, a dot would be a step.
    'Not placed: "no", sla.minutes.',
    "Nothing found for type, channel, due_at.",
    "- entity: ticket  # guess, by its name",
    '#   "page views" (key: none: a hash of the content',
    "#   agents (key: id)",
]


@pytest.mark.parametrize("words", SAID)
def test_what_is_guessed_or_missing_is_said(text: str, words: str) -> None:
    assert words in text


def test_what_identifies_customers_is_made_comparable(
    streams: Mapping[str, StreamMapping],
) -> None:
    domains = streams["organizations"].entities[0].fields["domains"]
    assert domains == Value.model_validate({"path": "website", "as": "host"})
    email = streams["users"].entities[0].fields["email"]
    assert email == Value.model_validate({"path": "email_address", "as": "lower"})


def test_nothing_to_propose_is_a_mapping_too(model: Model, tmp_path: Path) -> None:
    assert _loaded(propose_mapping((), model), model, tmp_path) == {}
