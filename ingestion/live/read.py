"""Reading from one source what is wanted now: single records, and the records under a parent."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from index.incoming import Unstorable
from index.rejected import Rejection
from ingestion.airbyte.cdk import InterpolatedString
from ingestion.airbyte.connector import Record
from ingestion.live.budget import Budget
from ingestion.live.client import Answer, Client, NoAnswer, NotReadable
from ingestion.mapping.format import PLACEHOLDER, Children, Join, Live, Lookup, Pages
from ingestion.mapping.mapper import Mapped, Unmappable
from ingestion.mapping.values import compile_condition, compile_paths, entries
from ingestion.source import Source
from semantic_layer.freshness import Wanted

# Ids of all known vendors are like this; anything else could change what a query asks for, and dots
# alone lead to another address.
_PLAIN_ID = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_.:-]*")


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
        self._transformations = {
            name: source.transformation(name)
            for name, stream in source.mapped.items()
            if stream.live.transformed
        }

    def close(self) -> None:
        """Close the connections; a read under way comes to its end."""
        self._client.close()

    def record(self, wanted: Wanted, budget: Budget) -> Found:
        """The record itself."""
        if self._live(wanted.stream).path is None:
            raise NotReadable(f"it does not give out single records of {wanted.stream}")
        found = Found()
        self._read_one(wanted.stream, wanted.remote_id, budget, found)
        return found

    def listings(self, wanted: Wanted) -> tuple[Children, ...]:
        """How to list the wanted children; nothing when none of the kind are read of the source."""
        entity = wanted.children or ""
        given = {
            name
            for name, stream in self._source.mapped.items()
            if entity in stream.entity_names and self._source.reads(name)
        }
        listings = self._live(wanted.stream).children.get(entity, ())
        if given and not listings:
            raise NotReadable(f"it does not list {entity} rows by the records of {wanted.stream}")
        return tuple(listing for listing in listings if listing.stream in given)

    def children(
        self,
        wanted: Wanted,
        listing: Children,
        held: Collection[str],
        budget: Budget,
        found: Found,
    ) -> None:
        """Find the records under a parent, and what became of those held that it no longer lists.

        Those are read one by one: they may have moved, or be gone. What never moves is gone.
        """
        listed: set[str | None] = set()
        pages: list[Answer] = []
        for record, answer in self._list(wanted.remote_id, listing, budget):
            if not pages or pages[-1] is not answer:
                pages.append(answer)
            if record is None:
                self._read_one(wanted.stream, wanted.remote_id, budget, found)
            elif listing.key is not None:
                key = str(compile_paths(listing.key)(record))
                listed.add(key)
                self._read_one(listing.stream, key, budget, found)
            else:
                listed.add(self._take(listing.stream, record, answer, found))
        missing = sorted(key for key in held if key not in listed)
        if not listed or (missing and listing.stays):
            self._believe(wanted.stream, budget)
        if listing.stays:
            # One that was listed and cannot be used is there all the same, and one may have slipped
            # from a page onto the one before it, which only a total tells.
            has_total = listing.pages is not None and listing.pages.total is not None
            is_whole = len(pages) <= 1 or has_total
            if missing and is_whole and listing.stream not in found.rejected:
                found.gone.setdefault(listing.stream, []).extend(missing)
        elif self._source.mapped[listing.stream].live.path is not None:
            for key in missing:
                self._read_one(listing.stream, key, budget, found)

    def _live(self, stream: str) -> Live:
        """How the records of the stream are read; not at all, when the mapping knows none."""
        mapping = self._source.mapped.get(stream)
        return mapping.live if mapping is not None else Live()

    def _read_one(self, stream: str, key: str, budget: Budget, found: Found) -> None:
        live = self._source.mapped[stream].live
        words = {"id": _plain(key), **self._lookups(live.lookup, budget)}
        budget.spend()
        answer = self._client.get(
            _filled(live.path or "", {**words, "id": quote(words["id"], safe="")}),
            self._parameters(live.parameters, words),
            seconds=budget.seconds_left,
        )
        record = answer.body
        if record is not None and live.record is not None:
            record = compile_paths(live.record)(record)
        if record is None:
            self._believe(stream, budget)
            found.gone.setdefault(stream, []).append(key)
            return
        joined = {name: self._joined(join, record, budget) for name, join in live.join.items()}
        taken = self._take(stream, {**record, **joined}, answer, found)
        if taken not in (None, key):
            # Another record stands for it: the one it was merged into.
            found.gone.setdefault(stream, []).append(key)

    def _believe(self, stream: str, budget: Budget) -> None:
        """Raise NoAnswer when the source may have said to a stranger that there is nothing."""
        address = self._source.mapped[stream].live.signed_in
        if address is not None:
            budget.spend()
            if self._client.get(address, seconds=budget.seconds_left).body is None:
                raise NoAnswer("it does not know who asks; check the credentials")

    def _take(self, stream: str, record: Record, answer: Answer, found: Found) -> str | None:
        """Map a record; returns its key, or None when it cannot be mapped."""
        stamp = self._source.mapped[stream].live.answered_at
        if stamp is not None:
            record = {**record, stamp: int(answer.at.timestamp())}
        try:
            if stream in self._transformations:
                record = self._transformations[stream](record)
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
        words = {"id": _plain(parent), **self._lookups(listing.lookup, budget)}
        added = {name: _number_or_text(_filled(text, words)) for name, text in listing.add.items()}
        address = _filled(listing.path, words)
        parameters: dict[str, str] | None = self._parameters(listing.parameters, words)
        so_far, total = 0, None
        while True:
            budget.spend()
            answer = self._client.get(address, parameters, seconds=budget.seconds_left)
            if answer.body is None:
                yield None, answer
                return
            page = _page(listing, answer)
            for entry in page:
                record = compile_paths(listing.record)(entry) if listing.record else entry
                yield {**record, **added}, answer
            so_far += len(page)
            if listing.pages is None:
                return
            if listing.pages.total is not None:
                total, before = compile_paths(listing.pages.total)(answer.body), total
                if before not in (None, total):
                    raise NoAnswer("its list changed while it was read")
            following = _next_page(listing.pages, answer, page, so_far)
            if following is None:
                return
            if isinstance(following, str):
                address, parameters = following, None
            else:
                parameters = {**(parameters or {}), **following}

    def _parameters(self, given: Mapping[str, str], words: Mapping[str, str]) -> dict[str, str]:
        """Those of a request: first the settings, then the words, which are nobody's templates."""
        return {name: _filled(self._with_settings(text), words) for name, text in given.items()}

    def _with_settings(self, text: str) -> str:
        if "{{" not in text:
            return text
        return str(InterpolatedString.create(text, parameters={}).eval(self._source.settings))

    def _lookups(self, lookups: Mapping[str, Lookup], budget: Budget) -> dict[str, str]:
        return {name: self._words(lookup, budget) for name, lookup in lookups.items()}

    def _words(self, lookup: Lookup, budget: Budget) -> str:
        def read() -> str:
            value, counts = compile_paths(lookup.value), compile_condition(lookup.when)
            found = self._entries(lookup.path, lookup.each, budget)
            return ",".join(str(value(entry)) for entry in found if counts(entry))

        return self._client.once(repr(lookup), read)

    def _joined(self, join: Join, record: Record, budget: Budget) -> Record | None:
        """The entry that the record names; None when it names none, or one that there is not."""

        def read() -> dict[str, Record]:
            key = compile_paths(join.key)
            return {
                str(key(entry)): {kept: entry.get(kept) for kept in join.keep}
                for entry in self._entries(join.path, join.each, budget)
            }

        wanted = compile_paths(join.of)(record)
        if wanted is None:
            return None
        known = self._client.once(repr(join), read)
        if str(wanted) not in known:
            known = self._client.once(repr(join), read, anew=True)  # it may be a new one
        return known.get(str(wanted))

    def _entries(self, path: str, each: str, budget: Budget) -> list[Any]:
        budget.spend()
        return entries(self._client.get(path, seconds=budget.seconds_left).body, each)


