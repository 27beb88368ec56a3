"""The model is read strictly: what is not understood is an error with its file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from index.errors import ConfigurationError
from semantic_layer import SHIPPED_MODEL, describe, load_model


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("ticket.yaml", "plural:", "plurals:", "ticket.yaml: plural: Field required"),
        ("ticket.yaml", "channel: text", "channel: string", "ticket.yaml: fields.channel"),
        ("ticket.yaml", "keep_raw: true}", "keepraw: true}", "Extra inputs are not permitted"),
        ("ticket.yaml", "to: customer,", "to: custmer,", "relation 'customer' needs `to`"),
        ("customer.yaml", "ticket.customer", "ticket.client", "is the inverse of 'ticket.client'"),
        ("ticket.yaml", "title: subject", "title: topic", "names 'topic', which is no field"),
        ("ticket.yaml", '"PENDING"', '"WAITING"', "WAITING"),  # a segment over no such value
        ("ticket.yaml", "ticket.due_at < now", "ticket.due_at < 5", "due_at"),
        ("user.yaml", "active: boolean", "active: [", "this is not valid YAML"),
        (
            "user.yaml",
            "  active: boolean",
            "  active: boolean\nrelations: {comments: {inverse: comment.agent}}",
            "only reachable within ticket, but user.comments leads to it",
        ),
        (
            "ticket.yaml",
            "account: {to: account, by: account_id}",
            "subject: {to: account, by: account_id}",
            "'subject' is both a field and a relation",
        ),
    ],
)
def test_mistakes_are_named_with_their_file(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    directory = tmp_path / "models"
    shutil.copytree(SHIPPED_MODEL, directory)
    text = (directory / file).read_text()
    assert old in text
    (directory / file).write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigurationError) as caught:
        load_model(directory)
    assert message in str(caught.value)


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no model here"):
        load_model(tmp_path)


def test_describe_names_every_entity_and_its_segments() -> None:
    model = load_model()
    overview = describe(model)
    for entity in model.entities.values():
        assert entity.description in overview
        detail = describe(model, entity.plural.upper())
        for segment in entity.segments:
            assert segment.upper() in detail
