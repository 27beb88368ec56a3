"""Lists of what is gone, beside what is found there again while they are read or kept."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from ingestion.sync.replay import rejected, replay
from tests.ingestion.index_under_test import TENANT
from tests.ingestion.sync.desk.desk import DeskIndex

_PATIENCE = 30
_COMMENTS = """  comments:
    key: id
    entities:
      - entity: comment
        fields: {body: text}
        references:
          ticket_id: {path: ticket, stream: tickets}
          author_id: {path: author, stream: people}
"""
_BIN = "  comments: {key: id, deletes: people}\n"
ONE, OTHER = "p00007", "p00008"


@pytest.fixture
def binned(desk_index: DeskIndex, tmp_path: Path) -> DeskIndex:
    """A synced desk whose comments are the bin of its people, with nothing in it."""
    desk_index.remapped(tmp_path, _COMMENTS, _BIN)
    desk_index.desk.comments.clear()
    assert desk_index.read("companies", "people").complete
    return desk_index


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    """Where another run is at work."""
    with ThreadPoolExecutor(1) as aside:
        yield aside


def _throw_away(index: DeskIndex, *keys: str) -> None:
    for key in keys:
        index.desk.comments[key] = index.desk.people.pop(key)


def _restore(index: DeskIndex, key: str) -> None:
    index.desk.people[key] = index.desk.comments.pop(key)


def _replay(index: DeskIndex) -> tuple[int, int]:
    (outcome,) = replay(
        index.database, index.tables, index.model, index.source(), tenant=TENANT,
        streams=["comments"],
    )  # fmt: skip
    return outcome.accepted, outcome.rejected


def test_what_is_found_restored_while_the_bin_is_read_stays(binned: DeskIndex) -> None:
    _throw_away(binned, ONE)
    assert binned.read_one("comments").deleted == 1

    def restore_then_sync(stream: str) -> None:
        """The page of the bin is filled already, and not sent yet."""
        if stream == "comments" and ONE in binned.desk.comments:
            _restore(binned, ONE)
            assert binned.read_one("people").written == 1

    binned.desk.on_request = restore_then_sync
    assert binned.read_one("comments").deleted == 0
    assert ONE in binned.keys("contact")
    # Thrown away once more, it leaves once more.
    _throw_away(binned, ONE)
    binned.desk.on_request = lambda _: None
    assert binned.read_one("comments").deleted == 1
    assert ONE not in binned.keys("contact")


def test_what_is_found_restored_comes_back_though_the_bin_is_written_first(
    binned: DeskIndex, aside: ThreadPoolExecutor
) -> None:
    reading: list[Future[object]] = []
    begun, written = Event(), Event()

    def restore_then_wait(stream: str) -> None:
        if stream == "comments" and not reading:
            _restore(binned, ONE)
            reading.append(aside.submit(binned.read_one, "people"))
            assert begun.wait(_PATIENCE)
        elif stream == "people":
            begun.set()
            assert written.wait(_PATIENCE)

    _throw_away(binned, ONE)
    binned.desk.on_request = restore_then_wait
    assert binned.read_one("comments").deleted == 1
    written.set()
    reading[0].result(_PATIENCE)
    assert ONE in binned.keys("contact")


def test_a_tombstone_that_was_set_aside_takes_only_what_was_not_seen_since(
    binned: DeskIndex, tmp_path: Path
) -> None:
    binned.remapped(tmp_path, _BIN, _BIN.replace("key: id", "key: id, updated_at: at"))
    _throw_away(binned, ONE, OTHER)
    for record in binned.desk.comments.values():
        record["at"] = "yesterday"
    assert binned.read_one("comments").rejected == 2
    assert _replay(binned) == (0, 2)
    _restore(binned, OTHER)
    binned.desk.people[OTHER]["name"] = "Restored"
    # As long as the bin is not understood nothing is known of those in it.
    binned.desk.people[ONE] = binned.desk.comments[ONE]
    del binned.desk.people[ONE]["at"]
    assert binned.read_one("people").complete
    del binned.desk.people[ONE]
    assert {ONE, OTHER} <= binned.keys("contact")
    binned.remapped(tmp_path, ", updated_at: at", "")
    assert _replay(binned) == (2, 0)
    assert binned.keys("contact") & {ONE, OTHER} == {OTHER}
    assert rejected(binned.database, tenant=TENANT) == []
