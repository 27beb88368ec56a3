"""Policies as people write them: YAML documents, checked against the model.

What a document holds is told by its first key: `entity` (an owner's policy), `guard_rail` (an
administrator's limits to it), `tests` of a policy, or `owners` (who may change which).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import get_args

import yaml

from access_policies.documents.document import Document
from access_policies.language.kinds import A
from access_policies.language.parser import parse
from access_policies.language.rule_text import RuleError, invisible
from access_policies.language.scope import CALLER_ROOTS
from access_policies.language.spelling import nearest
from access_policies.masks import Mask, MaskKind, kinds_of, width_problem
from access_policies.policies import Effect, MaskRule, Policy, PolicySet, Rule, Side
from index.errors import ConfigurationError
from index.predicate import Predicate
from index.specs import CallerAttributes, EntitySpec, EntitySpecs

_LONGEST_REASON = 1_000  # characters of `because`, which explanations repeat
_MOST_RULES = 1_000  # in one list; each is checked and evaluated
_KINDS = ("entity", "guard_rail", "tests", "owners", "administrators")


class PolicyError(ConfigurationError):
    """Policies that cannot be used, with everything that is wrong in them."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the policies cannot be used:\n" + "\n".join(self.problems))


def load_policies(directory: Path, specs: EntitySpecs, callers: CallerAttributes) -> PolicySet:
    """The policies of every `.yaml` file in the directory.

    `callers` declares the attributes that rules may read of a user and an agent; both always have a
    `name`. Raises PolicyError with every problem of every file.
    """
    return read_policies(read_directory(directory).items(), specs, callers)


def read_directory(directory: Path) -> dict[str, str]:
    """The texts of the directory's documents by file name. Raises PolicyError."""
    if not directory.is_dir():
        raise PolicyError([f"{directory} is not a directory; policies are YAML files in one"])
    texts: dict[str, str] = {}
    problems: list[str] = []
    for path in sorted(directory.iterdir()):
        if path.suffix == ".yml":
            problems.append(f"{path.name}: a document's name ends in `.yaml`; rename it")
        if path.suffix != ".yaml":
            continue
        try:
            texts[path.name] = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            problems.append(f"{path.name}: the file cannot be read as UTF-8 text")
    if problems:
        raise PolicyError(problems)
    return texts


def read_policies(
    texts: Iterable[tuple[str, str]], specs: EntitySpecs, callers: CallerAttributes
) -> PolicySet:
    """The policies of (document name, YAML) pairs. Raises PolicyError with every problem of every
    document; those of tests and owners are left as texts, for the modules that read them."""
    declared: CallerAttributes = {root: callers.get(root, {}) for root in CALLER_ROOTS}
    found = _Found()
    for name, text in texts:
        _PolicyReader(Document(name), specs, declared, found).read(text)
    for entity, (name, guard_rail) in found.guard_rails.items():
        policy = found.policies.get(entity)
        if policy is None:
            found.problems.append(f"{name}: {entity} has no policy, so there is nothing to guard")
            continue
        found.policies[entity] = replace(
            policy, guard_rules=guard_rail.rules, guard_masks=guard_rail.masks
        )
    for policy in found.policies.values():
        found.problems += _uneven_buckets(policy)
    if found.problems:
        raise PolicyError(found.problems)
    return PolicySet(found.policies, tests=found.tests, owners=found.owners)


class _Found:
    """What the documents hold, and what is wrong with them."""

    def __init__(self) -> None:
        self.policies: dict[str, Policy] = {}
        self.guard_rails: dict[str, tuple[str, Policy]] = {}  # with the document's name
        self.tests: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        self.problems: list[str] = []


def _uneven_buckets(policy: Policy) -> Iterable[str]:
    """Two buckets of one field must nest: from uneven ones together more could be told than from
    either."""
    widths: dict[str, dict[Decimal, str]] = {}
    for rule in (*policy.masks, *policy.guard_masks):
        if rule.mask.kind is MaskKind.BUCKET and rule.mask.to[:1].isdigit():
            for name in rule.fields:
                widths.setdefault(name, {})[Decimal(rule.mask.to)] = rule.id
    for name, by_width in widths.items():
        ordered = sorted(by_width)
        for narrow, wide in itertools.pairwise(ordered):
            if wide % narrow:
                yield (
                    f"{policy.entity}: the masks {by_width[narrow]} and {by_width[wide]} cut"
                    f" `{name}` to {narrow} and to {wide}; make one a multiple of the other"
                )


