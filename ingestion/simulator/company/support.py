"""The company's Zendesk records."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ingestion.simulator.company import names
from ingestion.simulator.company.conversations import Message, converse
from ingestion.simulator.company.customers import Customer, Person, invent_people
from ingestion.simulator.company.identifiers import epoch, zendesk_time
from ingestion.simulator.company.issues import INJECTION
from ingestion.simulator.company.names import COUNTRIES
from ingestion.simulator.company.staff import Employee
from ingestion.simulator.company.tickets import SOLVED, TicketPlan, plan_tickets
from ingestion.simulator.zendesk.records import (
    GROUPS,
    ORDER_NUMBER_FIELD,
    PRODUCT_AREA_FIELD,
    new_comment,
    new_organization,
    new_ticket,
    new_user,
    via,
)

Record = dict[str, Any]

_FIRST_ORGANIZATION = 360_102_000_000
_FIRST_USER = 370_400_000_000
_FIRST_TICKET = 10_001
_FIRST_COMMENT = 480_700_000_002
_CHANNELS = ("web", "email", "email", "api", "chat", "mobile")
_LONG_SUBJECT = "Fwd: Re: AW: Fwd: " + "please see the message below and the ones before it, " * 40
# Tickets whose position in the calendar is a multiple of these get the named oddity.
_EVERY_NTH_INJECTION = 661
_EVERY_NTH_EMPTY_SUBJECT = 211
_EVERY_NTH_LONG_SUBJECT = 997


@dataclass
class Support:
    """The records by kind, and the organization ids that each customer (by key) has."""

    records: dict[str, list[Record]]
    organizations: dict[str, list[int]]


@dataclass(frozen=True)
class _Desk:
    """Somebody who writes or answers tickets: the user id and the name in signatures."""

    user_id: int
    name: str


class SupportBuilder:
    def __init__(self, rng: random.Random, as_of: datetime) -> None:
        self._rng = rng
        self._as_of = as_of
        self._records: dict[str, list[Record]] = {
            "organization": [], "user": [], "ticket": [], "comment": [],
        }  # fmt: skip
        self._organizations: dict[str, list[int]] = {}
        self._requesters: dict[str, list[_Desk]] = {}
        self._strangers: list[_Desk] = []
        self._agents: dict[tuple[str, str | None], list[_Desk]] = {}
        self._lost_organization = 0

    def build(
        self,
        staff: Sequence[Employee],
        customers: Sequence[Customer],
        accounts: dict[str, list[str]],
        scale: float,
    ) -> Support:
        self._add_agents(staff)
        for customer in customers:
            for name in customer.in_zendesk:
                self._add_organization(customer, name, accounts.get(customer.key, []))
            if customer.in_zendesk:
                self._add_requesters(customer)
        self._add_strangers()
        self._add_lost_organization()
        for number, plan in enumerate(plan_tickets(self._rng, customers, scale, self._as_of)):
            self._add_ticket(number, plan)
        self._number_comments()
        return Support(self._records, self._organizations)

    def _moment(self, start: datetime) -> datetime:
        seconds = max(1, int((self._as_of - start).total_seconds()))
        return start + timedelta(seconds=self._rng.randrange(seconds))

    def _add_user(self, since: datetime, values: Record) -> _Desk:
        users = self._records["user"]
        touched = self._moment(since) if self._rng.random() < 0.6 else since
        user = new_user(
            {
                "id": _FIRST_USER + 1_733 * (len(users) + 1),
                "created_at": zendesk_time(since),
                "updated_at": zendesk_time(touched),
                **values,
            }
        )
        users.append(user)
        return _Desk(user["id"], user["name"])

    def _add_agents(self, staff: Sequence[Employee]) -> None:
        for employee in staff:
            person = employee.person
            desk = self._add_user(
                employee.since,
                {
                    "name": person.name,
                    "email": person.email,
                    "role": "admin" if "Head" in employee.title else "agent",
                    "phone": None,
                    "time_zone": employee.time_zone,
                    "iana_time_zone": employee.time_zone,
                    "default_group_id": GROUPS.get(employee.department),
                    "active": employee.active,
                    "suspended": False,
                    "restricted_agent": False,
                    "ticket_restriction": None,
                    "signature": f"{person.given}\n{employee.title}",
                    "user_fields": {"region": (employee.region or "global").lower()},
                },
            )
            if employee.answers_tickets and employee.active:
                self._agents.setdefault((employee.department, employee.region), []).append(desk)

    def _add_organization(self, customer: Customer, name: str, accounts: list[str]) -> None:
        rng = self._rng
        organizations = self._records["organization"]
        acme = customer.key == "acme"
        domains = [customer.domain]
        if customer.other_domain:
            domains = [*domains, customer.other_domain] if acme else [customer.other_domain]
        elif not acme and rng.random() < 0.2:
            domains = []
        knows_account = customer.zendesk_knows_account and accounts
        organization = new_organization(
            {
                "id": _FIRST_ORGANIZATION + 4_099 * (len(organizations) + 1),
                "name": name,
                "created_at": zendesk_time(customer.since),
                "updated_at": zendesk_time(self._moment(customer.since)),
                "external_id": accounts[0] if knows_account else None,
                "domain_names": domains,
                "details": rng.choice((None, "", f"{customer.country.name}")),
                "notes": rng.choice((None, "Call before changing anything.", "")),
                "group_id": GROUPS["Support"],
                "tags": [customer.tier.lower(), *rng.choice(((), ("vip",), ("beta_tester",)))],
                "organization_fields": {
                    "region": customer.region.lower() if acme or rng.random() > 0.08 else None,
                    "contract_end": rng.choice((None, f"{self._as_of.year + 1}-03-31T00:00:00Z")),
                    "legacy_crm_note": rng.choice((None, "migrated 2023")),
                },
            }
        )
        organizations.append(organization)
        self._organizations.setdefault(customer.key, []).append(organization["id"])

    def _add_requesters(self, customer: Customer) -> None:
        home = self._organizations[customer.key][0]
        for number, person in enumerate(customer.people):
            if number > 1 and self._rng.random() < 0.3:
                continue
            desk = self._add_requester(person, customer.since, home)
            self._requesters.setdefault(customer.key, []).append(desk)

    def _add_requester(self, person: Person, since: datetime, home: int | None) -> _Desk:
        rng = self._rng
        return self._add_user(
            self._moment(since),
            {
                "name": person.name if rng.random() > 0.03 else f"{person.name}  ",
                "email": person.email,
                "phone": rng.choice((None, person.phone, "")),
                "locale": person.locale,
                "organization_id": home,
                "tags": rng.choice(([], [], ["newsletter"])),
                "verified": rng.random() > 0.1,
                "active": rng.random() > 0.02,
                "user_fields": {"language": person.locale[:2]},
            },
        )

    def _add_strangers(self) -> None:
        """People who write from free mail and belong to no organization."""
        for number in range(12):
            country = COUNTRIES[number % len(COUNTRIES)]
            host = names.FREE_MAIL_HOSTS[number % len(names.FREE_MAIL_HOSTS)]
            person = invent_people(self._rng, country, host, 1)[0]
            since = self._as_of - timedelta(days=600)
            self._strangers.append(self._add_requester(person, since, None))

    def _add_lost_organization(self) -> None:
        """A deleted organization that a few tickets still point to."""
        gone = self._as_of - timedelta(days=45)
        since = self._as_of - timedelta(days=700)
        organizations = self._records["organization"]
        self._lost_organization = _FIRST_ORGANIZATION + 4_099 * (len(organizations) + 1)
        organizations.append(
            new_organization(
                {
                    "id": self._lost_organization,
                    "name": "Oldenburg & Daughters (closed)",
                    "created_at": zendesk_time(since),
                    "updated_at": zendesk_time(gone),
                    "deleted_at": zendesk_time(gone),
                    "domain_names": ["oldenburg-daughters.example"],
                }
            )
        )

    def _agent_for(self, plan: TicketPlan) -> _Desk:
        departments = {"contract": "Legal", "privacy": "Legal", "security": "Security"}
        department = departments.get(plan.issue.key, "Support")
        region = plan.customer.region if plan.customer and department == "Support" else None
        return self._rng.choice(self._agents[department, region])

    def _add_ticket(self, number: int, plan: TicketPlan) -> None:
        rng = self._rng
        organization: int | None = None
        if plan.customer is None:
            requester = rng.choice(self._strangers)
            if rng.random() < 0.25:
                organization = self._lost_organization
        else:
            requester = rng.choice(self._requesters[plan.customer.key])
            organization = rng.choice(self._organizations[plan.customer.key])
            if not plan.pinned and rng.random() < 0.01:
                organization = None
        agent = self._agent_for(plan)
        colleague = self._colleague(plan, requester)
        conversation = converse(
            rng, plan.issue, requester.name.strip(), agent.name, colleague,
            solved=plan.status in SOLVED,
        )  # fmt: skip
        subject: str | None = conversation.subject
        messages = conversation.messages
        if not plan.pinned:
            if number % _EVERY_NTH_EMPTY_SUBJECT == 0:
                subject = rng.choice(("", None))
            elif number % _EVERY_NTH_LONG_SUBJECT == 1:
                subject = _LONG_SUBJECT
            if number % _EVERY_NTH_INJECTION == 7:
                opening = replace(messages[0], body=f"{messages[0].body}\n\n{INJECTION}")
                messages = (opening, *messages[1:])
        ticket_id = _FIRST_TICKET + number
        is_new = plan.status == "new"
        if is_new:
            messages = messages[:1]
        channel = rng.choice(_CHANNELS)
        updated = self._add_comments(ticket_id, plan, messages, requester, agent, channel)
        no_priority = plan.priority is None and rng.random() < 0.05
        department = "Support" if "legal" not in plan.issue.tags else "Legal"
        self._records["ticket"].append(
            new_ticket(
                {
                    "id": ticket_id,
                    "created_at": zendesk_time(plan.created),
                    "updated_at": zendesk_time(updated),
                    "generated_timestamp": epoch(updated),
                    "via": via(channel),
                    "type": None if not plan.pinned and rng.random() < 0.1 else plan.issue.kind,
                    "subject": subject,
                    "description": messages[0].body,
                    "priority": None if no_priority else plan.priority or conversation.priority,
                    "status": plan.status,
                    "requester_id": requester.user_id,
                    "assignee_id": None if is_new else agent.user_id,
                    "organization_id": organization,
                    "group_id": GROUPS[department],
                    "tags": self._tags(plan),
                    "custom_fields": [
                        {"id": PRODUCT_AREA_FIELD, "value": plan.issue.key},
                        {"id": ORDER_NUMBER_FIELD, "value": None},
                    ],
                    "satisfaction_rating": self._rating(plan),
                }
            )
        )

    def _colleague(self, plan: TicketPlan, requester: _Desk) -> str:
        if plan.customer is None:
            return requester.name.strip()
        return self._rng.choice(plan.customer.people).name

    def _tags(self, plan: TicketPlan) -> list[str]:
        tags = list(plan.issue.tags)
        if plan.customer is not None:
            tags.append(plan.customer.tier.lower())
        if self._rng.random() < 0.1:
            tags.append("escalated")
        return tags

    def _rating(self, plan: TicketPlan) -> Record:
        if plan.status not in SOLVED:
            return {"score": "unoffered"}
        return {"score": self._rng.choice(("good", "good", "good", "bad", "offered"))}

    def _add_comments(
        self, ticket_id: int, plan: TicketPlan, messages: Sequence[Message],
        requester: _Desk, agent: _Desk, channel: str,
    ) -> datetime:  # fmt: skip
        """Add the messages as comments between creation and now; returns the time of the last."""
        rng = self._rng
        longest = int((self._as_of - plan.created).total_seconds()) - 60
        lasts = min(longest, rng.randrange(3_600, 6 * 86_400))
        step = timedelta(seconds=lasts // max(1, len(messages) - 1))
        moment = plan.created
        for position, message in enumerate(messages):
            moment = plan.created + position * step
            self._records["comment"].append(
                {
                    "ticket_id": ticket_id,
                    "author_id": agent.user_id if message.by_agent else requester.user_id,
                    "body": message.body,
                    "public": message.public,
                    "created_at": zendesk_time(moment),
                    "via": via("web" if message.by_agent else channel),
                }
            )
        if plan.status == "closed":
            moment = min(moment + timedelta(days=4), self._as_of - timedelta(seconds=60))
        return moment

    def _number_comments(self) -> None:
        """Give the comments ids in the order in which they were written."""
        drafts = sorted(self._records["comment"], key=lambda draft: draft["created_at"])
        self._records["comment"] = [
            new_comment({"id": _FIRST_COMMENT + 4 * number, **draft})
            for number, draft in enumerate(drafts)
        ]
