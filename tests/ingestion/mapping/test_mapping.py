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


def _load(directory: Path, model: Model, **stream: Any) -> None:
    path = directory / "mapping.yaml"
    path.write_text(yaml.safe_dump({"streams": {"tickets": {**TICKETS, **stream}}}))
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
    ({"live": _listing(next="n", linked=True)}, "at most one of next, linked, after, offset"),
    ({"live": _listing(after="a", offset="o")}, "at most one of next, linked, after, offset"),
    ({"live": _listing(into="token")}, "`into` needs `next`"),
    ({"live": _listing(total="total")}, "`total` needs `offset`"),
    # words that nothing gives
    ({"live": {"path": "/tickets/{key}"}}, "{key}"),
    ({"live": {"path": "/", "parameters": {"q": "{id} {own}"}}}, "{own}"),
    (
        {
            "entities": _entity(references={"account_id": {"path": "a", "stream": "tickets"}}),
            "live": _listing(add={"account_id": "{parent}"}),
        },
        "{parent}",
    ),
    # what deletes in another stream has a stream to delete in, and nothing of its own
    ({"deletes": "cases"}, "there is no stream 'cases' to delete in"),
    ({"deletes": "tickets"}, "there is no stream 'tickets' to delete in"),
]


@pytest.mark.parametrize(("stream", "said"), REFUSED)
def test_mapping_is_refused(
    tmp_path: Path, model: Model, stream: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        _load(tmp_path, model, **stream)
    assert said in str(refused.value)
    assert "mapping.yaml" in str(refused.value)


def test_an_entity_comes_from_one_stream(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(yaml.safe_dump({"streams": {"cases": TICKETS, "tickets": TICKETS}}))
    with pytest.raises(ConfigurationError, match="ticket comes from both cases and tickets"):
        load_mapping(path, model.specs)


def test_a_stream_that_deletes_in_another_has_no_entities(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "mapping.yaml"
    tombs = {**TICKETS, "deletes": "tickets"}
    path.write_text(yaml.safe_dump({"streams": {"tickets": TICKETS, "archived": tombs}}))
    with pytest.raises(ConfigurationError, match="keeps no records, so it has no entities"):
        load_mapping(path, model.specs)


def test_what_is_only_named_must_be_readable_by_itself(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "mapping.yaml"
    account = {"path": "a", "stream": "tickets"}
    listing = {"stream": "tickets", "by": "account_id", "path": "/", "records": "r", "key": "k"}
    stream = {
        "key": "id",
        "entities": _entity(references={"account_id": account}),
        "live": {"children": {"ticket": listing}},
    }
    path.write_text(yaml.safe_dump({"streams": {"tickets": stream}}))
    with pytest.raises(ConfigurationError, match=r"tickets has no live\.path"):
        load_mapping(path, model.specs)