class _PolicyReader:
    """Reads one document; whatever is wrong goes to its problems."""

    def __init__(
        self, document: Document, specs: EntitySpecs, callers: CallerAttributes, found: _Found
    ) -> None:
        self._document = document
        self._specs = specs
        self._callers = callers
        self._found = found

    def read(self, text: str) -> None:
        """Read the document and put what it holds to the rest."""
        root = self._document.compose(text)
        if root is not None:
            match self._kind(root):
                case "entity":
                    self._policy(root)
                case "guard_rail":
                    self._guard_rail(root)
                case "tests":
                    self._found.tests[self._document.name] = text
                case "owners" | "administrators":
                    self._owners(root, text)
        self._found.problems += self._document.problems

    def _kind(self, root: yaml.Node) -> str | None:
        keys = [
            key.value
            for key, _ in (root.value if isinstance(root, yaml.MappingNode) else ())
            if isinstance(key, yaml.ScalarNode)
        ]
        for kind in _KINDS:
            if kind in keys:
                return kind
        close = next((found for key in keys if (found := nearest(key, _KINDS))), None)
        meant = f"; did you mean `{close}`?" if close else ""
        self._document.problem(
            root, f"a document has one of the keys {', '.join(_KINDS[:-1])}, and `rules`{meant}"
        )
        return None

    def _owners(self, root: yaml.Node, text: str) -> None:
        if self._found.owners:
            self._document.problem(root, "another document already says who the owners are")
        self._found.owners[self._document.name] = text

    def _policy(self, root: yaml.Node) -> None:
        keys = self._document.mapping(root, required=("entity", "rules"), optional=("masks",))
        spec = self._entity(keys["entity"], self._found.policies) if keys is not None else None
        if keys is None or spec is None:
            return
        rules = [self._rule(node, spec) for node in self._listed(keys["rules"])]
        self._found.policies[spec.name] = Policy(
            entity=spec.name,
            rules=tuple(rule for rule in rules if rule is not None),
            masks=self._masks(keys, spec),
        )

    def _guard_rail(self, root: yaml.Node) -> None:
        keys = self._document.mapping(root, required=("guard_rail",), optional=("rules", "masks"))
        spec = self._entity(keys["guard_rail"], self._found.guard_rails) if keys else None
        if keys is None or spec is None:
            return
        rules = []
        for node in self._listed(keys["rules"]) if "rules" in keys else ():
            rule = self._rule(node, spec)
            if rule is None:
                continue
            if rule.effect == "allow" or rule.side != "user":
                self._document.problem(
                    node, "a guard rail only denies, and denies everyone: no `allow`, no `for`"
                )
            rules.append(rule)
        masks = self._masks(keys, spec)
        for mask in masks:
            if mask.mask.kind is MaskKind.CLEAR or mask.side != "user":
                self._document.problem(
                    keys["masks"], "a guard rail only masks, and for everyone: no `clear`, no `for`"
                )
        guard_rail = Policy(entity=spec.name, rules=tuple(rules), masks=masks)
        self._found.guard_rails[spec.name] = (self._document.name, guard_rail)

    def _listed(self, node: yaml.Node) -> list[yaml.Node]:
        nodes = self._document.items(node)
        if len(nodes) > _MOST_RULES:
            self._document.problem(node, f"a list has at most {_MOST_RULES:,} rules or masks")
            return []
        return nodes

    def _entity(self, node: yaml.Node, others: Mapping[str, object]) -> EntitySpec | None:
        name = self._document.one_of(node, self._specs, "entity")
        if name in others:
            self._document.problem(node, f"another document already holds what is for `{name}`")
        return None if name is None else self._specs[name]

    def _rule(self, node: yaml.Node, spec: EntitySpec) -> Rule | None:
        keys = self._document.mapping(
            node, required=("id", "effect", "when"), optional=("for", "because")
        )
        if keys is None:
            return None
        id = self._document.id(keys["id"])
        effect = self._document.one_of(keys["effect"], get_args(Effect), "effect")
        side = self._side(keys, get_args(Side))
        condition = self._condition(keys["when"], spec)
        because = self._because(keys)
        if id is None or effect is None or side is None or condition is None or because is None:
            return None
        return Rule(
            id=id,
            effect="allow" if effect == "allow" else "deny",
            text=condition[0],
            predicate=condition[1],
            because=because,
            side=side,
        )

    def _masks(self, keys: Mapping[str, yaml.Node], spec: EntitySpec) -> tuple[MaskRule, ...]:
        nodes = self._listed(keys["masks"]) if "masks" in keys else []
        masks = [self._mask(node, spec) for node in nodes]
        return tuple(mask for mask in masks if mask is not None)

    def _mask(self, node: yaml.Node, spec: EntitySpec) -> MaskRule | None:
        keys = self._document.mapping(
            node, required=("id", "fields", "mask", "when"), optional=("to", "for", "because")
        )
        if keys is None:
            return None
        id = self._document.id(keys["id"])
        mask = self._kind_of_mask(keys)
        names = self._document.items(keys["fields"])
        fields = [self._field(name, spec, mask) for name in names]
        if isinstance(keys["fields"], yaml.SequenceNode) and not fields:
            self._document.problem(keys["fields"], "the mask names no field")
        side = self._side(keys, tuple(s for s in get_args(Side) if s != "agent_alone"))
        condition = self._condition(keys["when"], spec)
        because = self._because(keys)
        if id is None or mask is None or side is None or condition is None or because is None:
            return None
        return MaskRule(
            id=id,
            fields=tuple(dict.fromkeys(field for field in fields if field is not None)),
            mask=mask,
            text=condition[0],
            predicate=condition[1],
            because=because,
            side=side,
        )

    def _kind_of_mask(self, keys: Mapping[str, yaml.Node]) -> Mask | None:
        kind = self._document.one_of(keys["mask"], list(MaskKind), "mask")
        to = self._document.text(keys["to"]) if "to" in keys else ""
        if kind is None or to is None:
            return None
        if kind == MaskKind.BUCKET and not to:
            self._document.problem(keys["mask"], "a bucket needs `to`, such as `to: month`")
            return None
        if kind != MaskKind.BUCKET and to:
            self._document.problem(keys["to"], f"`to` is for buckets; {kind} has none")
        return Mask(MaskKind(kind), to)

    def _because(self, keys: Mapping[str, yaml.Node]) -> str | None:
        if "because" not in keys:
            return ""
        text = self._document.text(keys["because"])
        if text is not None and len(text) > _LONGEST_REASON:
            reason = f"a reason has at most {_LONGEST_REASON:,} characters"
            self._document.problem(keys["because"], reason)
        elif text is not None and (found := invisible(text.replace("\n", " "))):
            self._document.problem(keys["because"], found[1])
        return text

    def _side(self, keys: Mapping[str, yaml.Node], sides: tuple[Side, ...]) -> Side | None:
        if "for" not in keys:
            return "user"
        text = self._document.one_of(keys["for"], sides, "side")
        return next((side for side in sides if side == text), None)

    def _condition(self, node: yaml.Node, spec: EntitySpec) -> tuple[str, Predicate] | None:
        text = self._document.text(node)
        if text is None:
            return None
        try:
            return text, parse(text, spec, self._specs, self._callers)
        except RuleError as error:
            self._document.problem(node, str(error))
            return None

    def _field(self, node: yaml.Node, spec: EntitySpec, mask: Mask | None) -> str | None:
        written = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
        if written.removeprefix(f"{spec.name}.") in spec.fields.keys() - {written}:
            bare = written.removeprefix(f"{spec.name}.")
            self._document.problem(node, f"`{written}`: a mask names fields alone; write `{bare}`")
            return None
        name = self._document.one_of(node, spec.fields, f"field of {spec.name}")
        if name is None or mask is None:
            return name
        type = spec.fields[name].type
        if mask.kind not in kinds_of(type):
            known = ", ".join(f"`{kind.value}`" for kind in kinds_of(type))
            self._document.problem(
                node, f"`{mask.kind}` cannot mask `{name}`, which is {A[type]}; use {known}"
            )
        elif mask.kind is MaskKind.BUCKET and (problem := width_problem(type, mask.to)):
            self._document.problem(node, f"`to: {mask.to}` of `{name}`: {problem}")
        return name
