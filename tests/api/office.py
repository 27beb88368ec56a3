"""A tenant whose policies are changed in a test: its people, its documents, and its desk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from access_policies.versions import store as versions
from access_policies.versions.history import Event
from api.directory import Directory, save_directory
from api.policy_desk import Editor, PolicyDesk
from api.services import Services, open_services
from api.settings import Settings
from index.database import Database
from index.errors import RemitError
from tests.api.site import KEY

Documents = Mapping[str, str]
Change = Callable[[Documents], Documents]

OWNERS = """\
owners:
  - id: support-data
    when: '"data-owners" in user.teams and user.department == "support"'
    entities: [ticket, comment]
  - id: sales-data
    when: '"data-owners" in user.teams and user.department == "sales"'
    entities: [customer, account, contact, opportunity]
    attributes: [department, regions, teams]
  - {id: writers, when: '"writers" in user.teams', entities: [ticket], may: [edit]}
  - {id: approvers, when: '"approvers" in user.teams', entities: [ticket], may: [approve]}
  - {id: publishers, when: '"publishers" in user.teams', entities: [ticket], may: [publish]}
administrators:
  - {id: security, when: user.department == "security"}
"""

_REGIONS = """\
entity: {entity}
rules:
  - id: own-regions
    effect: allow
    when: user.department in ["support", "sales"] and {entity}.customer.region in user.regions
"""
_REGIONS_TESTED = """\
tests: {entity}
people:
  maya: {{user: {{department: support, regions: [EMEA]}}}}
  vera: {{user: {{department: legal, regions: [EMEA]}}}}
rows:
  near: {{status: OPEN, customer: {{region: EMEA}}}}
  far: {{status: OPEN, customer: {{region: AMER}}}}
expect:
  - {{who: maya, see: near}}
  - {{who: vera, see: []}}
