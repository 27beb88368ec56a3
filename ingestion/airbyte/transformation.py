"""What a manifest makes of each record of a stream, for a record that was read in another way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from index.errors import ConfigurationError
from index.incoming import canonical_json
from ingestion.airbyte.cdk import ModelToComponentFactory, models
from ingestion.airbyte.connector import Record


def stream_transformation(
    manifest: Mapping[str, Any], stream: str, settings: Mapping[str, Any]
) -> Callable[[Record], Record]:
    """The transformations of a stream, one after the other, on a copy of the record.

    They know the record and the settings, but no part of the stream and no window of time. Raises
    ConfigurationError when the manifest has no such stream; what is returned raises Unstorable.
    """
    defined = next(
        (each for each in manifest.get("streams", ()) if each.get("name") == stream), None
    )
    if defined is None:
        raise ConfigurationError(f"The manifest has no stream {stream!r} to transform records of.")
    factory = ModelToComponentFactory()
    steps: list[Any] = [
        factory.create_component(getattr(models, step["type"]), step, settings)
        for step in defined.get("transformations", ())
    ]

    def transform(record: Record) -> Record:
        # A copy, without recursion: how deep a record goes is up to whoever wrote it.
        changed: Record = orjson.loads(canonical_json(record))
        for step in steps:
            step.transform(changed, config=settings, stream_state={}, stream_slice={})
        return changed

    return transform
