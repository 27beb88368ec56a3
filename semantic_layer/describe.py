"""The model in few words, for agents: every line can be used in a GraphQL query as it stands."""

from __future__ import annotations

from collections.abc import Iterator

from index.errors import InvalidRequest
from index.specs import FieldType
from semantic_layer.model import Entity, Model
from semantic_layer.names import camel, pascal, type_name
from semantic_layer.view import found_by_name

_TYPES = {
    FieldType.TEXT: "",
    FieldType.INTEGER: ":int",
    FieldType.DECIMAL: ":decimal",
    FieldType.BOOLEAN: ":bool",
    FieldType.TIMESTAMP: ":time",
    FieldType.TEXT_LIST: ":[text]",
    FieldType.MONEY: "{amount currency}",
    FieldType.ID: ":id",
}


def describe(model: Model, name: str | None = None) -> str:
    """One line an entity, or with a name (singular or plural, any case) all about that entity.

    `model` is the part that exists for whoever asks: all of it is told.
    """
    if name is None:
        return "\n".join(_overview(model))
    wanted = name.strip().casefold()
    for entity in model.entities.values():
        known = (entity.name, entity.plural, type_name(entity), *entity.synonyms)
        if wanted in (word.casefold() for word in known):
            return "\n".join(_detail(entity))
    names = ", ".join(sorted(model.entities))
    raise InvalidRequest(f"There is no entity {name!r}; there are {names}.")


def _overview(model: Model) -> Iterator[str]:
    for entity in model.entities.values():
        segments = f" [{', '.join(entity.segments)}]" if entity.segments else ""
        inside = f" (within {entity.within})" if entity.within else ""
        yield f"{camel(entity.plural)}{segments}{inside}: {entity.description}"
    by_name = [
        f"{camel(entity.name)}(name|id, maxAge)"
        for entity in model.entities.values()
        if found_by_name(entity)
    ]
    yield (
        "Lists: PLURAL(segment, where, orderBy, first, after){totalCount nodes{…} pageInfo{…}}."
        f" One: {', '.join([*by_name, 'ENTITY(id, maxAge)'])}. describe(NAME) tells fields."
    )


def _detail(entity: Entity) -> Iterator[str]:
    yield f"{type_name(entity)}: {entity.description}"
    fields = (
        camel(field.name)
        + ("(" + "|".join(field.values) + ")" if field.values else _TYPES[field.type])
        for field in entity.spec.fields.values()
    )
    yield f"fields: id {' '.join(fields)} hiddenFields provenance{{source asOf stale}}"
    relations = entity.spec.relations.values()
    one = [f"{camel(r.name)}{{{pascal(r.target)}}}" for r in relations if r.kind == "one"]
    many = [f"{camel(r.name)}(…){{nodes{{…}}}}" for r in relations if r.kind == "many"]
    if one or many:
        yield f"relations: {' '.join([*one, *many])}"
    if entity.segments:
        segments = (f"{s.name.upper()} = {s.text}" for s in entity.segments.values())
        yield f"segments: {'; '.join(segments)}"
    yield "where: {FIELD: {eq|ne|in|gt|gte|lt|lte|contains|startsWith|has|isNull}, and, or, not}"
    yield "orderBy: FIELD_ASC | FIELD_DESC (FIELD in upper snake case, e.g. CREATED_AT_DESC)"
