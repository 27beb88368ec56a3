"""Which changes of a definition may make another account of a source, once there are records."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from index.database import Database
from index.errors import InvalidRequest
from ingestion.workspace.account import require_same_account
from ingestion.workspace.definitions import define, held_sources
from ingestion.workspace.workspace_file import read_entry


def _settings(**given: Any) -> dict[str, Any]:
    return {"connector": "zendesk", "settings": given}


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (_settings(base_url="https://a.example"), _settings(base_url="https://A.example/")),
    (_settings(api_token="env:A", start_date="2024"), _settings(api_token="env:B", retries=3)),
    ({"package": "airbyte-source-x", "version": "1"}, {"package": "airbyte-source-x"}),
    ({"image": "r:5000/x:1"}, {"image": "r:5000/x:2@sha256:0f"}),
    ({"image": "x"}, {"image": "x", "streams": ["a"], "mapping": "m.yaml"}),
]
OTHER: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    # before, after, what may be another
    (_settings(base_url="https://a.example"), _settings(base_url="https://b.example"), "base_url"),
    (_settings(portal_id=1), _settings(portal_id=2), "settings.portal_id"),
    (_settings(base_url="env:A"), _settings(base_url="env:B"), "settings.base_url"),
    (_settings(auth={"accountId": 1}), _settings(auth={"accountId": 2}), "settings.auth.accountId"),
    # What was left to the connector may have been anything.
    (_settings(), _settings(subdomain="b"), "settings.subdomain"),
    ({"image": "r:5000/x:1"}, {"image": "elsewhere/x:1"}, "image"),
    # Of the same kind by name, and another program.
    ({"command": ["/a/source-x"]}, {"command": ["/b/source-x"]}, "command"),
    ({"package": "airbyte-source-x"}, {"image": "source-x"}, "package, image"),
]


def test_what_may_be_another_account_is_refused_where_there_are_records(
    database: Database,
) -> None:
    with database.writing() as connection:
        pairs = [(*each, None) for each in SAME] + OTHER
        for number, (before, after, said) in enumerate(pairs):
            name = f"source-{number}"
            define(connection, "main", name, read_entry(name, before))
            held = held_sources(connection, "main")[name]
            changed = read_entry(name, after)
            require_same_account(connection, "main", held, changed)
            connection.execute(
                text("INSERT INTO remit.stream_state (tenant_id, source, stream, state)"
                     " VALUES ('main', :name, 's', '{}')"),
                {"name": name},
            )  # fmt: skip
            if said is None:
                require_same_account(connection, "main", held, changed)
            else:
                with pytest.raises(InvalidRequest, match=rf"another \S*{said} may be"):
                    require_same_account(connection, "main", held, changed)
