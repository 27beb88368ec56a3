"""Documents, versions, what happened to them and what a check says, as GraphQL types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from access_policies.versions.history import Event
from access_policies.versions.store import ListedVersion, State, Version
from api.policy_desk import Check
from index.errors import InvalidRequest

strawberry.enum(State, name="PolicyState")


@strawberry.type(description="A policy document as it is written.")
class PolicyDocument:
    name: str
    text: str


@strawberry.input(description="A document to write, under a new name or in place of another.")
class DocumentInput:
    name: str
    text: str


@strawberry.input(description="What is different from the documents in force.")
class Changes:
    write: list[DocumentInput] = strawberry.field(default_factory=list)
    remove: list[str] = strawberry.field(default_factory=list)

    def applied(self, documents: Mapping[str, str]) -> dict[str, str]:
        """The documents after the changes. Raises InvalidRequest for two of one name, and for the
        removal of one that is not there."""
        names = [each.name for each in self.write] + self.remove
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidRequest(f"{', '.join(twice)} is named twice; say one thing about it.")
        missing = sorted(set(self.remove) - documents.keys())
        if missing:
            raise InvalidRequest(
                f"There is no document {', '.join(missing)} to remove; there are"
                f" {', '.join(sorted(documents))}."
            )
        kept = {name: text for name, text in documents.items() if name not in self.remove}
        return kept | {each.name: each.text for each in self.write}


@strawberry.type(description="All policy documents at once; a version never changes.")
class PolicyVersion:
    number: int
    parent: int | None = strawberry.field(description="The version in force that it was made from.")
    state: State
    author: str
    reason: str
    created_at: datetime
    hash: str
    documents: list[PolicyDocument] | None = strawberry.field(
        description="Null in lists: ask for the one version."
    )

    @classmethod
    def of(cls, version: ListedVersion) -> PolicyVersion:
        documents = None
        if isinstance(version, Version):
            documents = [PolicyDocument(name=n, text=t) for n, t in version.documents.items()]
        return cls(
            number=version.number,
            parent=version.parent,
            state=version.state,
            author=version.author,
            reason=version.reason,
            created_at=version.created_at,
            hash=version.hash,
            documents=documents,
        )


@strawberry.type(description="What somebody did with a version.")
class PolicyEvent:
    version: int
    kind: str
    actor: str
    at: datetime
    reason: str
    evidence: JSON = strawberry.field(
        description="What was found; empty for what others found, but for administrators."
    )

    @classmethod
    def of(cls, event: Event) -> PolicyEvent:
        return cls(
            version=event.version,
            kind=event.kind,
            actor=event.actor,
            at=event.at,
            reason=event.reason,
            evidence=JSON(dict(event.evidence)),
        )


@strawberry.type(description="A rule or mask that does nothing, or not what it seems to do.")
class PolicyFinding:
    entity: str
    rule: str
    kind: str
    sentence: str


@strawberry.type(description="Whether documents can be used.")
class PolicyCheck:
    usable: bool
    problems: list[str] = strawberry.field(description="Each with its document and line.")
    findings: list[PolicyFinding] | None = strawberry.field(
        description="Null when there is no solver to look for them."
    )

    @classmethod
    def of(cls, check: Check) -> PolicyCheck:
        findings = None
        if check.findings is not None:
            findings = [
                PolicyFinding(entity=entity, rule=f.rule, kind=f.kind, sentence=f.sentence)
                for entity, found in check.findings.items()
                for f in found
            ]
        return cls(usable=True, problems=[], findings=findings)
