"""Policies as their owners write them: one YAML file an entity, checked against the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import yaml

from access_policies.document import Document
from access_policies.language import parse
from access_policies.masks import Mask
from access_policies.rule_text import RuleError
from access_policies.scope import CALLER_ROOTS
from access_policies.spelling import nearest
from index.errors import ConfigurationError
from index.predicate import Predicate
from index.specs import CallerAttributes, EntitySpec, EntitySpecs, FieldType

Effect = Literal["allow", "deny"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class PolicyError(ConfigurationError):
    """Policies that cannot be used, with everything that is wrong in them."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the policies cannot be used:\n" + "\n".join(self.problems))


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Who may see which rows: an allow rule needs to be true, a deny rule applies unless false."""

    id: str
    effect: Effect
    text: str
    predicate: Predicate
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class MaskRule:
    """Which fields are masked on which rows: it applies unless it is false."""

    id: str
    fields: tuple[str, ...]
    mask: Mask
    text: str
    predicate: Predicate
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules of one entity: a row is visible when an allow rule and no deny rule applies."""

    entity: str
    rules: tuple[Rule, ...]
    masks: tuple[MaskRule, ...] = ()

    @property
    def allows(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.effect == "allow")

    @property
    def denies(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.effect == "deny")


@dataclass(frozen=True)
class PolicySet:
    """All policies by entity. Nobody sees an entity that has none."""

    policies: Mapping[str, Policy]

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", MappingProxyType(dict(self.policies)))


def load_policies(directory: Path, specs: EntitySpecs, callers: CallerAttributes) -> PolicySet:
    """The policies of every `.yaml` and `.yml` file in the directory.

    `callers` declares the attributes that rules may read of a user and an agent; both always have a
    `name`. Raises PolicyError with every problem of every file.
    """
    if not directory.is_dir():
        raise PolicyError([f"{directory} is not a directory; policies are YAML files in one"])
    texts: list[tuple[str, str]] = []
    problems: list[str] = []
    for path in sorted(directory.iterdir()):
        if path.suffix not in (".yaml", ".yml"):
            continue
        try:
            texts.append((path.name, path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError):
            problems.append(f"{path.name}: the file cannot be read as UTF-8 text")
    return _checked(texts, specs, callers, problems)


def read_policies(
    texts: Iterable[tuple[str, str]], specs: EntitySpecs, callers: CallerAttributes
) -> PolicySet:
    """The policies of (file name, YAML) pairs, for policies that do not stand in a directory."""
    return _checked(texts, specs, callers, [])


def _checked(
    texts: Iterable[tuple[str, str]],
    specs: EntitySpecs,
    callers: CallerAttributes,
    problems: list[str],
) -> PolicySet:
    declared: CallerAttributes = {root: callers.get(root, {}) for root in CALLER_ROOTS}
    policies: dict[str, Policy] = {}
    for name, text in texts:
        reader = _PolicyReader(Document(name), specs, declared)
        policy = reader.policy(text, policies)
        problems += reader.document.problems
        if policy is not None:
            policies[policy.entity] = policy
    if problems:
        raise PolicyError(problems)
    return PolicySet(policies)


class _PolicyReader:
    """Reads one file; whatever is wrong goes to the document's problems."""

    def __init__(self, document: Document, specs: EntitySpecs, callers: CallerAttributes) -> None:
        self.document = document
        self._specs = specs
        self._callers = callers
        self._ids: set[str] = set()

    def policy(self, text: str, others: Mapping[str, Policy]) -> Policy | None:
        root = self.document.compose(text)
        if root is None:
            return None
        keys = self.document.mapping(root, required=("entity", "rules"), optional=("masks",))
        spec = self._entity(keys["entity"], others) if keys is not None else None
        if keys is None or spec is None:
            return None
        rules = [self._rule(node, spec) for node in self.document.items(keys["rules"])]
        masks = [
            self._mask(node, spec)
            for node in (self.document.items(keys["masks"]) if "masks" in keys else ())
        ]
        return Policy(
            entity=spec.name,
            rules=tuple(rule for rule in rules if rule is not None),
            masks=tuple(mask for mask in masks if mask is not None),
        )

    def _entity(self, node: yaml.Node, others: Mapping[str, Policy]) -> EntitySpec | None:
        name = self._one_of(node, self._specs, "entity")
        if name in others:
            self.document.problem(node, f"another file already holds the policy of `{name}`")
        return None if name is None else self._specs[name]

    def _rule(self, node: yaml.Node, spec: EntitySpec) -> Rule | None:
        keys = self.document.mapping(node, required=("id", "effect", "when"), optional=("because",))
        if keys is None:
            return None
        id = self._id(keys["id"])
        effect = self._one_of(keys["effect"], get_args(Effect), "effect")
        condition = self._condition(keys["when"], spec)
        because = self.document.text(keys["because"]) if "because" in keys else ""
        if id is None or effect is None or condition is None or because is None:
            return None
        return Rule(
            id=id,
            effect="allow" if effect == "allow" else "deny",
            text=condition[0],
            predicate=condition[1],
            because=because,
        )

    def _mask(self, node: yaml.Node, spec: EntitySpec) -> MaskRule | None:
        keys = self.document.mapping(
            node, required=("id", "fields", "mask", "when"), optional=("because",)
        )
        if keys is None:
            return None
        id = self._id(keys["id"])
        mask = self._one_of(keys["mask"], list(Mask), "mask")
        fields = [self._field(field, spec, mask) for field in self.document.items(keys["fields"])]
        if isinstance(keys["fields"], yaml.SequenceNode) and not fields:
            self.document.problem(keys["fields"], "the mask names no field")
        condition = self._condition(keys["when"], spec)
        because = self.document.text(keys["because"]) if "because" in keys else ""
        if id is None or mask is None or condition is None or because is None:
            return None
        return MaskRule(
            id=id,
            fields=tuple(dict.fromkeys(field for field in fields if field is not None)),
            mask=Mask(mask),
            text=condition[0],
            predicate=condition[1],
            because=because,
        )

    def _id(self, node: yaml.Node) -> str | None:
        id = self.document.text(node)
        if id is None:
            return None
        if not _ID.fullmatch(id):
            self.document.problem(node, "an id has letters, digits, `-`, `_` and `.`, up to 100")
            return None
        if id in self._ids:
            self.document.problem(node, f"the id `{id}` stands here twice")
            return None
        self._ids.add(id)
        return id

    def _condition(self, node: yaml.Node, spec: EntitySpec) -> tuple[str, Predicate] | None:
        text = self.document.text(node)
        if text is None:
            return None
        try:
            return text, parse(text, spec, self._specs, self._callers)
        except RuleError as error:
            self.document.problem(node, str(error))
            return None

    def _field(self, node: yaml.Node, spec: EntitySpec, mask: str | None) -> str | None:
        name = self._one_of(node, spec.fields, f"field of {spec.name}")
        if name is None:
            return None
        if mask == Mask.PARTIAL and spec.fields[name].type is not FieldType.TEXT:
            self.document.problem(node, f"`{name}` is not text; only `hide` can mask it")
        return name

    def _one_of(self, node: yaml.Node, names: Iterable[str], what: str) -> str | None:
        """The node's text if it is one of the names."""
        text = self.document.text(node)
        known = list(names)
        if text is None or text in known:
            return text
        close = nearest(text, known)
        way_out = f"did you mean `{close}`?" if close else f"known are {', '.join(known)}"
        self.document.problem(node, f"there is no {what} `{text}`; {way_out}")
        return None
