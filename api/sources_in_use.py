"""The sources that live reads and freshness go by."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from index.errors import ConfigurationError, Unavailable
from index.specs import EntitySpecs
from ingestion.source import Source
from ingestion.workspace.in_force import SourcesInForce
from semantic_layer import Feed

_log = logging.getLogger(__name__)

FOLLOW_SECONDS = 1.0  # so old may be what is known of a change


class SourcesInUse:
    """The sources in force, made ready once, and again after they have changed.

    `mark` is cheap to ask for, and is another text when what `find` finds in the database is.
    """

    def __init__(
        self,
        find: Callable[[], SourcesInForce],
        mark: Callable[[], str],
        specs: EntitySpecs,
        tenant: str,
    ) -> None:
        self._find = find
        self._mark = mark
        self._specs = specs
        self._tenant = tenant
        self._usable: tuple[Source, ...] | None = None
        self._found: SourcesInForce | None = None
        self._standing: tuple[str, tuple[int, ...]] | None = None
        self._looked_at = 0.0  # by the clock of `time.monotonic`
        self._lock = threading.Lock()

    def __call__(self) -> tuple[Source, ...]:
        """Those that can be used: one that cannot must not keep the others from answers.

        A change that cannot be read leaves those of before. Raises Unavailable when the database
        has not answered yet.
        """
        with self._lock:
            if self._usable is None:
                self._standing = None
                self._renew()
            elif time.monotonic() - self._looked_at >= FOLLOW_SECONDS:
                self._follow()
            return self._usable or ()

    def feeds(self) -> tuple[Feed, ...]:
        """The streams that rows of entities come from."""
        return tuple(
            Feed(self._tenant, mapped.entity, source.name, name)
            for source in self()
            for name, stream in source.mapped.items()
            if source.reads(name)
            for mapped in stream.entities
        )

    def _follow(self) -> None:
        try:
            self._renew()
        except Unavailable:
            return  # reads will say so themselves
        except ConfigurationError as error:
            _log.warning("The sources are those of before: %s", error)

    def _renew(self) -> None:
        self._looked_at = time.monotonic()
        standing = self._mark(), self._found.edited_at() if self._found is not None else ()
        if standing == self._standing:
            return
        try:
            self._found = self._find()
        except ConfigurationError:
            self._standing = standing  # said once, not each second
            raise
        self._standing = standing[0], self._found.edited_at()
        self._usable = self._ready(self._found)

    def _ready(self, found: SourcesInForce) -> tuple[Source, ...]:
        usable = []
        for name in found.entries:
            try:
                usable.append(Source(found.config(name), self._specs))
            except ConfigurationError as error:
                _log.warning("The source %s is not read live: %s", name, error)
        return tuple(usable)
