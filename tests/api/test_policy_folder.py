"""A folder into which policies are pulled: nobody's work is lost in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.cli.policy.folder import ORIGIN_FILE, PolicyFolder
from index.errors import ConfigurationError, InvalidRequest

OLD = {"a.yaml": "1\n", "b.yaml": "1\n"}
NEW = {"a.yaml": "2\n", "c.yaml": "2\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder into which version 1 was pulled."""
    path = tmp_path / "policies"
    PolicyFolder(path).fill("main", 1, OLD, force=False)
    return path


def _files(path: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in path.iterdir() if file.name != ORIGIN_FILE}


def test_a_pull_leaves_what_the_version_has(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder / "d.yaml").write_text("mine")
    filled = PolicyFolder(folder).fill("main", 2, NEW, force=False)
    assert (filled.written, filled.removed, filled.kept) == (("a.yaml", "c.yaml"), ("b.yaml",), ())
    assert _files(folder) == {**NEW, "notes.txt": "mine", "d.yaml": "mine"}
    origin = PolicyFolder(folder).origin()
    assert origin is not None
    assert (origin.tenant, origin.version, set(origin.documents)) == ("main", 2, set(NEW))


def test_what_was_changed_here_and_not_there_is_kept(folder: Path) -> None:
    (folder / "a.yaml").write_text("mine")
    there = {**OLD, "b.yaml": "2\n"}
    filled = PolicyFolder(folder).fill("main", 2, there, force=False)
    assert (filled.written, filled.kept) == (("b.yaml",), ("a.yaml",))
    assert _files(folder) == {"a.yaml": "mine", "b.yaml": "2\n"}
    filled = PolicyFolder(folder).fill("main", 2, there, force=True)
    assert (filled.written, filled.kept) == (("a.yaml",), ())
    assert _files(folder) == there


def test_what_was_changed_is_overwritten_by_force_alone(folder: Path) -> None:
    (folder / "a.yaml").write_text("mine")
    (folder / "b.yaml").write_text("mine")
    (folder / "c.yaml").write_text("mine")
    before = _files(folder), PolicyFolder(folder).origin()
    with pytest.raises(InvalidRequest, match=r"lost:\n  a\.yaml\n  c\.yaml\n.*--force"):
        PolicyFolder(folder).fill("main", 2, NEW, force=False)
    assert (_files(folder), PolicyFolder(folder).origin()) == before
    filled = PolicyFolder(folder).fill("main", 2, NEW, force=True)
    assert filled.kept == ("b.yaml",)  # which is nowhere else
    assert _files(folder) == {**NEW, "b.yaml": "mine"}


def test_a_change_that_has_come_to_be_in_force_is_no_conflict(folder: Path) -> None:
    for name, text in NEW.items():
        (folder / name).write_text(text)
    assert PolicyFolder(folder).fill("main", 2, NEW, force=False).written == ()


def test_a_folder_that_was_not_pulled_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("mine")
    with pytest.raises(InvalidRequest, match=r"a\.yaml"):
        PolicyFolder(tmp_path).fill("main", 2, NEW, force=False)
    (tmp_path / "a.yaml").write_text("2\r\n")
    PolicyFolder(tmp_path).fill("main", 2, NEW, force=False)


def test_a_folder_of_another_tenant_is_left_alone(folder: Path) -> None:
    with pytest.raises(InvalidRequest, match="of the tenant main, not of other"):
        PolicyFolder(folder).fill("other", 2, NEW, force=False)
    assert _files(folder) == OLD


@pytest.mark.parametrize(
    "content",
    [
        "<<<<<<< HEAD",
        "{}",
        '{"tenant": "main", "version": "new", "documents": {}}',
        # Names of files that are elsewhere, whoever wrote them.
        '{"tenant": "main", "version": 1, "documents": {"../outside.yaml": "x"}}',
        '{"tenant": "main", "version": 1, "documents": {"/etc/outside.yaml": "x"}}',
    ],
)
def test_an_origin_that_cannot_be_read(folder: Path, content: str) -> None:
    (folder / ORIGIN_FILE).write_text(content)
    with pytest.raises(ConfigurationError, match="after a merge"):
        PolicyFolder(folder).fill("main", 2, NEW, force=False)
    assert _files(folder) == OLD
    PolicyFolder(folder).fill("main", 2, NEW, force=True)
    assert _files(folder) == {**NEW, "b.yaml": "1\n"}


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("1\n")
    (folder / "a.yaml").unlink()
    for name in ("a.yaml", ".a.yaml.part", "..remit-policies.json.part"):
        (folder / name).symlink_to(outside)
    PolicyFolder(folder).fill("main", 2, NEW, force=False)
    assert outside.read_text() == "1\n"
    assert _files(folder) == NEW
