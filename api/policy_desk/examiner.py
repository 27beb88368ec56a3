"""What can be told of policies before they are in force: usable, tested, narrowing, who gains."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from access_policies import PoliciesInForce, PolicySet, Principal, Snapshot
from access_policies.ownership.owners import Owners
from access_policies.ownership.owners_file import read_owners
from access_policies.proof import Finding, available, findings, narrows
from access_policies.testing.expectations import Case, read_tests
from access_policies.testing.policy_tests import Report, run_tests
from access_policies.versions.changes import changed_entities, described
from access_policies.versions.store import hash_of
from api.directory import listed as people_listed
from index.database import QUERY_ROLE, Database
from index.entity_tables import EntityTables
from index.errors import Unavailable
from index.predicate import Caller, callers, named
from semantic_layer import Model
from semantic_layer.impact import Preview
from semantic_layer.preview import Progress, preview

_PREVIEW_SECONDS = 600
_KEPT = 16  # versions that are read once
_AGENT = Caller("agent", "name")
_USER = Caller("user", "name")
_PURPOSE = Caller("purpose")
_NOTHING = PolicySet({})
_UNPROVED = (
    "the solver that could prove that it only narrows is not installed"
    " (`pip install 'remit[proof]'`), so it counts as widening"
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Documents that can be used, and what they hold."""

    hash: str
    snapshot: Snapshot
    owners: Owners
    cases: tuple[Case, ...]

    @property
    def policies(self) -> PolicySet:
        return self.snapshot.policies


@dataclass(frozen=True, kw_only=True)
class Check:
    """What a check of usable documents says. `findings` are by entity; None without a solver."""

    found: Found
    findings: Mapping[str, tuple[Finding, ...]] | None
    without_policy: tuple[str, ...]  # entities of the model that nobody sees

    def lines(self) -> list[str]:
        """The check for a terminal."""
        policies = self.found.policies.policies.values()
        rules = sum(len(each.rules) + len(each.guard_rules) for each in policies)
        masks = sum(len(each.masks) + len(each.guard_masks) for each in policies)
        lines = [
            f"{len(policies)} policies with {rules} rules and {masks} masks can be used;"
            f" {len(self.found.cases)} tests stand beside them."
        ]
        lines += [f"{name} has no policy, so nobody sees it." for name in self.without_policy]
        if self.findings is None:
            lines.append(
                "Rules without effect were not looked for: that needs `pip install 'remit[proof]'`."
            )
            return lines
        for entity, each in self.findings.items():
            lines += [f"{entity}: {finding.sentence}" for finding in each]
        return lines


@dataclass(frozen=True, kw_only=True)
class Change:
    """Documents compared with those in force."""

    against: str  # the hash of what was in force
    words: tuple[str, ...]  # what changes, a sentence each
    widens: tuple[str, ...]  # why a second person is needed, a sentence each; none if narrowing
    report: Report
    preview: Preview

    def lines(self) -> list[str]:
        """The comparison for a terminal."""
        lines = [*(self.words or ["Nothing that a policy says is changed."]), ""]
        if self.widens:
            lines += ["A second person has to approve it:", *(f"  {why}" for why in self.widens)]
        else:
            lines.append("It is proven to show nobody more than now: no approval is needed.")
        return [*lines, "", *self.report.lines(), "", *self.preview.lines()]

    def as_evidence(self) -> dict[str, object]:
        """What is kept of it. It repeats no value of any row."""
        return {
            "against": self.against,
            "changes": list(self.words),
            "widens": list(self.widens),
            "tests": self.report.as_evidence(),
            "preview": self.preview.as_evidence(),
        }


