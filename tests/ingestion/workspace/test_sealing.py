"""Sealed secrets: who has the database alone has nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.database import Database
from index.errors import ConfigurationError, InvalidRequest
from ingestion.workspace.sealing import CannotUnseal, Seal
from ingestion.workspace.secret_table import (
    is_secret_name,
    remove_secret,
    reseal,
    sealed_secrets,
    set_secret,
)

KEY = b"one-key-that-is-long-enough-to-be-taken-as-one"
OTHER = b"another-key-that-is-long-enough-to-be-taken-as-one"
CANARY = "c4nary-in-the-coal-mine"


@given(st.text(), st.text(), st.text())
def test_what_was_sealed_opens_under_its_own_name_alone(text: str, tenant: str, name: str) -> None:
    try:
        sealed = Seal([KEY]).seal(text, tenant, name)
    except UnicodeEncodeError:  # half of a character is in no text that we read
        return
    assert Seal([KEY]).unseal(sealed, tenant, name) == text
    for elsewhere in ((tenant, name + "x"), (tenant + "x", name)):
        with pytest.raises(CannotUnseal):
            Seal([KEY]).unseal(sealed, *elsewhere)


def test_the_same_secret_never_looks_the_same() -> None:
    seal = Seal([KEY])
    assert seal.seal(CANARY, "main", "a") != seal.seal(CANARY, "main", "a")


def test_several_keys_open_and_the_first_seals() -> None:
    old = Seal([KEY]).seal(CANARY, "main", "a")
    both = Seal([OTHER, KEY])
    assert both.unseal(old, "main", "a") == CANARY
    assert not both.is_current(old)
    new = both.seal(CANARY, "main", "a")
    assert both.is_current(new)
    assert Seal([OTHER]).unseal(new, "main", "a") == CANARY
    with pytest.raises(CannotUnseal, match="another key"):
        Seal([KEY]).unseal(new, "main", "a")


def test_no_part_of_a_sealed_text_can_be_changed() -> None:
    seal = Seal([KEY])
    sealed = seal.seal(CANARY, "main", "a")
    changed = [
        sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        # The last letters of Base64 have bits that count for nothing.
        for place in range(len(sealed) - 3)
    ]
    for broken in (*changed, "", "1", "1:", sealed[:20], f"{sealed}*"):
        with pytest.raises(CannotUnseal) as refused:
            seal.unseal(broken, "main", "a")
        assert CANARY not in str(refused.value)


@pytest.mark.parametrize("keys", [[], [b""], [KEY, b"short"]])
def test_a_key_that_is_too_short_is_refused(keys: list[bytes]) -> None:
    with pytest.raises(ConfigurationError, match="32 bytes") as refused:
        Seal(keys)
    assert "'short'" not in str(refused.value)


def test_secrets_are_kept_sealed_and_sealed_anew(database: Database) -> None:
    old, both = Seal([KEY]), Seal([OTHER, KEY])
    with database.writing() as connection:
        assert set_secret(connection, old, "main", "a", CANARY)
        assert not set_secret(connection, old, "main", "a", CANARY)
        set_secret(connection, both, "main", "b", CANARY)
        set_secret(connection, old, "elsewhere", "a", CANARY)
    with database.writing() as connection:
        assert reseal(connection, both, "main") == 1
        assert reseal(connection, both, "main") == 0
    with database.writing() as connection:
        held = sealed_secrets(connection, "main")
        assert list(held) == ["a", "b"]
        assert CANARY not in repr(held)
        for name, secret in held.items():
            assert Seal([OTHER]).unseal(secret.sealed, "main", name) == CANARY
        assert not both.is_current(sealed_secrets(connection, "elsewhere")["a"].sealed)
        assert remove_secret(connection, "main", "a")
        assert not remove_secret(connection, "main", "a")


def test_nothing_is_sealed_anew_when_a_key_is_missing(database: Database) -> None:
    with database.writing() as connection:
        set_secret(connection, Seal([KEY]), "main", "a", CANARY)
    before = _sealed(database)
    with pytest.raises(CannotUnseal), database.writing() as connection:
        reseal(connection, Seal([OTHER]), "main")
    assert _sealed(database) == before


def _sealed(database: Database) -> list[str]:
    with database.writing() as connection:
        return [held.sealed for held in sealed_secrets(connection, "main").values()]


# What cannot be a secret, or a secret's name.
UNFIT = [("a", ""), ("a", " \n"), ("a", "x\0y"), ("a", "x" * 65_537), ("a b", "x"), ("../a", "x")]


@pytest.mark.parametrize(("name", "text"), UNFIT)
def test_what_cannot_be_used_is_refused(database: Database, name: str, text: str) -> None:
    with pytest.raises(InvalidRequest), database.writing() as connection:
        set_secret(connection, Seal([KEY]), "main", name, text)
    assert _sealed(database) == []


def test_names_of_secrets() -> None:
    assert is_secret_name("zendesk-emea.credentials.api_token")
    assert not is_secret_name("")
    assert not is_secret_name("a" * 201)
