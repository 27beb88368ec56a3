"""Reading from one source what is wanted now: single records, and the records under a parent."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from index.rejected import Rejection
from index.writer import Unstorable
from ingestion.airbyte.in_process import Record
from ingestion.live.budget import Budget
from ingestion.live.client import Answer, Client, NotReadable
from ingestion.mapping.format import Children, Lookup
from ingestion.mapping.mapper import Mapped, Unmappable
from ingestion.mapping.values import compile_paths
from ingestion.source import Source
from semantic_layer.freshness import Wanted

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# Ids of all known vendors are like this; anything else could change what a query asks for.
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:-]+")


@dataclass
class Found:
    """What the source has now, by stream."""

    records: dict[str, list[Mapped]] = field(default_factory=dict)
    gone: dict[str, list[str]] = field(default_factory=dict)  # keys of what it has no more
    rejected: dict[str, list[Rejection]] = field(default_factory=dict)


class LiveSource:
    """Live reads of one source for one tenant. Its methods block; call them from threads.

    All raise NoAnswer when the source does not give what is wanted, and BudgetSpent.
    """

    def __init__(self, source: Source, client: Client, tenant: str) -> None:
        self._source = source
        self._client = client
        self._mappers = {name: source.mapper(name, tenant) for name in source.mapped}

    def record(self, wanted: Wanted, budget: Budget) -> Found:
        """The record itself."""
        stream = self._source.stream_of(wanted.entity)
        if stream is None or self._source.mapped[stream].live.path is None:
            raise NotReadable(f"it does not give out a single {wanted.entity}")
        found = Found()
        self._read_one(stream, wanted.remote_id, budget, found)
        return found

    def listing(self, wanted: Wanted) -> Children | None:
        """How to list the wanted children; None when the source has nothing of the kind at all."""
        parent = self._source.stream_of(wanted.entity)
        if parent is None or self._source.stream_of(wanted.children or "") is None:
            return None
        listing = self._source.mapped[parent].live.children.get(wanted.children or "")
        if listing is None:
            raise NotReadable(f"it does not list {wanted.children} rows by {wanted.entity}")
        return listing

    def children(
        self, wanted: Wanted, listing: Children, held: Collection[str], budget: Budget
    ) -> Found:
        """The records under a parent, and what became of those held that it no longer lists.

        Those are read one by one: they may have moved, or be gone.
        """
        found = Found()
        listed: set[str | None] = set()
        for record, answer in self._list(wanted.remote_id, listing, budget):
            if record is None:
                parent = self._source.stream_of(wanted.entity)
                self._read_one(parent or "", wanted.remote_id, budget, found)
            else:
                listed.add(self._take(listing.stream, record, answer, found))
        if self._source.mapped[listing.stream].live.path is not None:
            for key in sorted(key for key in held if key not in listed):
                self._read_one(listing.stream, key, budget, found)
        return found

    def _read_one(self, stream: str, key: str, budget: Budget, found: Found) -> None:
        live = self._source.mapped[stream].live
        budget.spend()
        answer = self._client.get(
            _filled(live.path or "", {"id": quote(_plain(key), safe="")}),
            seconds=budget.seconds_left,
        )
        record = answer.body
        if record is not None and live.record is not None:
            record = compile_paths(live.record)(record)
        if record is None:
            found.gone.setdefault(stream, []).append(key)
        else:
            self._take(stream, record, answer, found)

    def _take(self, stream: str, record: Record, answer: Answer, found: Found) -> str | None:
        """Map a record; returns its key, or None when it cannot be mapped."""
        stamp = self._source.mapped[stream].live.answered_at
        if stamp is not None:
            record = {**record, stamp: int(answer.at.timestamp())}
        try:
            mapped = self._mappers[stream].map(record, at=answer.at)
        except (Unmappable, Unstorable) as error:
            rejection = self._mappers[stream].rejection(record, error)
            found.rejected.setdefault(stream, []).append(rejection)
            return None
        key = mapped.incoming.key
        if mapped.deleted:
            found.gone.setdefault(stream, []).append(key)
        else:
            found.records.setdefault(stream, []).append(mapped)
        return key

    def _list(
        self, parent: str, listing: Children, budget: Budget
    ) -> Iterator[tuple[Record | None, Answer]]:
        """The records of all pages; a single None when the source has no such parent."""
        words = {"id": _plain(parent)}
        for name, lookup in listing.lookup.items():
            words[name] = self._words(f"{listing.stream}/{name}", lookup, budget)
        added = {name: _number_or_text(_filled(text, words)) for name, text in listing.add.items()}
        address = _filled(listing.path, words)
        parameters: dict[str, str] | None = {
            name: _filled(text, words) for name, text in listing.parameters.items()
        }
        while True:
            budget.spend()
            answer = self._client.get(address, parameters, seconds=budget.seconds_left)
            if answer.body is None:
                yield None, answer
                return
            page = compile_paths(listing.records)(answer.body) or []
            for record in page:
                yield {**record, **added}, answer
            following = _next_page(listing, answer.body, address, parameters)
            if not page or following is None:
                return
            address, parameters = following

    def _words(self, name: str, lookup: Lookup, budget: Budget) -> str:
        def read() -> str:
            budget.spend()
            body = self._client.get(lookup.path, seconds=budget.seconds_left).body or {}
            value = compile_paths(lookup.value)
            return ", ".join(str(value(entry)) for entry in compile_paths(lookup.each)(body) or [])

        return self._client.once(name, read)


def _next_page(
    listing: Children, body: Mapping[str, Any], address: str, parameters: dict[str, str] | None
) -> tuple[str, dict[str, str] | None] | None:
    if listing.more is not None and not compile_paths(listing.more)(body):
        return None
    if listing.next is not None:
        following = compile_paths(listing.next)(body)
        return (str(following), None) if following else None
    if listing.after is not None:
        last = compile_paths(listing.records)(body)[-1]
        return address, {**(parameters or {}), listing.after: str(last["id"])}
    return None


def _filled(template: str, words: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: words[match[1]], template)


def _plain(key: str) -> str:
    if _PLAIN_ID.fullmatch(key) is None:
        raise NotReadable("the id has characters that no id of this source has")
    return key


def _number_or_text(text: str) -> int | str:
    """A key of digits is a number in the source's own records, so it joins them as one."""
    return int(text) if text.isascii() and text.isdigit() else text
