"""A connector's `mapping.yaml` read from its file, and checked against the model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from index.errors import ConfigurationError
from index.specs import EntitySpec, EntitySpecs, FieldSpec, FieldType
from index.yaml_text import read_yaml
from ingestion.airbyte.manifest import CONNECTORS
from ingestion.airbyte.origin import Origin
from ingestion.mapping.format import (
    PLACEHOLDER,
    RAW_RECORD,
    RAW_RECORD_FIELDS,
    Children,
    EntityMapping,
    Live,
    MappingFile,
    MoneyValue,
    StreamMapping,
    Value,
    holds_raw_records,
)


def mapping_of(origin: Origin, specs: EntitySpecs) -> Mapping[str, StreamMapping]:
    """The mapping of a source from there: its own, or that of its connector, or none.

    Raises as `load_mapping` does.
    """
    path = origin.mapping
    if path is None and origin.connector is not None:
        path = CONNECTORS / origin.connector / "mapping.yaml"
    return load_mapping(path, specs) if path is not None else {}


def load_mapping(path: Path, specs: EntitySpecs) -> Mapping[str, StreamMapping]:
    """Read a mapping and check it against the model.

    Raises ConfigurationError with the file, the place and what to mend.
    """
    try:
        content: Any = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML: {error}") from error
    try:
        streams = MappingFile.model_validate(content).streams
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConfigurationError(f"{path}: {problems}") from error
    for name, stream in streams.items():
        if stream.raw and not holds_raw_records(specs):
            raise ConfigurationError(
                f"{path}: streams.{name}: `raw` needs an entity {RAW_RECORD!r} of texts"
                f" {', '.join(RAW_RECORD_FIELDS)}, and the model has none."
            )
        for mapped in stream.entities:
            _check_entity(f"{path}: streams.{name}", mapped, streams, specs)
        _check_words(f"{path}: streams.{name}.live", stream.live)
        for entity, listings in stream.live.children.items():
            place = f"{path}: streams.{name}.live.children.{entity}"
            for children in listings:
                _check_children(place, name, entity, children, streams)
            _check_all_listed(place, name, entity, listings, streams)
        _check_tombstones(f"{path}: streams.{name}", stream, streams)
    return streams


def _check_entity(
    place: str, mapped: EntityMapping, streams: Mapping[str, StreamMapping], specs: EntitySpecs
) -> None:
    spec = specs.get(mapped.entity)
    if spec is None or spec.resolved:
        known = ", ".join(sorted(name for name, spec in specs.items() if not spec.resolved))
        raise ConfigurationError(f"{place}: {mapped.entity!r} is no entity to map to ({known}).")
    place = f"{place}.{mapped.entity}"
    for name, value in mapped.fields.items():
        field = spec.fields.get(name)
        if field is None:
            raise ConfigurationError(
                f"{place}: {name!r} is no field of {spec.name}, which has"
                f" {', '.join(sorted(spec.fields))}."
            )
        _check_value(f"{place}.{name}", field, value)
    targets = _targets(spec)
    for name, reference in mapped.references.items():
        if name not in targets:
            raise ConfigurationError(
                f"{place}: {name!r} is no foreign key of {spec.name}, which has"
                f" {', '.join(sorted(targets)) or 'none'}."
            )
        if reference.stream not in streams:
            raise ConfigurationError(
                f"{place}.{name}: there is no stream {reference.stream!r} here."
            )
        if targets[name].isdisjoint(streams[reference.stream].entity_names):
            raise ConfigurationError(
                f"{place}.{name}: it leads to {' or '.join(sorted(targets[name]))}, and stream"
                f" {reference.stream!r} gives none."
            )


def _check_value(place: str, field: FieldSpec, value: Value | MoneyValue) -> None:
    if isinstance(value, MoneyValue) != (field.type is FieldType.MONEY):
        raise ConfigurationError(
            f"{place}: a money field needs `minor` or `major` and `currency`, and only it."
        )
    if field.type is FieldType.ENUM and isinstance(value, Value):
        targets = {*(value.translation or {}).values(), *(case.then for case in value.choose or ())}
        strange = sorted(targets - set(field.values))
        if strange or not targets:
            raise ConfigurationError(
                f"{place}: an enum needs `map` or `choose` to its values"
                f" {', '.join(field.values)}; it has {', '.join(strange) or 'neither'}."
            )


def _check_words(place: str, request: Live | Children) -> None:
    """Whether all placeholders of a live read stand for something."""
    texts = [request.path or "", *request.parameters.values()]
    if isinstance(request, Children):
        texts += request.add.values()
    used = {word for text in texts for word in PLACEHOLDER.findall(text)}
    if strange := sorted(used - {"id", *request.lookup}):
        raise ConfigurationError(
            f"{place}: {{{strange[0]}}} stands for nothing; there are"
            f" {', '.join(f'{{{word}}}' for word in ('id', *request.lookup))}."
        )


def _check_children(
    place: str,
    parent: str,
    entity: str,
    children: Children,
    streams: Mapping[str, StreamMapping],
) -> None:
    _check_words(place, children)
    stream = streams.get(children.stream)
    mapped = [mapped for mapped in stream.entities if mapped.entity == entity] if stream else []
    if stream is None or not mapped:
        raise ConfigurationError(f"{place}: stream {children.stream!r} gives no {entity}.")
    if children.by not in mapped[0].references:
        raise ConfigurationError(f"{place}: {children.by!r} is no reference of {entity}.")
    if not _refers(mapped[0], children.by, parent):
        raise ConfigurationError(
            f"{place}: {children.by!r} of stream {children.stream!r} does not lead to {parent!r}."
        )
    if children.key is not None and stream.live.path is None:
        raise ConfigurationError(
            f"{place}: the list only names records, and {children.stream} has no live.path."
        )


def _check_all_listed(
    place: str,
    parent: str,
    entity: str,
    listings: Collection[Children],
    streams: Mapping[str, StreamMapping],
) -> None:
    """A list that leaves out the children of one stream would pass for all of them."""
    keys = {listing.by for listing in listings}
    listed = {listing.stream for listing in listings}
    for name, stream in streams.items():
        mine = [mapped for mapped in stream.entities if mapped.entity == entity]
        if name not in listed and any(_refers(one, key, parent) for one in mine for key in keys):
            raise ConfigurationError(
                f"{place}: {entity} rows come from stream {name!r}, too, and no entry here lists"
                " those."
            )


def _refers(mapped: EntityMapping, key: str, stream: str) -> bool:
    return key in mapped.references and mapped.references[key].stream == stream


def _check_tombstones(
    place: str, stream: StreamMapping, streams: Mapping[str, StreamMapping]
) -> None:
    if stream.deletes is None:
        return
    if stream.deletes not in streams or streams[stream.deletes].deletes is not None:
        raise ConfigurationError(f"{place}: there is no stream {stream.deletes!r} to delete in.")
    if stream.entities:
        raise ConfigurationError(
            f"{place}: a stream that deletes in another keeps no records, so it has no entities."
        )


def _targets(spec: EntitySpec) -> dict[str, set[str]]:
    """The foreign keys, and of each the entities that it may lead to."""
    found: dict[str, set[str]] = {}
    for relation in spec.relations.values():
        if relation.kind == "one" and relation.column != "id":
            found.setdefault(relation.column, set()).add(relation.target)
    return found
