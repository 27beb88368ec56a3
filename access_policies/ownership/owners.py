"""Who may change which policies: decided by Casbin, by what the policies' own `owners` say.

The owners that count for a change are those of the version in force, never those of the change.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import yaml

from access_policies.documents.document import Document
from access_policies.documents.policy_files import PolicyError, read_policies
from access_policies.enforcer import CasbinEnforcer
from access_policies.policies import MaskRule, Rule
from access_policies.principal import Principal
from index.predicate import Caller, Predicate, callers, evaluator
from index.specs import CallerAttributes, EntitySpecs

_log = logging.getLogger(__name__)

Grantable = Literal["edit", "approve", "publish"]

Action = Literal[Grantable, "explain"]
"""`explain` is to see why a row is visible or not, and previews of a change with their samples. It
comes with any grant on an entity."""

_ACTIONS: tuple[Action, ...] = ("edit", "approve", "publish", "explain")
_ADMINISTER = "administer"
_EVERY = "*"  # no entity has this name

_MODEL = """
[request_definition]
r = editor, action, entity

[policy_definition]
p = grant, action, entity

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = granted(p.grant, p.action, p.entity, r.editor, r.action, r.entity)
"""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What those may do of whom the condition is true; unknown is not true.

    `entities` None makes them administrators, who may do everything. `attributes` are those of a
    user or an agent that rules they write may read; None is any.
    """

    id: str
    text: str
    predicate: Predicate
    entities: tuple[str, ...] | None = None
    may: tuple[Grantable, ...] = ("edit", "approve", "publish")
    attributes: frozenset[str] | None = None

    def lines(self) -> Iterator[list[str]]:
        """As policy lines for Casbin: grant, action, entity."""
        if self.entities is None:
            yield from ([self.id, action, _EVERY] for action in (*_ACTIONS, _ADMINISTER))
            return
        for entity in self.entities:
            yield from ([self.id, action, entity] for action in (*self.may, "explain"))


class Owners:
    """The owners and administrators of one version of a tenant's policies; nobody without any."""

    def __init__(self, grants: Iterable[Grant] = ()) -> None:
        self._grants = {grant.id: grant for grant in grants}
        self._evaluators = {id: evaluator(grant.predicate) for id, grant in self._grants.items()}
        self._enforcer = CasbinEnforcer(_MODEL, {"granted": self._granted})
        self._enforcer.add_policies(
            [line for grant in self._grants.values() for line in grant.lines()]
        )

    def may(self, principal: Principal, action: Action, entity: str) -> bool:
        """Casbin's decision. False also when a condition cannot be evaluated."""
        return self._decide(principal, action, entity)

    def administers(self, principal: Principal) -> bool:
        """Whether the principal may change everything, guard rails and owners too."""
        return self._decide(principal, _ADMINISTER, _EVERY)

    def owns_something(self, principal: Principal) -> bool:
        """Whether the principal has any right on any policy."""
        entities = {name for grant in self._grants.values() for name in grant.entities or ()}
        return self.administers(principal) or any(
            self.may(principal, "explain", entity) for entity in sorted(entities)
        )

    def problems_of_change(
        self,
        principal: Principal,
        old: Mapping[str, str],
        new: Mapping[str, str],
        specs: EntitySpecs,
        declared: CallerAttributes,
    ) -> list[str]:
        """Why the principal may not turn the documents `old` into `new`, a sentence each; none when
        they may.

        Whoever may use some attributes only can neither add nor change nor remove a rule that reads
        others. Raises PolicyError when such a person's new document cannot be read.
        """
        if self.administers(principal):
            return []
        changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        subjects = {name: _subjects(name, old) | _subjects(name, new) for name in changed}
        problems = [
            f"{name}: {problem}"
            for name in changed
            for subject in sorted(subjects[name])
            if (problem := self._problem(principal, subject))
        ]
        for entity in sorted({each.entity for found in subjects.values() for each in found}):
            limit = self._limit(principal, entity)
            if limit is not None:
                try:
                    before = _rules(entity, changed, old, specs, declared)
                except PolicyError:
                    problems.append(
                        f"{entity}: its policy cannot be read as it stands, so that nobody can"
                        f" tell which rules change; {self._to_ask(entity, limited=False)} may"
                        " edit it"
                    )
                    continue
                after = _rules(entity, changed, new, specs, declared)
                problems += _beyond(limit, entity, before, after)
        return problems

    def _decide(self, principal: Principal, action: str, entity: str) -> bool:
        allowed: bool = self._enforcer.enforce(principal, action, entity)
        return allowed

    def _granted(
        self,
        grant: str,
        action: str,
        entity: str,
        editor: Principal,
        asked_action: str,
        asked_entity: str,
    ) -> bool:
        """Whether one policy line is about what was asked, and its condition true."""
        if action != asked_action or entity not in (asked_entity, _EVERY):
            return False
        return self._holds(grant, editor)

    def _holds(self, grant: str, editor: Principal) -> bool:
        try:
            return self._evaluators[grant]({}, editor.value, datetime.now(UTC)) is True
        except Exception as error:
            # The type only: a message may repeat an attribute's value.
            _log.error("owners: %s cannot be evaluated (%s)", grant, type(error).__name__)
            return False

    def _problem(self, principal: Principal, subject: _Subject) -> str | None:
        match subject.kind:
            case "entity" | "tests" if self.may(principal, "edit", subject.entity):
                return None
            case "entity":
                what = f"you may not edit the policy of {subject.entity}"
                return f"{what}; {self._to_ask(subject.entity)} may"
            case "tests":
                what = f"you may not edit the tests of {subject.entity}"
                return f"{what}; {self._to_ask(subject.entity)} may"
            case "guard_rail":
                return "guard rails are for administrators to edit"
            case "owners":
                return "who owns which policies is for administrators to say"
            case _:
                return "it cannot be told what this is about, so only administrators may edit it"

    def _limit(self, principal: Principal, entity: str) -> frozenset[str] | None:
        """The attributes that the principal's rules on the entity may read; None for any."""
        limits = [
            grant.attributes for grant in self._editors(entity) if self._holds(grant.id, principal)
        ]
        known = [limit for limit in limits if limit is not None]
        return frozenset[str]().union(*known) if known and len(known) == len(limits) else None

    def _editors(self, entity: str) -> list[Grant]:
        return [
            grant
            for grant in self._grants.values()
            if "edit" in grant.may and entity in (grant.entities or ())
        ]

    def _to_ask(self, entity: str, *, limited: bool = True) -> str:
        """Who may edit the policy of the entity, as the grants are called."""
        ids = [grant.id for grant in self._editors(entity) if limited or grant.attributes is None]
        return " or ".join([*ids, "an administrator"])


