"""Where in a statement a predicate is asked: the row that it reads, and the ways from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import ColumnElement


class Place(Protocol):
    """One entity at one place of a statement.

    Whoever implements it adds the joins that it hands out columns of. A deleted row is not there;
    text columns are `COLLATE "C"`.
    """

    def column(self, path: tuple[str, ...]) -> ColumnElement[Any]:
        """The column of a field of the row, or of one that relations to one row lead to: by LEFT
        JOIN, so that it is null where a link is missing."""

    def present(self, path: tuple[str, ...]) -> ColumnElement[bool]:
        """Whether the row at the end of a path of relations to one row is there; never null."""

    def exists(
        self, path: tuple[str, ...], condition: Callable[[Place], ColumnElement[bool]]
    ) -> ColumnElement[bool]:
        """Whether the condition is true of some row at the end of a path whose last relation leads
        to many; `condition` is given the place of that row. Never null."""
