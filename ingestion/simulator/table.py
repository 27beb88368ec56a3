"""Records in memory, found by id and walked in the orders that paged APIs need."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from typing import Any

Record = dict[str, Any]
Key = Any  # whatever sorts: a number, a text, a tuple of them
KeyOf = Callable[[Record], Key]
Test = Callable[[Record], bool]


class Order:
    """Records sorted by a key that no two of them share."""

    def __init__(self, records: Iterable[Record], key_of: KeyOf) -> None:
        self.records = sorted(records, key=key_of)
        self.key_of = key_of

    def __len__(self) -> int:
        return len(self.records)

    def add(self, record: Record) -> None:
        insort(self.records, record, key=self.key_of)

    def discard(self, record: Record) -> None:
        position = self.position(self.key_of(record))
        if position < len(self.records) and self.records[position] is record:
            del self.records[position]

    def position(self, key: Key) -> int:
        """The place of the first record whose key is not smaller."""
        return bisect_left(self.records, key, key=self.key_of)

    def after(self, key: Key) -> int:
        """The place of the first record whose key is larger."""
        return bisect_right(self.records, key, key=self.key_of)


class Table:
    """The records of one kind.

    `listed` holds those that pass `shown`, sorted by `listed_by`; `changed`, if `changed_by` is
    given, holds all of them by (time of last change, number of the change, id), so that whatever
    changes comes after everything before it, even within one tick of the vendor's clock; `of`
    gives those with one value in the `parent` field that pass `shown_to_parent`.
    """

    def __init__(
        self,
        records: Iterable[Record],
        *,
        listed_by: KeyOf,
        changed_by: KeyOf | None = None,
        shown: Test = lambda _: True,
        parent: str | None = None,
        shown_to_parent: Test = lambda _: True,
    ) -> None:
        self._by_id = {record["id"]: record for record in records}
        self._shown = shown
        self._listed_by = listed_by
        self.listed = Order(filter(shown, self._by_id.values()), listed_by)
        self._changes = 0
        self._change_numbers: dict[int | str, int] = {}
        self._changed_by = changed_by
        self.changed = Order(self._by_id.values() if changed_by else (), self.change_key)
        self._parent = parent
        self._shown_to_parent = shown_to_parent
        self._children: dict[Any, Order] = {}
        if parent is not None:
            families: dict[Any, list[Record]] = {}
            for record in filter(shown_to_parent, self._by_id.values()):
                families.setdefault(record[parent], []).append(record)
            self._children = {value: Order(family, listed_by) for value, family in families.items()}
        self._childless = Order((), listed_by)

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, record_id: int | str) -> Record | None:
        return self._by_id.get(record_id)

    def of(self, parent: Any) -> Order:
        return self._children.get(parent, self._childless)

    def change_key(self, record: Record) -> tuple[Any, int, int | str]:
        """Where a record stands in `changed`; cursors of change feeds carry it."""
        changed_by = self._changed_by
        stamp = changed_by(record) if changed_by else 0
        return stamp, self._change_numbers.get(record["id"], 0), record["id"]

    def put(self, record: Record) -> None:
        """Add the record, or let it take the place of the one with its id."""
        old = self._by_id.get(record["id"])
        if old is not None:
            self._withdraw(old)
        self._by_id[record["id"]] = record
        if self._shown(record):
            self.listed.add(record)
        if self._changed_by is not None:
            self._changes += 1
            self._change_numbers[record["id"]] = self._changes
            self.changed.add(record)
        if self._parent is not None and self._shown_to_parent(record):
            family = self._children.setdefault(record[self._parent], Order((), self._listed_by))
            family.add(record)

    def remove(self, record: Record) -> None:
        """Forget the record altogether."""
        self._withdraw(self._by_id.pop(record["id"]))

    def _withdraw(self, record: Record) -> None:
        self.listed.discard(record)
        self.changed.discard(record)
        if self._parent is not None:
            self.of(record[self._parent]).discard(record)
