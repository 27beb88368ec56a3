"""The business model: entities, relations and segments, read strictly from YAML.

One file an entity, plus `callers.yaml` for what policies may ask about who asks. A key that is not
known here is an error with its file, because a setting that is silently ignored is a trap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from access_policies import parse
from index.errors import ConfigurationError
from index.predicate import Predicate
from index.specs import (
    CallerAttributes,
    EntitySpec,
    EntitySpecs,
    FieldSpec,
    FieldType,
    RelationSpec,
)
from index.yaml_text import read_yaml

SHIPPED_MODEL = Path(__file__).parent / "models"

# Every entity has these two fields: the source's own times of creation and last change.
_TIMES = {
    name: FieldSpec(name=name, type=FieldType.TIMESTAMP) for name in ("created_at", "updated_at")
}


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A named filter of an entity: `open`, `overdue`."""

    name: str
    when: Predicate
    text: str  # the rule as written, for people and agents
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A business type with its meaning."""

    spec: EntitySpec
    plural: str
    description: str
    synonyms: tuple[str, ...]
    title: str  # the field that names a row to a person
    order: tuple[str, ...]  # default order: field names, "-" in front for descending
    brief: tuple[str, ...]  # the fields of a short answer
    segments: Mapping[str, Segment] = field(default_factory=dict)
    within: str | None = None  # reachable only through this entity's relation
    resolved_from: str | None = None  # the entity whose rows it is made of
    precedence: tuple[str, ...] = ()  # connectors, the most trusted first, where those rows differ

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def plural_words(self) -> str:
        """The plural as a person writes it."""
        return self.plural.replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class Model:
    """All entities, and the declared attributes of callers."""

    entities: Mapping[str, Entity]
    callers: CallerAttributes

    @property
    def specs(self) -> EntitySpecs:
        """The plain specs, for tables and policies."""
        return {name: entity.spec for name, entity in self.entities.items()}

    def __getitem__(self, entity: str) -> Entity:
        return self.entities[entity]


_Shape = TypeVar("_Shape", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Field(_Strict):
    type: FieldType
    values: tuple[str, ...] = ()
    keep_raw: bool = False
    search: bool = False
    description: str = ""


class _Relation(_Strict):
    to: str | None = None
    by: str | None = None
    through: Literal["identity"] | None = None
    inverse: str | None = None


class _Segment(_Strict):
    when: str
    synonyms: tuple[str, ...] = ()


class _EntityFile(_Strict):
    entity: str
    plural: str
    description: str
    title: str
    order: tuple[str, ...]
    brief: tuple[str, ...]
    synonyms: tuple[str, ...] = ()
    within: str | None = None
    resolved_from: str | None = None
    precedence: tuple[str, ...] = ()
    fields: dict[str, _Field | FieldType]
    relations: dict[str, _Relation] = Field(default_factory=dict)
    segments: dict[str, _Segment] = Field(default_factory=dict)


class _CallersFile(_Strict):
    callers: dict[Literal["user", "agent"], dict[str, FieldType]]


def load_model(directory: Path = SHIPPED_MODEL) -> Model:
    """Read and check a model. Raises ConfigurationError with the file and what to mend."""
    files: dict[str, tuple[Path, _EntityFile]] = {}
    callers: dict[str, Mapping[str, FieldType]] = {"user": {}, "agent": {}}
    for path in sorted(directory.glob("*.yaml")):
        content = _read_yaml(path)
        if path.name == "callers.yaml":
            given = _check(path, _CallersFile, content).callers
            callers.update({str(kind): attributes for kind, attributes in given.items()})
            continue
        entity = _check(path, _EntityFile, content)
        files[entity.entity] = (path, entity)
    if not files:
        raise ConfigurationError(f"{directory}: there is no model here; expected NAME.yaml files.")
    specs = {name: _spec(path, file, files) for name, (path, file) in files.items()}
    entities = {name: _entity(path, file, specs) for name, (path, file) in files.items()}
    return Model(entities=entities, callers=callers)


def _read_yaml(path: Path) -> Any:
    try:
        return read_yaml(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: this is not valid YAML: {error}") from error


def _check(path: Path, shape: type[_Shape], content: Any) -> _Shape:
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ConfigurationError(f"{path}: {problems}") from error


def _spec(
    path: Path, file: _EntityFile, files: Mapping[str, tuple[Path, _EntityFile]]
) -> EntitySpec:
    fields = {
        name: FieldSpec(name=name, type=given)
        if isinstance(given, FieldType)
        else FieldSpec(name=name, **given.model_dump())
        for name, given in file.fields.items()
    }
    relations = {
        name: _relation(path, name, given, files) for name, given in file.relations.items()
    }
    for spec in fields.values():
        if spec.search and spec.type is not FieldType.TEXT:
            raise ConfigurationError(
                f"{path}: {spec.name!r} has `search: true`, which only fields of type text can"
                f" have; it is of type {spec.type}."
            )
    clashes = sorted((fields.keys() | _TIMES.keys()) & relations.keys())
    if clashes:
        raise ConfigurationError(
            f"{path}: {clashes[0]!r} is both a field and a relation; rename one."
        )
    return EntitySpec(
        name=file.entity,
        fields={**fields, **_TIMES},
        relations=relations,
        resolved=file.resolved_from is not None,
        order=file.order,
    )


def _relation(
    path: Path, name: str, given: _Relation, files: Mapping[str, tuple[Path, _EntityFile]]
) -> RelationSpec:
    if given.inverse is not None:
        target, _, opposite = given.inverse.partition(".")
        there = files[target][1].relations.get(opposite) if target in files else None
        if there is None or there.by is None:
            raise ConfigurationError(
                f"{path}: relation {name!r} is the inverse of {given.inverse!r}, which does not"
                " exist; name it ENTITY.RELATION, where that relation has `to` and `by`."
            )
        return RelationSpec(
            name=name,
            target=target,
            kind="many",
            column=there.by,
            through_identity=there.through == "identity",
        )
    if given.to is None or given.to not in files or given.by is None:
        raise ConfigurationError(
            f"{path}: relation {name!r} needs `to` (one of {', '.join(sorted(files))}) and `by`"
            " (the key column), or `inverse`."
        )
    return RelationSpec(
        name=name,
        target=given.to,
        kind="one",
        column=given.by,
        through_identity=given.through == "identity",
    )


def _entity(path: Path, file: _EntityFile, specs: EntitySpecs) -> Entity:
    spec = specs[file.entity]
    for named in (file.title, *file.brief, *(part.removeprefix("-") for part in file.order)):
        if named not in spec.fields:
            raise ConfigurationError(
                f"{path}: `title`, `brief` or `order` names {named!r}, which is no field of"
                f" {spec.name}."
            )
    if file.within is not None:
        _check_within(path, file, specs)
    segments = {
        name: Segment(
            name=name,
            when=parse(given.when, spec, specs, {}),
            text=given.when,
            synonyms=given.synonyms,
        )
        for name, given in file.segments.items()
    }
    return Entity(
        spec=spec,
        plural=file.plural,
        description=file.description,
        synonyms=file.synonyms,
        title=file.title,
        order=file.order,
        brief=file.brief,
        segments=segments,
        within=file.within,
        resolved_from=file.resolved_from,
        precedence=file.precedence,
    )


def _check_within(path: Path, file: _EntityFile, specs: EntitySpecs) -> None:
    """No relation but the owner's may lead to an entity that is reached only within another."""
    for owner in specs.values():
        for relation in owner.relations.values():
            if relation.target == file.entity and owner.name != file.within:
                raise ConfigurationError(
                    f"{path}: {file.entity} is only reachable within {file.within}, but"
                    f" {owner.name}.{relation.name} leads to it as well; remove one of the two."
                )
