from __future__ import annotations

from pathlib import Path

import pytest

from index.errors import ConfigurationError
from ingestion import Source, SourceConfig, load_sources
from semantic_layer import Model


def _file(directory: Path, content: str) -> Path:
    path = directory / "sources.yaml"
    path.write_text(content, encoding="utf-8")
    return path


def test_sources_are_read_and_secrets_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZENDESK_TOKEN", "top-secret")
    path = _file(
        tmp_path,
        """
        sources:
          zendesk-emea:
            connector: zendesk
            settings: {base_url: "https://acme.zendesk.com", api_token: "env:ZENDESK_TOKEN"}
          stripe-eu:
            connector: stripe
            settings: {api_key: [nested, "env:ZENDESK_TOKEN"]}
        """,
    )
    zendesk, stripe = load_sources(path)
    assert (zendesk.name, zendesk.connector) == ("zendesk-emea", "zendesk")
    assert zendesk.settings == {"base_url": "https://acme.zendesk.com", "api_token": "top-secret"}
    assert stripe.settings == {"api_key": ["nested", "top-secret"]}
    assert "top-secret" not in repr((zendesk, stripe))


BROKEN = [
    # content, what the error names
    ("sources: {a: {connector: stripe}}", "sources.a.settings"),
    ("sources: {a: {connector: stripe, settings: {}, schedule: 1}}", "sources.a.schedule"),
    ("streams: {}", "streams"),
    ("sources: [", "line 1"),
    ("sources: {a: {connector: x, settings: {key: 'env:NOT_SET_ANYWHERE'}}}", "NOT_SET_ANYWHERE"),
    ("sources: {a: {connector: x, settings: {key: 'env:NOT_SET_ANYWHERE'}}}", "source 'a'"),
]


@pytest.mark.parametrize(("content", "named"), BROKEN)
def test_broken_file_is_refused_with_the_place(tmp_path: Path, content: str, named: str) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(ConfigurationError) as refused:
        load_sources(path)
    assert named in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        "sources: {a: {connector: x, settings: 'top-secret'}}",
        "sources: {a: {connector: x, settings: {k: 'top-secret}}}",
        "sources: {a: 'top-secret'}",
    ],
)
def test_refusal_of_a_file_does_not_quote_it(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_sources(_file(tmp_path, content))
    assert "top-secret" not in f"{refused.value!r} {refused.value.__cause__!r}"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_sources(tmp_path / "nowhere.yaml")


SETTINGS = [
    # settings, what the error says
    ({"base_url": "https://x.example", "email": "a@b.example"}, "api_token is missing"),
    (
        {"base_url": "https://x.example", "email": "a", "api_token": "s3cret", "token": 1},
        "token is",
    ),
    ({"base_url": "https://x.example", "email": "a", "api_token": 12345678}, "api_token must have"),
]


@pytest.mark.parametrize(("settings", "said"), SETTINGS)
def test_settings_are_checked_by_the_connectors_own_specification(
    model: Model, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        Source(SourceConfig("zendesk-emea", "zendesk", settings), model.specs)
    assert "zendesk-emea" in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert "12345678" not in str(refused.value)


def test_unknown_connector(model: Model) -> None:
    with pytest.raises(ConfigurationError, match="there are salesforce, stripe, zendesk"):
        Source(SourceConfig("a", "hubspot", {}), model.specs)