def subjects_of_change(
    old: Mapping[str, str], new: Mapping[str, str]
) -> tuple[frozenset[str], bool]:
    """The entities whose policies or tests differ between two sets of documents, and whether what
    is for administrators alone does."""
    changed = [name for name in {*old, *new} if old.get(name) != new.get(name)]
    subjects = {
        subject for name in changed for subject in _subjects(name, old) | _subjects(name, new)
    }
    entities = {each.entity for each in subjects if each.kind in ("entity", "tests")}
    return frozenset(entities), any(each.kind not in ("entity", "tests") for each in subjects)


class _Subject(NamedTuple):
    """What a document is about; the entity is empty where it has none."""

    kind: str
    entity: str = ""


def _subjects(name: str, documents: Mapping[str, str]) -> set[_Subject]:
    """What the document of that name is about, by every key that could say so: whoever writes two
    of them needs to be allowed both. The reader of policies refuses such a document."""
    if name not in documents:
        return set()
    root = Document(name).compose(documents[name])
    found = set()
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        match getattr(key, "value", None):
            case "entity" | "guard_rail" | "tests" as kind if isinstance(value, yaml.ScalarNode):
                found.add(_Subject(kind, value.value.strip()))
            case "owners" | "administrators":
                found.add(_Subject("owners"))
            case "entity" | "guard_rail" | "tests":
                found.add(_Subject("unknown"))
    return found or {_Subject("unknown")}


def _rules(
    entity: str,
    names: Iterable[str],
    documents: Mapping[str, str],
    specs: EntitySpecs,
    declared: CallerAttributes,
) -> dict[str, Rule | MaskRule]:
    """The owner's rules and masks of the entity by id, out of the named documents."""
    holds = _Subject("entity", entity)
    texts = [(name, documents[name]) for name in names if holds in _subjects(name, documents)]
    policy = read_policies(texts, specs, declared).policies.get(entity)
    if policy is None:
        return {}
    rules: tuple[Rule | MaskRule, ...] = (*policy.rules, *policy.masks)
    return {rule.id: rule for rule in rules}


def _beyond(
    limit: frozenset[str],
    entity: str,
    before: Mapping[str, Rule | MaskRule],
    after: Mapping[str, Rule | MaskRule],
) -> Iterator[str]:
    """A sentence for each rule that changed and reads what it may not."""
    for id in sorted({*before, *after}):
        if before.get(id) == after.get(id):
            continue
        predicates = [rules[id].predicate for rules in (before, after) if id in rules]
        read = frozenset[Caller]().union(*map(callers, predicates))
        foreign = sorted(
            f"{caller.kind}.{caller.name}"
            for caller in read
            if caller.kind != "purpose" and caller.name not in limit
        )
        if foreign:
            usable = ", ".join(sorted(limit)) or "none"
            yield (
                f"{entity}: the rule {id} reads {', '.join(foreign)}, and you may use"
                f" {usable}; leave that rule as it is"
            )
