"""Which settings are secrets, wherever a connector's specification says so."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.airbyte.manifest import load_manifest
from ingestion.workspace.specification import (
    masked,
    masked_command,
    plain_secrets,
    setting_problems,
)

SECRET = {"type": "string", "airbyte_secret": True}
PLAIN = {"type": "string"}


def _schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


NESTED = _schema(
    credentials={
        "oneOf": [
            _schema(kind={"const": "token"}, token=SECRET),
            _schema(kind={"const": "login"}, login=PLAIN, password=SECRET),
        ]
    }
)
DEFINED = {**_schema(key={"$ref": "#/definitions/secret"}), "definitions": {"secret": SECRET}}

CASES: list[tuple[dict[str, Any] | None, dict[str, Any], list[str]]] = [
    # schema, settings, what stands there in clear
    (_schema(key=SECRET, url=PLAIN), {"key": "k", "url": "u"}, ["key"]),
    (_schema(key=SECRET), {"key": "env:KEY"}, []),
    (_schema(key=SECRET), {"key": "file:k"}, []),
    (_schema(key=SECRET), {"key": "sealed:k"}, []),
    # Neither spaces before it nor capitals make a reference.
    (_schema(key=SECRET), {"key": " env:KEY"}, ["key"]),
    (_schema(key=SECRET), {"key": "ENV:KEY"}, ["key"]),
    # A number is a secret as well.
    (_schema(key=SECRET), {"key": 1234}, ["key"]),
    (_schema(key=SECRET), {"key": None}, []),
    (_schema(key=SECRET), {"key": ["env:A", "b"]}, ["key"]),
    (_schema(key=SECRET), {"key": {"inner": "b"}}, ["key.inner"]),
    (NESTED, {"credentials": {"kind": "token", "token": "t"}}, ["credentials.token"]),
    # Whichever alternative is meant: what is secret in one of them is secret.
    (NESTED, {"credentials": {"password": "p", "token": "t", "login": "l"}},
     ["credentials.password", "credentials.token"]),
    (_schema(all={"type": "array", "items": _schema(key=SECRET)}),
     {"all": [{"key": "env:K"}, {"key": "k"}]}, ["all.key"]),
    (_schema(more={"type": "object", "additionalProperties": SECRET}), {"more": {"x": "y"}},
     ["more.x"]),
    (DEFINED, {"key": "k"}, ["key"]),
    ({"allOf": [_schema(key=SECRET)]}, {"key": "k"}, ["key"]),
    # A definition of itself is no way to hang us up.
    ({"properties": {"a": {"$ref": "#/properties/a"}}}, {"a": "x"}, []),
    # Neither are alternatives that are each the whole again.
    (_schema(a={"oneOf": [*[{"$ref": "#/properties/a"}] * 9, SECRET]}), {"a": ["k", "env:K"]},
     ["a"]),
    # What no part of the specification names is judged by its own name.
    ({"type": "object", "additionalProperties": True}, {"api_token": "t", "url": "u"},
     ["api_token"]),
    (_schema(auth={"type": "object"}), {"auth": {"password": "p", "login": "l"}},
     ["auth.password"]),
    (_schema(more={"additionalProperties": PLAIN}), {"more": {"api_key": "k", "x": "y"}},
     ["more.api_key"]),
    # What it names without calling it a secret is none.
    (_schema(token_url=PLAIN), {"token_url": "u"}, []),
    # Without a specification the names must do.
    (None, {"api_key": "k", "ApiToken": "t", "count": 3, "db": {"password": "p"}},
     ["ApiToken", "api_key", "db.password"]),
    (None, {"api_key": "env:K", "use_token": True, "url": "u", "credentials": {"kind": "x"}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "settings", "clear"), CASES)
def test_secrets_in_clear_are_found(
    schema: dict[str, Any] | None, settings: dict[str, Any], clear: list[str]
) -> None:
    assert plain_secrets(schema, settings) == clear
    if schema is not None:
        shown = masked(schema, settings)
        assert plain_secrets(schema, shown) == clear  # they are there still, as `***`


def test_what_is_shown_has_no_secret() -> None:
    settings = {"credentials": {"kind": "token", "token": "t"}, "url": "u", "list": ["a", 1]}
    assert masked(NESTED, settings) == {
        **settings,
        "credentials": {"kind": "token", "token": "***"},
    }
    assert masked(None, {"url": "u", "n": 1, "key": "env:K"}) == {
        "url": "***", "n": 1, "key": "env:K",
    }  # fmt: skip
    assert masked({"type": "object"}, {"url": "u", "db": {"password": 1234}}) == {
        "url": "u", "db": {"password": "***"},
    }  # fmt: skip
    assert masked(None, {"pin_token": 1234}) == {"pin_token": "***"}


COMMANDS = [
    # a command, as it is shown
    (["x", "--token=t", "--url=u"], ["x", "--token=***", "--url=u"]),
    (["x", "--api-key", "k", "-v"], ["x", "--api-key", "***", "-v"]),
    (["x", "DB_PASSWORD=p=q"], ["x", "DB_PASSWORD=***"]),
    # Where a secret is, is none; nor is what follows as an option of its own.
    (["x", "--token-file=/t", "--key-env", "P"], ["x", "--token-file=/t", "--key-env", "P"]),
    (["x", "--password-env", "P"], ["x", "--password-env", "P"]),
    (["x", "--secret", "--verbose"], ["x", "--secret", "--verbose"]),
]  # fmt: skip


@pytest.mark.parametrize(("command", "shown"), COMMANDS)
def test_a_command_is_shown_without_the_secrets_in_it(command: list[str], shown: list[str]) -> None:
    assert masked_command(command) == shown


@pytest.mark.parametrize("connector", ["salesforce", "stripe", "zendesk"])
def test_shipped_connectors_mark_their_secrets(connector: str) -> None:
    schema = load_manifest(connector)["spec"]["connection_specification"]
    given = dict.fromkeys(schema["properties"], "x")
    assert plain_secrets(schema, given)


def test_missing_and_unknown_settings_are_named() -> None:
    schema = {
        **_schema(base_url=PLAIN, key=SECRET),
        "required": ["base_url"],
        "additionalProperties": False,
    }
    assert setting_problems(schema, {"base_ulr": "x"}) == [
        "the setting `base_url` is missing",
        "there is no setting `base_ulr`; did you mean `base_url`?",
    ]
    assert setting_problems(schema, {"base_url": "x", "key": "env:K"}) == []
