"""Connections: what an error tells of a statement."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from index.database import Database

_FAILS = text("SELECT 1 / 0, CAST(:value AS text)")
_CANARY = "canary-5b1d"


def test_an_error_of_a_writer_does_not_repeat_parameters(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught, database.writing() as connection:
        connection.execute(_FAILS, {"value": _CANARY})
    assert "division by zero" in str(caught.value)
    assert _CANARY not in str(caught.value)


@pytest.mark.anyio
async def test_an_error_of_a_reader_does_not_repeat_parameters(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.reading("ours") as connection:
            await connection.execute(_FAILS, {"value": _CANARY})
    assert _CANARY not in str(caught.value)
