from __future__ import annotations

import pytest

from index.entity_tables import EntityTables
from semantic_layer import load_model


@pytest.fixture(scope="session")
def tables() -> EntityTables:
    return EntityTables(load_model().specs)
