"""What the sample company keeps in Jira: two service projects, and one of its developers."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ingestion.simulator.company import Company
from ingestion.simulator.company.conversations import Message, converse, pick_issue
from ingestion.simulator.company.customers import Customer
from ingestion.simulator.jira.records import (
    ORGANIZATIONS_FIELD,
    SLA_FIELD,
    document,
    jira_time,
    new_comment,
    new_issue,
    new_organization,
    new_user,
    priority,
    status,
)

Record = dict[str, Any]

PROJECTS: tuple[Record, ...] = (
    {"id": "10001", "key": "SUP", "name": "Support", "projectTypeKey": "service_desk"},
    {"id": "10002", "key": "BILL", "name": "Billing desk", "projectTypeKey": "service_desk"},
    {"id": "10003", "key": "DEV", "name": "Development", "projectTypeKey": "software"},
)

_WELL_KNOWN = 4  # of the company's customers; they are in every system
_SHARE = 0.3  # of the other firms
_REQUESTS = 8  # of a firm
_FIRST_ISSUE = 10_200
_FIRST_COMMENT = 11_000
_SOLVED = ("5", "6")
_STATUSES = ("1", "10000", "10001", "10002", "10103", *_SOLVED)
_OFTEN = (3, 4, 2, 1, 1, 4, 4)
_PRIORITIES = ("1", "2", "3", "3", "4", "5", "10100", "10101")


class Contents:
    """The site's records by kind, made of the company's customers and staff."""

    def __init__(self, company: Company) -> None:
        self._rng = random.Random(f"{company.seed}/jira")  # noqa: S311
        self._company = company
        self.records: dict[str, list[Record]] = {
            "project": [{**project, "browsable": True} for project in PROJECTS],
            "user": [], "organization": [], "issue": [], "comment": [],
        }  # fmt: skip
        self._numbers = {project["key"]: 0 for project in PROJECTS}
        self._agents = self._add_agents()
        for number, customer in enumerate(company.customers):
            chosen = number < _WELL_KNOWN or self._rng.random() < _SHARE
            if chosen and not customer.individual:
                self._add_customer(customer)

    def _between(self, start: datetime) -> datetime:
        """Some moment since then, to the millisecond."""
        span = int((self._company.as_of - start) / timedelta(milliseconds=1))
        return start + timedelta(milliseconds=self._rng.randrange(span))

    def _add_user(self, values: Record) -> Record:
        user = new_user(values)
        self.records["user"].append(user)
        return user

    def _add_agents(self) -> list[Record]:
        """The agents at work; one who left is kept, and a program comments too."""
        agents = [
            self._add_user(
                {
                    "accountId": f"557058:{self._uuid()}",
                    "displayName": employee.person.name,
                    "emailAddress": employee.person.email,
                    "active": employee.active,
                }
            )
            for employee in self._company.staff
            if employee.department == "Support" or not employee.active
        ]
        self._add_user({"accountId": f"557058:{self._uuid()}", "accountType": "app",
                        "displayName": "Automation for Jira"})  # fmt: skip
        return [agent for agent in agents if agent["active"]]

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _add_customer(self, customer: Customer) -> None:
        organization = new_organization(
            len(self.records["organization"]) + 1,
            self._uuid(),
            self._rng.choice((customer.name, customer.brand)),
            customer.since,
        )
        self.records["organization"].append(organization)
        people = [
            self._add_user(
                {
                    "accountId": f"qm:{self._uuid()}:{self._uuid()}",
                    "accountType": "customer",
                    "displayName": person.name,
                    "locale": person.locale,
                    # Some keep their address to themselves.
                    **({"emailAddress": person.email} if self._rng.random() < 0.8 else {}),
                }
            )
            for person in customer.people[:3]
        ]
        for _ in range(_REQUESTS):
            self._add_issue(customer, organization, self._rng.choice(people))

    def _add_issue(self, customer: Customer, organization: Record, reporter: Record) -> None:
        rng = self._rng
        project = rng.choices(PROJECTS, (6, 2, 1))[0]
        agent = rng.choice(self._agents)
        state = rng.choices(_STATUSES, _OFTEN)[0]
        talk = converse(
            rng, pick_issue(rng, reporter["locale"]), reporter["displayName"],
            agent["displayName"], customer.people[0].name, solved=state in _SOLVED,
        )  # fmt: skip
        created = self._between(customer.since)
        first, *rest = talk.messages
        number = _FIRST_ISSUE + len(self.records["issue"])
        updated = self._add_comments(str(number), created, rest, agent, reporter)
        # A request that was kept private is shared with nobody.
        shared = [organization] if rng.random() < 0.9 else []
        self._numbers[project["key"]] += 1
        self.records["issue"].append(
            new_issue(
                number,
                f"{project['key']}-{self._numbers[project['key']]}",
                project,
                {
                    "summary": talk.subject,
                    "description": document(first.body),
                    "status": status(state),
                    "priority": priority(rng.choice(_PRIORITIES)),
                    "reporter": reporter["accountId"],
                    "assignee": agent["accountId"] if rest else None,
                    "labels": list(talk.issue.tags),
                    "duedate": rng.choice((None, f"{created + timedelta(days=9):%Y-%m-%d}")),
                    "resolutiondate": jira_time(updated) if state in _SOLVED else None,
                    "created": jira_time(created),
                    "updated": jira_time(updated),
                    ORGANIZATIONS_FIELD: [one["id"] for one in shared],
                    SLA_FIELD: None if state in _SOLVED else {"id": "3", "completedCycles": []},
                    "customfield_10050": {"id": "10400", "value": talk.issue.key},
                    "customfield_10051": rng.choice((None, f"NB-{rng.randrange(9999)}")),
                },
            )
        )

    def _add_comments(
        self,
        issue: str,
        created: datetime,
        messages: Sequence[Message],
        agent: Record,
        reporter: Record,
    ) -> datetime:
        """Add the messages after the first; returns when the last was written."""
        moment = created
        for message in messages:
            wait = timedelta(milliseconds=self._rng.randrange(3_600_000, 90_000_000))
            moment = min(moment + wait, self._company.as_of)
            author = agent if message.by_agent else reporter
            self.records["comment"].append(
                new_comment(
                    {
                        "id": str(_FIRST_COMMENT + len(self.records["comment"])),
                        "issue": issue,
                        "author": author["accountId"],
                        "body": document(message.body),
                        "jsdPublic": message.public,
                        "created": jira_time(moment),
                        "updated": jira_time(moment),
                    }
                )
            )
        return moment
