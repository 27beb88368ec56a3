"""A model that hangs, and one whose files are not those that the index was made by."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from socket import gethostname
from threading import Event

import pytest
from sqlalchemy import text

from index.embedding import Encoder, load_encoder
from index.embedding.fingerprint import folder_fingerprint
from index.errors import InvalidRequest
from ingestion.embedding.patience import HUNG
from tests.ingestion.embedding.library import Library

SUBJECTS = {"printer": "The printer does not print", "login": "I cannot sign in"}


def _problem(library: Library, name: str) -> str | None:
    return next(each.problem for each in library.backlog().models if each.model.name == name)


HANGS_AT = ["load", "encode"]


@pytest.mark.parametrize("where", HANGS_AT)
def test_a_model_that_hangs_ends_its_process_and_is_told(
    library: Library, small_model: str, where: str
) -> None:
    library.use("small", small_model)
    library.put(SUBJECTS)
    library.database.writer.dispose()
    child = os.fork()
    if child == 0:
        _hang(library, where)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == HUNG
    told = _problem(library, "small")
    assert told is not None
    assert told.startswith(f"{gethostname()}: it did not come back within 0.2 s")
    # Another process goes on with what it had taken, and then all is well.
    with library.database.writing() as connection:
        connection.execute(text("UPDATE remit.embedding_due SET taken_until = NULL"))
    library.embed()
    assert library.states() == {"small": ("serving", 2, 0)}
    assert _problem(library, "small") is None


def _hang(library: Library, where: str) -> None:
    """In a process of its own."""

    class Hanging:
        def __init__(self, encoder: Encoder) -> None:
            self.dimensions = encoder.dimensions
            self.fingerprint = encoder.fingerprint

        def encode(self, texts: Sequence[str]) -> list[list[float]]:
            Event().wait()
            return [[] for _ in texts]

    def load(name: str, path: str | None) -> Encoder:
        if where == "load":
            Event().wait()
        return Hanging(library.load(name, path))

    try:
        library.job(load, patience=timedelta(seconds=0.2)).run(Event())
    finally:
        os._exit(1)


@pytest.fixture
def moved_model(small_model: str, tmp_path: Path) -> Path:
    """The small model in a folder that a test may change."""
    return Path(shutil.copytree(small_model, tmp_path / "model"))


def _with_other_weights(folder: Path) -> None:
    weights = next(folder.rglob("*.safetensors"))
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)


def test_other_files_under_the_same_name_are_refused(library: Library, moved_model: Path) -> None:
    library.put(SUBJECTS)
    library.use("mine", str(moved_model))
    library.embed()
    _with_other_weights(moved_model)
    library.put({"third": "One more"})
    library.job(load_encoder).run(Event())
    assert library.states() == {"mine": ("serving", 2, 1)}
    told = _problem(library, "mine")
    assert told is not None
    assert "has other files here than those that the index was made by" in told
    assert "remit embedding use" in told
    with pytest.raises(InvalidRequest, match="There is a model mine already, of other files"):
        _use_anew(library, "mine", moved_model)
    # The way out: they are built beside it, and serve when they are complete.
    _use_anew(library, "mine-2", moved_model)
    library.job(load_encoder).run(Event())
    assert library.states() == {"mine": ("retired", 2, 1), "mine-2": ("serving", 3, 0)}


def _use_anew(library: Library, name: str, folder: Path) -> None:
    # Not what the tests have loaded, which stands for a process that started before.
    library.load, load = load_encoder, library.load
    try:
        library.use(name, str(folder))
    finally:
        library.load = load


def test_a_model_without_a_fingerprint_gets_that_of_the_files_it_is_loaded_from(
    library: Library, moved_model: Path
) -> None:
    library.use("mine", str(moved_model))
    with library.database.writing() as connection:
        connection.execute(text("UPDATE remit.embedding_model SET fingerprint = NULL"))
    library.put(SUBJECTS)
    library.embed()
    held = library.one("SELECT fingerprint FROM remit.embedding_model")
    assert held == folder_fingerprint(moved_model)


def test_a_fingerprint_is_of_what_the_model_is_made_of(moved_model: Path) -> None:
    before = folder_fingerprint(moved_model)
    (moved_model / "README.md").write_text("read by people")
    (moved_model / ".cache").mkdir()
    (moved_model / ".cache" / "lock").write_text("")
    os.utime(next(moved_model.rglob("*.safetensors")), (0, 0))
    assert folder_fingerprint(moved_model) == before
    _with_other_weights(moved_model)
    assert folder_fingerprint(moved_model) != before
