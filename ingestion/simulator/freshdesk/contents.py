"""What the sample company keeps in Freshdesk: the help desk of its smaller product."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from ingestion.simulator.company import Company
from ingestion.simulator.company.conversations import PRIORITIES, converse, pick_issue
from ingestion.simulator.company.customers import Customer
from ingestion.simulator.company.identifiers import zendesk_time as time_text
from ingestion.simulator.freshdesk.records import (
    SOURCES,
    new_agent,
    new_company,
    new_contact,
    new_conversation,
    new_ticket,
)

Record = dict[str, Any]

_FIRST_USER = 60_011_400_101  # agents and contacts share their numbers
_FIRST_COMPANY = 60_003_200_101
_FIRST_CONVERSATION = 60_210_700_001
_WELL_KNOWN = 4  # of the company's customers; they are in every system
_SHARE = 0.5  # of the other firms
_TICKETS = 12  # of a firm


class Contents:
    """The account's records by kind, made of the company's customers and staff."""

    def __init__(self, company: Company) -> None:
        self._rng = random.Random(f"{company.seed}/freshdesk")  # noqa: S311
        self._company = company
        self.records: dict[str, list[Record]] = {
            "agent": [], "company": [], "contact": [], "ticket": [], "conversation": [],
        }  # fmt: skip
        self._users = 0
        self._add_agents()
        for number, customer in enumerate(company.customers):
            chosen = number < _WELL_KNOWN or self._rng.random() < _SHARE
            if chosen and not customer.individual:
                self._add_customer(customer)
        self._throw_away()

    def _user_id(self) -> int:
        self._users += 1
        return _FIRST_USER + 3 * self._users

    def _between(self, start: datetime) -> datetime:
        seconds = int((self._company.as_of - start).total_seconds())
        return start + timedelta(seconds=self._rng.randrange(seconds))

    def _add_agents(self) -> None:
        for employee in self._company.staff:
            if employee.department == "Support":
                person = {"name": employee.person.name, "email": employee.person.email,
                          "job_title": employee.title}  # fmt: skip
                since = time_text(employee.since)
                self.records["agent"].append(new_agent(self._user_id(), person, since))

    def _add_customer(self, customer: Customer) -> None:
        rng = self._rng
        accounts = self._company.customer(customer.key).accounts
        company = new_company(
            {
                "id": _FIRST_COMPANY + 3 * len(self.records["company"]),
                "name": rng.choice((customer.name, customer.brand)),
                "domains": [customer.domain],
                "custom_fields": {
                    "region": customer.region.lower(),
                    "salesforce_account_id": accounts[0] if accounts else None,
                    "onboarding": rng.choice((None, "done")),
                },
                "health_score": rng.choice((None, "Happy", "At risk")),
                "account_tier": customer.tier,
                "industry": rng.choice((None, "Food", "Media")),
                "created_at": time_text(customer.since),
                "updated_at": time_text(self._between(customer.since)),
            }
        )
        self.records["company"].append(company)
        contacts = [
            new_contact(
                {
                    "id": self._user_id(),
                    "name": person.name,
                    "email": person.email,
                    "phone": rng.choice((None, person.phone)),
                    "job_title": person.title,
                    "company_id": company["id"],
                    "language": person.locale[:2],
                    "created_at": time_text(customer.since),
                    "updated_at": time_text(self._between(customer.since)),
                }
            )
            for person in customer.people[:4]
        ]
        self.records["contact"] += contacts
        for _ in range(_TICKETS):
            self._add_ticket(customer, company, rng.choice(contacts))

    def _add_ticket(self, customer: Customer, company: Record, requester: Record) -> None:
        rng = self._rng
        agent = rng.choice(self.records["agent"])
        status = rng.choices((2, 3, 4, 5, 6, 7, 8), (5, 3, 4, 8, 1, 1, 1))[0]
        conversation = converse(
            rng, pick_issue(rng, requester["language"]), requester["name"],
            agent["contact"]["name"], customer.people[0].name, solved=status in (4, 5),
        )  # fmt: skip
        created = self._between(customer.since)
        first, *rest = conversation.messages
        ticket_id = len(self.records["ticket"]) + 1
        moment = created
        for message in rest:
            moment = min(moment + timedelta(hours=rng.randrange(1, 30)), self._company.as_of)
            number = len(self.records["conversation"])
            self.records["conversation"].append(
                new_conversation(
                    {
                        "id": _FIRST_CONVERSATION + 5 * number,
                        "ticket_id": ticket_id,
                        "user_id": agent["id"] if message.by_agent else requester["id"],
                        "incoming": not message.by_agent,
                        "private": not message.public,
                        "body_text": message.body,
                        "created_at": time_text(moment),
                        "updated_at": time_text(moment),
                    }
                )
            )
        self.records["ticket"].append(
            new_ticket(
                {
                    "id": ticket_id,
                    "requester_id": requester["id"],
                    "responder_id": agent["id"] if rest else None,
                    "company_id": company["id"],
                    "status": status,
                    "priority": PRIORITIES.index(conversation.priority) + 1,
                    "source": rng.choice(tuple(SOURCES)),
                    "subject": conversation.subject,
                    "type": rng.choice((None, "Question", "Problem")),
                    "description": f"<div>{first.body}</div>",
                    "description_text": first.body,
                    "tags": list(conversation.issue.tags),
                    "due_by": time_text(created + timedelta(days=3)),
                    "fr_due_by": time_text(created + timedelta(days=1)),
                    "custom_fields": {
                        "cf_product_area": conversation.issue.key,
                        "cf_order_number": None,
                    },
                    "created_at": time_text(created),
                    "updated_at": time_text(moment),
                }
            )
        )

    def _throw_away(self) -> None:
        """A ticket and a contact in the trash, and a ticket among the spam."""
        self.records["ticket"][3]["deleted"] = True
        self.records["ticket"][5]["spam"] = True
        lone = self.records["contact"][-1]
        self.records["ticket"] = [
            ticket for ticket in self.records["ticket"] if ticket["requester_id"] != lone["id"]
        ]
        kept = {ticket["id"] for ticket in self.records["ticket"]}
        self.records["conversation"] = [
            found for found in self.records["conversation"] if found["ticket_id"] in kept
        ]
        lone["deleted"] = True
