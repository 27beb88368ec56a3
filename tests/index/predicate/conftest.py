"""One set of hostile rows in Postgres for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from tests.index.predicate.hostile import HostileRows


@pytest.fixture(scope="session")
def hostile_rows(cluster: str) -> Iterator[HostileRows]:
    engine = create_engine(cluster, connect_args={"connect_timeout": 10})
    with engine.connect() as connection:
        yield HostileRows(connection)
    engine.dispose()