def _page(listing: Children, answer: Answer) -> list[Any]:
    """The entries of the list in the answer."""
    body: Any = answer.body
    found = body if listing.records is None else compile_paths(listing.records)(body)
    return found or []


def _next_page(
    pages: Pages, answer: Answer, page: Sequence[Any], so_far: int
) -> str | dict[str, str] | None:
    """The address of the next page, or the parameter that asks for it; None after the last.

    Raises NoAnswer for an empty page after which there should be others.
    """
    body: Any = answer.body
    if pages.more is not None and not compile_paths(pages.more)(body):
        return None
    if pages.total is not None and so_far >= int(compile_paths(pages.total)(body) or 0):
        return None
    if not page and (pages.offset is not None or pages.after is not None):
        if pages.total is None and pages.more is None:
            return None
        raise NoAnswer("it broke off a list before its end")
    if pages.offset is not None:
        return {pages.offset: str(so_far)}
    if pages.after is not None:
        return {pages.after: str(page[-1]["id"])}
    following = answer.next if pages.next is None else compile_paths(pages.next)(body)
    if not following:
        return None
    return {pages.into: str(following)} if pages.into is not None else str(following)


def _filled(template: str, words: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: words[match[1]], template)


def _plain(key: str) -> str:
    if _PLAIN_ID.fullmatch(key) is None:
        raise NotReadable("the id has characters that no id of this source has")
    return key


def _number_or_text(text: str) -> int | str:
    """A key of digits is a number in the source's own records, so it joins them as one."""
    return int(text) if text.isascii() and text.isdigit() else text