"""
POLICIES = {
    "owners.yaml": OWNERS,
    "comment.yaml": "entity: comment\nrules:\n"
    '  - {id: all, effect: allow, when: user.department == "support"}\n',
    "comment.test.yaml": "tests: comment\npeople: {maya: {user: {department: support}}}\n"
    "rows: {open: {public: true}}\nexpect: [{who: maya, see: open}]\n",
}
for _entity in ("ticket", "invoice", "contact"):
    POLICIES[f"{_entity}.yaml"] = _REGIONS.format(entity=_entity)
    POLICIES[f"{_entity}.test.yaml"] = _REGIONS_TESTED.format(entity=_entity)
POLICIES["contact.test.yaml"] = POLICIES["contact.test.yaml"].replace("status: OPEN, ", "")

PEOPLE: Mapping[str, Mapping[str, object]] = {
    # Own the policies of tickets and comments.
    "maya": {"department": "support", "regions": ["EMEA"], "teams": ["data-owners"]},
    "lena": {"department": "support", "regions": ["AMER"], "teams": ["data-owners"]},
    # Owns those of customers and deals, with rules on departments, regions and teams alone.
    "omar": {"department": "sales", "regions": ["EMEA"], "teams": ["data-owners"]},
    # Administer everything.
    "sam": {"department": "security"},
    "tina": {"department": "security"},
    # May do one thing each with the policy of tickets.
    "wil": {"department": "support", "regions": ["EMEA"], "teams": ["writers"]},
    "ada": {"department": "support", "regions": ["EMEA"], "teams": ["approvers"]},
    "pam": {"department": "support", "regions": ["EMEA"], "teams": ["publishers"]},
    # Sees tickets, and has no say in who does.
    "nick": {"department": "support", "regions": ["EMEA"]},
}

_numbers = count(1)


@dataclass(frozen=True)
class Office:
    """A tenant with these people. `services` may be shared with other tenants."""

    services: Services = field(repr=False)
    tenant: str

    @property
    def desk(self) -> PolicyDesk:
        return self.services.policy_desk(self.tenant)

    @property
    def operator(self) -> Editor:
        return self.desk.editor(None, "root")

    def editor(self, name: str) -> Editor:
        """Somebody by name; `operator` is the operator, and `maya's agent` her agent."""
        if name == "operator":
            return self.operator
        if name.endswith("'s agent"):
            return self.bearer(name.removesuffix("'s agent"), agent="helper")
        return self.desk.editor(name, "root")

    def bearer(
        self, user: str | None, agent: str | None = None, *scopes: str, unlimited: bool = False
    ) -> Editor:
        """Who bears a token for work on policies, or one with other scopes, or with none."""
        services = self.services
        assert services.tokens is not None
        token = services.tokens.issue(
            tenant=self.tenant,
            user=user,
            agent=agent,
            scopes=None if unlimited else scopes or ("policy",),
            lifetime=timedelta(hours=1),
        )
        principal = asyncio.run(services.principal(services.verify(token)))
        return Editor.of_token(principal, "a token")

    def draft(self, author: str, change: Change, onto: Documents | None = None) -> int:
        """The number of a draft that changes what is in force; or what `onto` holds into that."""
        base, documents = self.desk.documents(self.operator)
        changed = change(documents if onto is None else onto)
        return self.desk.draft(self.editor(author), changed, "as agreed", onto=base).number

    def ready(self, author: str, change: Change) -> int:
        """A draft that has been tested and previewed by its author."""
        number = self.draft(author, change)
        self.desk.test(self.editor(author), number)
        self.desk.preview(self.editor(author), number)
        return number

    def approve(self, number: int, *people: str) -> None:
        for name in people:
            self.desk.approve(self.editor(name), number, "looks right")

    def publish(self, number: int, name: str = "operator") -> None:
        self.desk.publish(self.editor(name), number, "as agreed")

    def published(self, change: Change) -> int:
        """The number of a version that has come into force by all rules."""
        number = self.ready("maya", change)
        self.approve(number, "lena")
        self.publish(number, "maya")
        return number

    def begun(self) -> None:
        """Put version 1 in force, which says what the tenant started with."""
        with self.services.database.writing() as connection:
            versions.draft(
                connection,
                self.tenant,
                self.services.examiner.starting,
                author="root",
                reason="to begin",
            )
            versions.put_in_force(
                connection, self.tenant, 1, expected=None, actor="root", reason="to begin"
            )

    def in_force(self) -> int | None:
        return self.desk.documents(self.operator)[0]

    def events(self, number: int | None = None) -> tuple[Event, ...]:
        """What has happened, the newest first."""
        return self.desk.history(self.operator, 1_000, number)

    @contextmanager
    def refused(self, error: type[RemitError], *said: str) -> Iterator[None]:
        """What is within fails with words of this kind, and leaves everything as it was."""
        before = (self.in_force(), self.events(), self.desk.listed(self.operator, 1_000))
        with pytest.raises(error) as caught:
            yield
        for words in said:
            assert words in str(caught.value), str(caught.value)
        after = (self.in_force(), self.events(), self.desk.listed(self.operator, 1_000))
        assert after == before


@contextmanager
def opened(url: str, home: Path, **settings: object) -> Iterator[Services]:
    """Services on a database, with the policies above to begin with."""
    folder = home / "policies"
    if not folder.exists():
        folder.mkdir(parents=True)
        for name, text in POLICIES.items():
            (folder / name).write_text(text, "utf-8")
    given = {"home": home, "policies": folder, "database_url": url, "token_key": KEY, **settings}
    # Unpooled: each test that reads brings an event loop of its own.
    database = Database(url, pooled=False)
    yield open_services(Settings(**given), database)  # type: ignore[arg-type]
    database.writer.dispose()


def founded(services: Services, tenant: str | None = None) -> Office:
    """A tenant with its people; a new one unless it is named."""
    office = Office(services, tenant or f"tenant-{next(_numbers)}")
    with services.database.writing() as connection:
        people = Directory(users=PEOPLE, agents={"helper": {"vendor": "acme"}})
        save_directory(connection, office.tenant, people)
    return office


def with_rule(entity: str, rule: Mapping[str, str]) -> Change:
    """A change that adds a rule to an entity's policy."""
    return replacing(f"{entity}.yaml", "rules:\n", f"rules:\n  - {json.dumps(rule)}\n")


def replacing(name: str, text: str, by: str) -> Change:
    """A change within a document."""

    def change(documents: Documents) -> Documents:
        assert text in documents[name]
        return {**documents, name: documents[name].replace(text, by, 1)}

    return change


def adding(name: str, text: str) -> Change:
    """A change that adds a document, or puts another text in its place."""
    return lambda documents: {**documents, name: text}


def without(*names: str) -> Change:
    """A change that leaves documents out."""
    return lambda documents: {name: text for name, text in documents.items() if name not in names}


def both(*changes: Change) -> Change:
    """One change after the other."""

    def change(documents: Documents) -> Documents:
        for each in changes:
            documents = each(documents)
        return documents

    return change


# Rules of tickets. The tests of tickets have only open ones, and nobody of success.
LESS = {"id": "closed", "effect": "deny", "when": 'ticket.status == "CLOSED"'}
LESS_STILL = {"id": "held", "effect": "deny", "when": 'ticket.status == "ON_HOLD"'}
MORE = {"id": "success", "effect": "allow", "when": 'user.department == "success"'}
# One that fails the tests: they have an open ticket that Maya should see.
WRONG = {"id": "opened", "effect": "deny", "when": 'ticket.status == "OPEN"'}

narrower, narrower_still = with_rule("ticket", LESS), with_rule("ticket", LESS_STILL)
wider, wrong = with_rule("ticket", MORE), with_rule("ticket", WRONG)
