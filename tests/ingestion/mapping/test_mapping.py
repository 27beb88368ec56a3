"""What a mapping may say: what fits the model is taken, all else is refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from index.errors import ConfigurationError
from ingestion.airbyte.manifest import CONNECTORS
from ingestion.mapping.loading import load_mapping
from semantic_layer import Model

TICKETS: dict[str, Any] = {
    "key": "id",
    "entities": [{"entity": "ticket", "fields": {"subject": "subject"}}],
}


def _load(directory: Path, model: Model, streams: dict[str, Any]) -> None:
    path = directory / "mapping.yaml"
    path.write_text(yaml.safe_dump({"streams": streams}))
    load_mapping(path, model.specs)


def _entity(**parts: Any) -> list[dict[str, Any]]:
    return [{"entity": "ticket", "fields": {}, **parts}]


@pytest.mark.parametrize("connector", ["salesforce", "hubspot", "zendesk", "stripe"])
def test_shipped_mappings_fit_the_model(model: Model, connector: str) -> None:
    assert load_mapping(CONNECTORS / connector / "mapping.yaml", model.specs)


def _listing(**parts: Any) -> dict[str, Any]:
    listing = {"stream": "tickets", "by": "account_id", "path": "/{id}", **parts}
    return {"children": {"ticket": listing}}


REFUSED: list[tuple[dict[str, Any], str]] = [
    # a key that nobody knows
    ({"keys": "id"}, "streams.tickets.keys"),
    ({"entities": _entity(fields={"subject": {"pth": "x"}})}, "pth"),
    # what the model does not have
    ({"entities": [{"entity": "tiket", "fields": {}}]}, "'tiket' is no entity to map to"),
    ({"entities": [{"entity": "customer", "fields": {}}]}, "'customer' is no entity to map to"),
    ({"entities": _entity(fields={"titel": "x"})}, "'titel' is no field of ticket"),
    (
        {"entities": _entity(references={"owner_id": {"path": "x", "stream": "tickets"}})},
        "'owner_id' is no foreign key of ticket, which has account_id",
    ),
    (
        {"entities": _entity(references={"account_id": {"path": "x", "stream": "orgs"}})},
        "there is no stream 'orgs'",
    ),
    (
        {"entities": _entity(references={"account_id": {"path": "x", "stream": "tickets"}})},
        "it leads to account or customer, and stream 'tickets' gives none",
    ),
    # enums lead to canonical values only
    ({"entities": _entity(fields={"status": {"path": "s", "map": {"n": "NEU"}}})}, "it has NEU"),
    ({"entities": _entity(fields={"status": "s"})}, "an enum needs `map` or `choose`"),
    # money comes with its currency, and nothing else does
    (
        {"entities": _entity(fields={"subject": {"minor": "x", "currency": "y"}})},
        "a money field needs",
    ),
    # one origin for a value
    (
        {"entities": _entity(fields={"subject": {"path": "x", "join": ["y"]}})},
        "exactly one of path, join, list, choose",
    ),
    ({"entities": _entity(fields={"subject": {"as": "upper"}})}, "exactly one of path"),
    ({"entities": _entity(fields={"subject": {"path": "x", "as": "reverse"}})}, "'upper'"),
    # children of the right kind
    (
        {
            "live": {
                "children": {
                    "comment": {"stream": "tickets", "by": "x", "path": "/", "records": "r"}
                }
            }
        },
        "stream 'tickets' gives no comment",
    ),
    (
        {
            "live": {
                "children": {
                    "ticket": {"stream": "tickets", "by": "x", "path": "/", "records": "r"}
                }
            }
        },
        "'x' is no reference of ticket",
    ),
    # one way to the next page, whole
    ({"live": _listing(pages={"next": "n", "linked": True})}, "exactly one of next, linked, after"),
    ({"live": _listing(pages={"more": "m"})}, "exactly one of next, linked, after, offset"),
    ({"live": _listing(pages={"linked": True, "into": "token"})}, "`into` needs `next`"),
    ({"live": _listing(pages={"linked": True, "total": "total"})}, "`total` needs `offset`"),
    # words that nothing gives
    ({"live": {"path": "/tickets/{key}"}}, "{key}"),
    ({"live": {"path": "/", "parameters": {"q": "{id} {own}"}}}, "{own}"),
    ({"live": _listing(add={"account_id": "{parent}"})}, "{parent}"),
    # what deletes in another stream has a stream to delete in, and nothing of its own
    ({"deletes": "cases"}, "there is no stream 'cases' to delete in"),
    ({"deletes": "tickets"}, "there is no stream 'tickets' to delete in"),
]


@pytest.mark.parametrize(("stream", "said"), REFUSED)
def test_mapping_is_refused(
    tmp_path: Path, model: Model, stream: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        _load(tmp_path, model, {"tickets": {**TICKETS, **stream}})
    assert said in str(refused.value)
    assert "mapping.yaml" in str(refused.value)


def test_a_stream_that_deletes_in_another_has_no_entities(tmp_path: Path, model: Model) -> None:
    tombs = {**TICKETS, "deletes": "tickets"}
    with pytest.raises(ConfigurationError, match="keeps no records, so it has no entities"):
        _load(tmp_path, model, {"tickets": TICKETS, "archived": tombs})


NOTES: dict[str, Any] = {
    "key": "id",
    "entities": [
        {
            "entity": "comment",
            "fields": {"body": "text"},
            "references": {"ticket_id": {"path": "ticket", "stream": "tickets"}},
        }
    ],
}


def _conversation(*listed: str, **streams: Any) -> dict[str, Any]:
    """Tickets that list the comments of these streams."""
    listings = [{"stream": stream, "by": "ticket_id", "path": "/{id}"} for stream in listed]
    tickets = {**TICKETS, "live": {"children": {"comment": listings}}}
    return {"tickets": tickets, "notes": NOTES, "emails": NOTES, **streams}


def test_an_entity_comes_from_several_streams(tmp_path: Path, model: Model) -> None:
    _load(tmp_path, model, _conversation("notes", "emails"))


def test_a_list_leaves_out_no_stream_of_its_rows(tmp_path: Path, model: Model) -> None:
    with pytest.raises(ConfigurationError, match="come from stream 'emails', too, and no entry"):
        _load(tmp_path, model, _conversation("notes"))
    # Those that belong to something else have no place in it.
    _load(tmp_path, model, _conversation("notes", emails=_of("cases"), cases=TICKETS))


def test_what_is_listed_belongs_to_the_record_that_lists_it(tmp_path: Path, model: Model) -> None:
    with pytest.raises(ConfigurationError, match="of stream 'emails' does not lead to 'tickets'"):
        _load(tmp_path, model, _conversation("notes", "emails", emails=_of("cases"), cases=TICKETS))


def _of(stream: str) -> dict[str, Any]:
    (mapped,) = NOTES["entities"]
    ticket = {"path": "ticket", "stream": stream}
    return {**NOTES, "entities": [{**mapped, "references": {"ticket_id": ticket}}]}


def test_what_is_only_named_must_be_readable_by_itself(tmp_path: Path, model: Model) -> None:
    listing = {"stream": "notes", "by": "ticket_id", "path": "/", "records": "r", "key": "k"}
    tickets = {**TICKETS, "live": {"children": {"comment": listing}}}
    with pytest.raises(ConfigurationError, match=r"notes has no live\.path"):
        _load(tmp_path, model, {"tickets": tickets, "notes": NOTES})
