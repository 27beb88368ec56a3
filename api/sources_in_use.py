"""The sources that live reads and freshness go by."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from index.errors import ConfigurationError
from index.specs import EntitySpecs
from ingestion import Source, SourcesInForce
from semantic_layer import Feed

_log = logging.getLogger(__name__)


class SourcesInUse:
    """Found once for as long as the service runs; as long as the database is away, at each use."""

    def __init__(self, find: Callable[[], SourcesInForce], specs: EntitySpecs, tenant: str) -> None:
        self._find = find
        self._specs = specs
        self._tenant = tenant
        self._found: tuple[Source, ...] | None = None
        self._lock = threading.Lock()

    def __call__(self) -> tuple[Source, ...]:
        """Those that can be used: one that cannot must not keep the others from answers.

        Raises Unavailable when the database does not answer.
        """
        with self._lock:
            if self._found is None:
                self._found = self._usable(self._find())
            return self._found

    def feeds(self) -> tuple[Feed, ...]:
        """The streams that rows of entities come from."""
        return tuple(
            Feed(self._tenant, mapped.entity, source.name, name)
            for source in self()
            for name, stream in source.mapped.items()
            for mapped in stream.entities
        )

    def _usable(self, found: SourcesInForce) -> tuple[Source, ...]:
        usable = []
        for name in found.entries:
            try:
                usable.append(Source(found.config(name), self._specs))
            except ConfigurationError as error:
                _log.warning("The source %s is not read live: %s", name, error)
        return tuple(usable)
