"""Texts embedded in the background, by a real model: each once, and none for nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import delete, select, text

from index.embedding import (
    Encoder,
    VisibleTexts,
    active_models,
    begin_model,
    drop_model,
    is_anything_due,
    load_encoder,
    nearest,
    pause,
    resume,
    serving_model,
)
from index.embedding.encoder import PACKAGED
from index.errors import ConfigurationError, InvalidRequest
from ingestion.embedding import Embedded
from tests.ingestion.embedding.conftest import Models
from tests.ingestion.embedding.library import TENANT, Library, ticket_id

SUBJECTS = {
    "printer": "The printer does not print any more",
    "invoice": "We were charged twice for March",
    "login": "I cannot sign in, my password is not accepted",
}


async def _found(library: Library, words: str) -> str:
    """The name of the ticket that is nearest to the words."""
    tickets = library.tables["ticket"]
    visible = VisibleTexts(
        TENANT,
        "ticket",
        select(tickets.c.id).where(tickets.c.tenant_id == TENANT),
        frozenset({"subject"}),
    )
    async with library.database.reading(TENANT) as connection:
        model = await serving_model(connection)
        assert model is not None
        (vector,) = library.load(model.name, model.path).encode([words])
        hits = await nearest(connection, visible, model, vector, limit=1)
    return next(name for name in SUBJECTS if ticket_id(name) == hits[0].row_id)


@pytest.mark.anyio
async def test_texts_are_found_by_what_they_mean(library: Library) -> None:
    library.put(SUBJECTS)
    assert library.embed() == Embedded(rows=3, chunks=3, encoded=3)
    assert await _found(library, "billing mistake") == "invoice"
    assert await _found(library, "forgot my credentials") == "login"
    assert library.one("SELECT count(*) FROM pg_index WHERE indisvalid AND"
                       " indexrelid = 'remit.embedding_1_ix'::regclass") == 1  # fmt: skip


def test_what_did_not_change_is_not_embedded_again(library: Library, models: Models) -> None:
    library.put(SUBJECTS)
    library.embed()
    models.texts.clear()
    library.put(SUBJECTS, status="OPEN")
    assert library.embed() == Embedded()
    library.put({"printer": "The printer prints again"})
    assert library.embed() == Embedded(rows=1, chunks=1, encoded=1)
    # The same text in another row or field, and in the same batch.
    library.put({"other": SUBJECTS["invoice"], "third": "Hello"}, description="Hello")
    assert library.embed() == Embedded(rows=2, chunks=4, encoded=1, reused=3)
    assert models.texts == ["The printer prints again", "Hello"]


def test_a_text_that_leaves_takes_its_vectors_and_what_is_due_along(library: Library) -> None:
    library.put(SUBJECTS)
    library.embed()
    library.put({"later": "not embedded yet"})
    with library.database.writing() as connection:
        connection.execute(text("DELETE FROM entity.ticket"))
    assert library.states() == {PACKAGED: ("serving", 0, 0)}
    assert library.backlog().rows == 0


def test_a_row_that_changes_while_it_is_encoded_is_embedded_as_it_is_then(
    library: Library,
) -> None:
    library.put(SUBJECTS)
    changes = iter([{"printer": "changed meanwhile"}])

    class Meanwhile:
        """Encodes while somebody writes."""

        def __init__(self, encoder: Encoder) -> None:
            self._encoder = encoder
            self.dimensions = encoder.dimensions
            self.fingerprint = encoder.fingerprint

        def encode(self, texts: Sequence[str]) -> list[list[float]]:
            library.put(next(changes, {"login": SUBJECTS["login"]}))
            return self._encoder.encode(texts)

    job = library.job(lambda name, path: Meanwhile(library.load(name, path)))
    job.run(Event())
    assert (job.done.encoded, library.states()) == (4, {PACKAGED: ("serving", 3, 0)})


def test_pause_holds_everywhere_until_resumed(library: Library) -> None:
    library.put(SUBJECTS)
    with library.database.writing() as connection:
        pause(connection)
        pause(connection)
        assert not is_anything_due(connection, library.tables)
    assert library.embed() == Embedded()
    assert (library.backlog().paused, library.backlog().rows) == (True, 3)
    with library.database.writing() as connection:
        resume(connection)
        assert is_anything_due(connection, library.tables)
    assert library.embed().encoded == 3
    with library.database.writing() as connection:
        assert not is_anything_due(connection, library.tables)


@pytest.mark.anyio
async def test_another_model_is_built_beside_the_one_that_serves(
    library: Library, small_model: str
) -> None:
    library.put(SUBJECTS)
    library.embed()
    library.use("small", small_model)
    assert library.states() == {PACKAGED: ("serving", 3, 0), "small": ("building", 0, 3)}
    with pytest.raises(InvalidRequest, match="small is being built already"):
        library.use("third", small_model)
    with pytest.raises(InvalidRequest, match="serves: search stands on it"):
        drop_model(library.database, PACKAGED)
    # Stopped in the middle: search answers by the old one, and new texts are made for both.
    stopping = Event()
    job = library.job(batch=1)
    job.run(stopping, lambda _: stopping.set())
    assert library.states()["small"] == ("building", 1, 2)
    assert await _found(library, "billing mistake") == "invoice"
    library.put({"fourth": "What about a refund?"})
    library.embed()
    assert library.states() == {PACKAGED: ("retired", 4, 0), "small": ("serving", 4, 0)}
    assert await _found(library, SUBJECTS["login"]) == "login"
    # A new text is for the one that serves; the old one can be dropped, or built again.
    library.put({"fifth": "One more"})
    library.embed()
    assert library.states() == {PACKAGED: ("retired", 4, 0), "small": ("serving", 5, 0)}
    library.use(PACKAGED, None)
    assert library.states()[PACKAGED] == ("building", 4, 1)
    library.embed()
    drop_model(library.database, "small")
    assert library.states() == {PACKAGED: ("serving", 5, 0)}
    assert library.one("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%hnsw%'") == 1


def test_a_model_is_begun_beside_a_sync_that_removes_texts_and_stops(
    library: Library, small_model: str
) -> None:
    library.put(SUBJECTS)
    library.embed()
    with library.database.session() as syncing:
        syncing.execute(text("BEGIN"))
        syncing.execute(delete(library.tables["ticket"]))
        begin_model(library.database, "small", small_model, 16)  # waits for no one
        syncing.execute(text("ROLLBACK"))
    library.embed()
    assert library.states() == {PACKAGED: ("retired", 3, 0), "small": ("serving", 3, 0)}


def test_while_an_index_is_made_no_model_is_dropped(library: Library, small_model: str) -> None:
    library.put(SUBJECTS)
    library.use("small", small_model)
    library.use(PACKAGED, None)
    with library.database.session() as indexing:
        indexing.execute(text("SELECT pg_advisory_lock(7365142)"))
        with pytest.raises(InvalidRequest, match="being indexed at this moment"):
            drop_model(library.database, PACKAGED)
        indexing.execute(text("SELECT pg_advisory_unlock(7365142)"))
    assert library.states()[PACKAGED][0] == "building"
    drop_model(library.database, PACKAGED)
    assert PACKAGED not in library.states()


def test_an_index_that_was_not_finished_is_made_anew(library: Library, small_model: str) -> None:
    library.use("small", small_model)
    library.put(SUBJECTS)
    library.embed()
    of_vectors = "FROM pg_index WHERE indexrelid = 'remit.embedding_1_ix'::regclass"
    with library.database.writing() as connection:
        connection.execute(text("UPDATE pg_index SET indisvalid = false "
                                "WHERE indexrelid = 'remit.embedding_1_ix'::regclass"))  # fmt: skip
    library.embed()
    assert library.one(f"SELECT indisvalid {of_vectors}") is True


def test_a_text_that_a_model_makes_nothing_of_holds_up_no_other(
    library: Library, small_model: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Damaged:
        """Gives what is no number for one of the texts."""

        def __init__(self, encoder: Encoder) -> None:
            self._encoder = encoder
            self.dimensions = encoder.dimensions
            self.fingerprint = encoder.fingerprint

        def encode(self, texts: Sequence[str]) -> list[list[float]]:
            vectors = self._encoder.encode(texts)
            vectors[list(texts).index(SUBJECTS["login"])] = [float("nan")] * self.dimensions
            return vectors

    library.use("small", small_model)
    library.put(SUBJECTS)
    library.job(lambda name, path: Damaged(library.load(name, path))).run(Event())
    assert library.states() == {"small": ("serving", 3, 0)}
    assert "small makes nothing of 1 texts" in caplog.text
    assert SUBJECTS["login"] not in caplog.text


def test_a_model_is_one_folder_for_good(library: Library, small_model: str) -> None:
    library.put(SUBJECTS)
    library.embed()
    with pytest.raises(InvalidRequest, match="give this one another name"):
        library.use(PACKAGED, small_model)
    with pytest.raises(InvalidRequest, match="There is no model other"):
        drop_model(library.database, "other")


def test_a_model_that_is_missing_here_leaves_the_other_at_work(
    library: Library, small_model: str
) -> None:
    library.put(SUBJECTS)
    library.embed()
    library.use("small", small_model)
    library.put({"fourth": "One more"})

    def load(name: str, path: str | None) -> Encoder:
        return load_encoder(name, "/nowhere") if path else library.load(name, path)

    library.job(load).run(Event())
    with library.database.writing() as connection:
        assert is_anything_due(connection, library.tables)  # left to machines that have it
    assert library.states() == {PACKAGED: ("serving", 4, 0), "small": ("building", 0, 4)}


# A model that cannot be had: its name and folder, and what is said.
MISSING = [
    ("other", None, "no packaged model 'other'; there is all-minilm-l6-v2"),
    ("mine", "/nowhere/mine", "no folder /nowhere/mine"),
    ("empty", "/", "cannot be loaded"),
]


@pytest.mark.parametrize(("name", "path", "said"), MISSING)
def test_a_model_that_is_missing_is_named(name: str, path: str | None, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_encoder(name, path)


_MOMENT = timedelta(milliseconds=1)
KILLED_AT = [1, 2, 3]
"""Before the vectors of which batch are stored."""


@pytest.mark.parametrize("batch", KILLED_AT)
def test_killed_while_it_embeds_nothing_is_lost_or_doubled(
    library: Library, small_model: str, batch: int
) -> None:
    library.use("small", small_model)
    library.put({f"t{number}": f"Question {number}" for number in range(60)})
    library.database.writer.dispose()
    child = os.fork()
    if child == 0:
        _embed_and_die(library, batch)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    _, embedded, due = library.states()["small"]
    assert (embedded, embedded + due) == (20 * (batch - 1), 60)
    # What the killed one had taken is taken again as soon as its time is over.
    while library.states()["small"][2]:
        library.embed()
    assert library.states() == {"small": ("serving", 60, 0)}


def _embed_and_die(library: Library, batch: int) -> None:
    """In a process of its own: kill it between two transactions."""
    calls = iter(range(1, 100))

    class Deadly:
        def __init__(self, encoder: Encoder) -> None:
            self._encoder = encoder
            self.dimensions = encoder.dimensions
            self.fingerprint = encoder.fingerprint

        def encode(self, texts: Sequence[str]) -> list[list[float]]:
            if next(calls) == batch:
                os.kill(os.getpid(), signal.SIGKILL)
            return self._encoder.encode(texts)

    try:
        library.job(
            lambda name, path: Deadly(library.load(name, path)), batch=20, lease=_MOMENT
        ).run(Event())
    finally:
        os._exit(1)


def test_two_at_once_do_each_text_once(library: Library, models: Models, small_model: str) -> None:
    library.use("small", small_model)
    library.put({f"t{number}": f"Question {number}" for number in range(60)})
    other = library.job(batch=20)

    class Beside:
        """Lets the other go on while this one has a batch in hand."""

        def __init__(self, encoder: Encoder) -> None:
            self._encoder = encoder
            self.dimensions = encoder.dimensions
            self.fingerprint = encoder.fingerprint

        def encode(self, texts: Sequence[str]) -> list[list[float]]:
            other.run(Event())
            return self._encoder.encode(texts)

    job = library.job(lambda name, path: Beside(library.load(name, path)), batch=20)
    job.run(Event())
    assert (job.done.encoded, other.done.encoded) == (20, 40)
    assert sorted(models.texts) == sorted({f"Question {number}" for number in range(60)})
    with library.database.writing() as connection:
        assert [model.name for model in active_models(connection)] == ["small"]
