"""Partial masks: what stays of a text, the same in Python and in Postgres."""

from __future__ import annotations

import pytest
from sqlalchemy import Text, cast, literal, select

from access_policies import partial, partial_sql
from tests.index.predicate.hostile import TEXTS, HostileRows


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        # An e-mail keeps its domain.
        ("bob@acme.com", "•••@acme.com"),
        ("b@mail.acme.co.uk", "•••@mail.acme.co.uk"),
        # Not one address, or words after it: no domain is shown.
        ("bob@@acme.com", "•••.com"),
        ("a@b.co, c@d.co", "•••d.co"),
        ("bob@acme.com and the code is 12345678", "•••5678"),
        ("@acme.com", "•••.com"),
        ("pin@1234", "•••"),
        ("bob@acme.com\n", "•••com\n"),
        # Other text keeps its last four characters if it is longer than eight.
        ("4111111111111111", "•••1111"),
        ("ninechars", "•••hars"),
        ("exactly8", "•••"),
        ("", "•••"),
        # Characters, not bytes.
        ("日本語日本語日本語", "•••語日本語"),
    ],
)
def test_partial(value: str | None, shown: str | None, hostile_rows: HostileRows) -> None:
    column = cast(literal(value, Text), Text(collation="C"))

    assert partial(value) == shown
    assert hostile_rows.connection.scalar(select(partial_sql(column))) == shown


def test_partial_of_hostile_texts(hostile_rows: HostileRows) -> None:
    column = hostile_rows.ticket.c.title
    rows = hostile_rows.connection.execute(select(column, partial_sql(column))).all()

    assert {row[0] for row in rows} > set(TEXTS[:10])
    assert all(masked == partial(text) for text, masked in rows)