class Examiner:
    """Examines policy documents of any tenant. Raises PolicyError with all that is wrong in them,
    and ConfigurationError when they hash values and there is no key."""

    def __init__(
        self,
        database: Database,
        model: Model,
        tables: EntityTables,
        policies: PoliciesInForce,
    ) -> None:
        self._database = database
        self._model = model
        self._tables = tables
        self._policies = policies
        self._counting = threading.Lock()
        self._read = lru_cache(maxsize=_KEPT)(self._read_anew)

    @property
    def starting(self) -> Mapping[str, str]:
        """The documents in force for a tenant that has published none."""
        return self._policies.starting

    @property
    def model(self) -> Model:
        """What the documents are about."""
        return self._model

    def read(self, documents: Mapping[str, str], tenant: str) -> Found:
        """What the documents hold; kept, since each step of a change reads the same ones again."""
        return self._read(tuple(sorted(documents.items())), tenant)

    def _read_anew(self, items: tuple[tuple[str, str], ...], tenant: str) -> Found:
        documents = dict(items)
        specs, declared = self._model.specs, self._model.callers
        snapshot = self._policies.snapshot(documents, tenant)
        return Found(
            hash=hash_of(documents),
            snapshot=snapshot,
            owners=read_owners(snapshot.policies.owners, specs, declared),
            cases=read_tests(snapshot.policies.tests.items(), specs, declared),
        )

    def check(self, documents: Mapping[str, str], tenant: str) -> Check:
        """The same, with what looks odd in it."""
        found = self.read(documents, tenant)
        odd: dict[str, tuple[Finding, ...]] = {}
        for entity, policy in found.policies.policies.items() if available() else ():
            if each := findings(policy, self._model.specs, self._model.callers):
                odd[entity] = tuple(each)
        return Check(
            found=found,
            findings=odd if available() else None,
            without_policy=tuple(sorted(self._model.entities.keys() - found.policies.policies)),
        )

    def test(self, found: Found) -> Report:
        """Run the tests that stand beside the policies."""
        return run_tests(found.snapshot, found.cases)

    def compare(
        self,
        old: Found | None,
        new: Found,
        *,
        against: str,
        tenant: str,
        approver: Principal | None,
        progress: Progress | None = None,
    ) -> Change:
        """What changes when `new` takes the place of `old` (None: of what nobody can read, and so
        shows nothing). Samples show what the approver may see under `old`."""
        before = _NOTHING if old is None else old.policies
        return Change(
            against=against,
            words=tuple(described(before, new.policies)),
            widens=tuple(self._widens(before, new.policies)),
            report=self.test(new),
            preview=self._preview(old, new, tenant, approver, progress),
        )

    def _widens(self, old: PolicySet, new: PolicySet) -> Iterator[str]:
        if old.owners != new.owners:
            yield "who owns which policies changes"
        for entity in changed_entities(old, new):
            if not available():
                yield f"{entity}: {_UNPROVED}"
                continue
            verdict = narrows(
                old.policies.get(entity),
                new.policies.get(entity),
                self._model.specs,
                self._model.callers,
            )
            if verdict.outcome != "proved":
                yield f"{entity}: {verdict.reason}"

    def _preview(
        self,
        old: Found | None,
        new: Found,
        tenant: str,
        approver: Principal | None,
        progress: Progress | None,
    ) -> Preview:
        if not self._counting.acquire(blocking=False):
            raise Unavailable("Another preview is being counted; try again when it is done.")
        try:
            with self._reading(tenant) as connection:
                return preview(
                    connection,
                    self._model,
                    self._tables,
                    tenant=tenant,
                    old=None if old is None else old.snapshot,
                    new=new.snapshot,
                    principals=self._principals(tenant, *(each for each in (old, new) if each)),
                    approver=approver,
                    now=datetime.now(UTC),
                    progress=progress,
                )
        finally:
            self._counting.release()

    def _principals(self, tenant: str, *versions: Found) -> Iterator[Principal]:
        """Everyone who could ask: the people and agents of the directory and those whom a rule
        names, each also for each purpose that a rule names; and, where a rule is about agents, each
        user through each agent."""
        with self._database.writing() as connection:
            users = people_listed(connection, tenant, "user")
            agents = people_listed(connection, tenant, "agent")
        policies = [each for one in versions for each in one.policies.policies.values()]
        predicates = {predicate for policy in policies for predicate in policy.predicates()}

        def known(caller: Caller) -> set[str]:
            return {name for predicate in predicates for name in named(predicate, caller) if name}

        users |= {name: {} for name in sorted(known(_USER) - users.keys())}
        agents |= {name: {} for name in sorted(known(_AGENT) - agents.keys())}
        about_agents = any(policy.on_side("agent") for policy in policies) or any(
            caller.kind == "agent" for predicate in predicates for caller in callers(predicate)
        )
        for purpose in (None, *sorted(known(_PURPOSE))):
            for user, theirs in users.items():
                yield self._principal(tenant, purpose, user=user, user_attributes=theirs)
            for agent, its in agents.items():
                yield self._principal(tenant, purpose, agent=agent, agent_attributes=its)
            pairs = itertools.product(agents.items(), users.items()) if about_agents else ()
            for (agent, its), (user, theirs) in pairs:
                yield self._principal(
                    tenant,
                    purpose,
                    user=user,
                    user_attributes=theirs,
                    agent=agent,
                    agent_attributes=its,
                )

    def _principal(self, tenant: str, purpose: str | None, **who: Any) -> Principal:
        return Principal.create(tenant=tenant, purpose=purpose, declared=self._model.callers, **who)

    @contextmanager
    def _reading(self, tenant: str) -> Iterator[Connection]:
        """A transaction as the role that can only read one tenant, and may take its time."""
        try:
            with self._database.writer.begin() as connection:
                connection.execute(text(f"SET LOCAL statement_timeout = '{_PREVIEW_SECONDS}s'"))
                connection.execute(
                    text("SELECT set_config('remit.tenant', :tenant, true)"), {"tenant": tenant}
                )
                connection.execute(text(f"SET LOCAL ROLE {QUERY_ROLE}"))
                connection.execute(text("SET TRANSACTION READ ONLY"))
                yield connection
        except OperationalError as error:
            raise Unavailable(
                f"The preview was not done within {_PREVIEW_SECONDS} s, or the database went away;"
                " nothing was changed. Try again when less is going on."
            ) from error
