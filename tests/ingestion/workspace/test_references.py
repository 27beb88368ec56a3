"""`env:NAME`, `file:PATH`, `sealed:NAME`: followed when they are needed, refused in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from index.errors import ConfigurationError
from ingestion.workspace.references import Vault, anchored, is_reference, sealed_names
from ingestion.workspace.sealing import Seal
from ingestion.workspace.secret_table import SealedSecret

CANARY = "c4nary-in-the-coal-mine"
SEAL = Seal([b"one-key-that-is-long-enough-to-be-taken-as-one"])


def _vault(**secrets: str) -> Vault:
    sealed = {
        name: SealedSecret(name, SEAL.seal(text, "main", name), datetime.now(UTC))
        for name, text in secrets.items()
    }
    return Vault("main", sealed, SEAL)


def _secret_file(folder: Path, content: bytes = CANARY.encode(), mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_references_are_followed_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TOKEN", "from-env")
    file = _secret_file(tmp_path, b"from-file\n")
    settings = {
        "plain": "text",
        "count": 3,
        "credentials": {"token": "env:A_TOKEN", "keys": [f"file:{file}", "sealed:a"]},
    }
    vault = _vault(a="from-seal")
    assert vault.resolved(settings, "x") == {
        "plain": "text",
        "count": 3,
        "credentials": {"token": "from-env", "keys": ["from-file", "from-seal"]},
    }
    assert settings["credentials"]["keys"][1] == "sealed:a"  # type: ignore[index]
    assert list(sealed_names(settings)) == ["a"]
    assert "from-seal" not in repr(vault)


def test_a_changed_secret_counts_from_the_next_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _secret_file(tmp_path, b"old")
    reference = f"file:{file}"
    assert _vault().resolved(reference, "x") == "old"
    file.write_bytes(b"new")
    assert _vault().resolved(reference, "x") == "new"


def test_a_file_of_several_lines_is_one_secret(tmp_path: Path) -> None:
    """As a private key is: its first line alone would be worth nothing."""
    file = _secret_file(tmp_path, b"-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n")
    found = _vault().resolved(f"file:{file}", "x")
    assert found == "-----BEGIN KEY-----\nAAAA\n-----END KEY-----"


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    # how it is made, what is said
    "not there": (lambda _: None, "No such file"),
    "readable by everybody": (lambda folder: _secret_file(folder, mode=0o604), "chmod o-rwx"),
    "writable by everybody": (lambda folder: _secret_file(folder, mode=0o602), "chmod o-rwx"),
    "a folder": (lambda folder: (folder / "secret").mkdir(), "directory"),
    # A pipe without a writer would hold whoever opens it for ever.
    "a pipe": (lambda folder: os.mkfifo(folder / "secret", 0o600), "no file"),
    "empty": (lambda folder: _secret_file(folder, b" \n"), "is empty"),
    "no text": (lambda folder: _secret_file(folder, b"\xff\xfe"), "no UTF-8"),
    "too long": (lambda folder: _secret_file(folder, b"x" * 70_000), "more than"),
}


@pytest.mark.parametrize(("make", "said"), FILES.values(), ids=FILES.keys())
def test_a_file_that_cannot_be_used(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path)
    with pytest.raises(ConfigurationError, match=said) as refused:
        _vault().resolved({"api_token": f"file:{tmp_path / 'secret'}"}, "source 'a'")
    assert "source 'a'.api_token" in str(refused.value)
    assert CANARY not in repr(refused.value)


def test_a_link_leads_to_the_file_that_counts(tmp_path: Path) -> None:
    """Mounted secrets are links, which are always open to everybody."""
    _secret_file(tmp_path)
    (tmp_path / "link").symlink_to("secret")
    assert _vault().resolved(f"file:{tmp_path / 'link'}", "x") == CANARY


def test_what_cannot_be_unsealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    monkeypatch.setenv("REMIT_SECRET_KEY", CANARY)
    monkeypatch.setenv("remit_database_url", CANARY)
    sealed = _vault(a=CANARY).sealed
    other = Seal([b"another-key-that-is-long-enough-to-be-taken-as-one"])
    cases = [
        # vault, reference, what is said
        (_vault(), "sealed:a", "remit secret set a"),
        (Vault("main", sealed), "sealed:a", "REMIT_SECRET_KEY"),
        (Vault("main", sealed, other), "sealed:a", "another key"),
        (Vault("elsewhere", sealed, SEAL), "sealed:a", "moved here"),
        (_vault(), "env:NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE"),
        # What opens everything else is not for whoever may name an address to send it to.
        (_vault(), "env:REMIT_SECRET_KEY", "settings of Remit itself"),
        # Settings are read without regard to case.
        (_vault(), "env:remit_database_url", "settings of Remit itself"),
    ]
    for vault, reference, said in cases:
        with pytest.raises(ConfigurationError, match=said) as refused:
            vault.resolved(reference, "source 'a', setting 'b'")
        assert CANARY not in repr(refused.value)


def test_only_files_are_anchored() -> None:
    given = {"a": "file:x", "b": ["file:/y"], "c": "env:Z", "d": 1}
    assert anchored(given, Path("/w")) == {"a": "file:/w/x", "b": ["file:/y"], "c": "env:Z", "d": 1}
    assert is_reference("sealed:x")
    assert not is_reference("https://x")
    assert not is_reference(7)
