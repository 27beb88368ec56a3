"""What the sample company keeps in HubSpot."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from ingestion.simulator.company import Company
from ingestion.simulator.company.conversations import (
    Conversation,
    Message,
    converse,
    html,
    pick_issue,
)
from ingestion.simulator.company.customers import Customer, Person
from ingestion.simulator.company.identifiers import milliseconds_time
from ingestion.simulator.hubspot.definitions import CHANGED, CREATED, pipelines

Record = dict[str, Any]

_FIRST_ID = {
    "companies": 9_310_400_101,
    "contacts": 20_851,
    "deals": 14_220_300_501,
    "tickets": 1_840_200_301,
    "notes": 60_310_700_201,
    "emails": 60_940_100_401,
}
_FIRST_OWNER = 61_668_601
_WELL_KNOWN = 4  # of the company's customers; they are in every system
_SHARE = 0.7  # of the other firms
_PRICE_LEVEL = {"JPY": 150}
_INDUSTRIES = ("COMPUTER_SOFTWARE", "FOOD_BEVERAGES", "LOGISTICS_AND_SUPPLY_CHAIN", None)


class Contents:
    """The portal's records by object, made of the company's customers and staff."""

    def __init__(self, company: Company) -> None:
        self._rng = random.Random(f"{company.seed}/hubspot")  # noqa: S311
        self._company = company
        self.records: dict[str, list[Record]] = {
            "owners": [], "companies": [], "contacts": [], "deals": [], "tickets": [],
            "notes": [], "emails": [],
        }  # fmt: skip
        self._sellers: list[str] = []
        self._talks: list[tuple[Record, Conversation]] = []
        self._add_owners()
        for number, customer in enumerate(company.customers):
            chosen = number < _WELL_KNOWN or self._rng.random() < _SHARE
            if chosen and not customer.individual:
                self._add_customer(customer)
        self._add_leftovers()
        # Of its own, so that what is above stays as it is.
        self._rng = random.Random(f"{company.seed}/hubspot/tickets")  # noqa: S311
        for one in self.records["companies"]:
            self._add_tickets(one)
        self._add_ticket(None, "Somebody unknown")
        self._rng = random.Random(f"{company.seed}/hubspot/activities")  # noqa: S311
        for ticket, talk in self._talks:
            self._add_talk(ticket, talk)
        # A note on a company, which is about no ticket.
        self._add_note(company.as_of - timedelta(days=2), "Met them at the fair.", {
            "companies": [self.records["companies"][0]["id"]],
        })  # fmt: skip

    def _add_owners(self) -> None:
        for number, employee in enumerate(self._company.staff):
            if not employee.owns_accounts:
                continue
            since = milliseconds_time(employee.since)
            owner: Record = {
                "id": str(_FIRST_OWNER + 13 * number),
                "email": employee.person.email,
                "type": "PERSON",
                "firstName": employee.person.given,
                "lastName": employee.person.family,
                "userId": 7_100_000 + number if employee.active else None,
                "userIdIncludingInactive": 7_100_000 + number,
                "createdAt": since,
                "updatedAt": since,
                "archived": not employee.active,
                "teams": [{"id": "178588", "name": employee.department, "primary": True}],
            }
            self.records["owners"].append(owner)
            if employee.active:
                self._sellers.append(owner["id"])

    def _add(self, kind: str, since: datetime, properties: Record) -> Record:
        now = self._company.as_of
        changed = since + timedelta(seconds=self._rng.randrange(int((now - since).total_seconds())))
        found = self.records[kind]
        record_id = str(_FIRST_ID[kind] + 7 * len(found))
        record = {
            "id": record_id,
            "properties": {
                **properties,
                "hs_object_id": record_id,
                CREATED[kind]: milliseconds_time(since),
                CHANGED[kind]: milliseconds_time(changed),
            },
            "associations": {},
            "createdAt": milliseconds_time(since),
            "updatedAt": milliseconds_time(changed),
            "archived": False,
        }
        found.append(record)
        return record

    def _add_customer(self, customer: Customer) -> None:
        rng = self._rng
        company = self._add_company(customer, self._name(customer))
        for person in customer.people[:5]:
            self._add_contact(person, customer, company["id"])
        for _ in range(rng.choice((1, 2, 2, 3))):
            self._add_deal(customer, company)

    def _name(self, customer: Customer) -> str:
        return self._rng.choice(
            (*customer.in_salesforce, *customer.in_zendesk, *customer.in_stripe, customer.name)
        ).strip()

    def _add_company(self, customer: Customer, name: str) -> Record:
        rng = self._rng
        accounts = self._company.customer(customer.key).accounts
        knows_account = bool(accounts) and rng.random() < 0.5
        return self._add(
            "companies",
            customer.since,
            {
                "name": name,
                "domain": customer.domain,
                "website": f"www.{customer.domain}",
                "phone": rng.choice((None, customer.people[0].phone)),
                "industry": rng.choice(_INDUSTRIES),
                "city": customer.country.cities[0].partition("/")[0],
                "country": customer.country.name,
                "numberofemployees": rng.choice((None, str(rng.randrange(5, 9_000)))),
                "hubspot_owner_id": rng.choice(self._sellers),
                "salesforceaccountid": accounts[0] if knows_account else None,
                "region": customer.region.lower(),
                "tier": customer.tier,
                "health_score": rng.choice((None, str(rng.randrange(101)))),
                "success_notes": rng.choice((None, "Renewal talks in spring.", "")),
            },
        )

    def _add_contact(self, person: Person, customer: Customer, company: str | None) -> Record:
        return self._add(
            "contacts",
            customer.since,
            {
                "firstname": person.given,
                "lastname": person.family,
                "email": person.email,
                "phone": self._rng.choice((None, person.phone)),
                "mobilephone": self._rng.choice((None, person.phone, "")),
                "jobtitle": person.title,
                "associatedcompanyid": company,
                "hubspot_owner_id": self._rng.choice((None, *self._sellers)),
                "preferred_language": person.locale[:2],
            },
        )

    def _add_deal(self, customer: Customer, company: Record | None) -> Record:
        rng = self._rng
        pipeline = rng.choice(pipelines("deals"))
        stage = rng.choice(pipeline["stages"])
        amount = rng.randrange(4, 900) * 500 * _PRICE_LEVEL.get(customer.currency, 1)
        close = self._company.as_of + timedelta(days=rng.randrange(-200, 200))
        owner = company["properties"]["hubspot_owner_id"] if company else None
        return self._add(
            "deals",
            customer.since,
            {
                "dealname": f"{self._name(customer)} – {pipeline['label']} {close.year}",
                "pipeline": pipeline["id"],
                "dealstage": stage["id"],
                **of_stage(stage),
                "amount": str(amount) if rng.random() > 0.05 else None,
                "deal_currency_code": customer.currency,
                "closedate": milliseconds_time(close),
                "hs_primary_associated_company": company["id"] if company else None,
                "hubspot_owner_id": owner,
                "contract_term_months": rng.choice((None, "12", "24")),
            },
        )

    def _add_tickets(self, company: Record) -> None:
        """Those of a company in the recycling bin are there, too."""
        for _ in range(self._rng.choice((2, 3, 4))):
            ticket = self._add_ticket(company["id"], company["properties"]["name"])
            if company["archived"]:
                ticket |= {name: company[name] for name in ("archived", "archivedAt", "updatedAt")}

    def _add_ticket(self, company: str | None, name: str) -> Record:
        rng = self._rng
        pipeline = rng.choice(pipelines("tickets"))
        stage = rng.choice(pipeline["stages"])
        issue = pick_issue(rng, "en")
        owner = rng.choice((None, *self._sellers))
        talk = converse(rng, issue, name, "Support", "the team", solved=False)
        since = self._company.as_of - timedelta(days=rng.randrange(3, 300))
        ticket = self._add(
            "tickets",
            since,
            {
                "subject": talk.subject,
                "content": talk.messages[0].body,
                "hs_pipeline": pipeline["id"],
                "hs_pipeline_stage": stage["id"],
                "hs_ticket_priority": rng.choice((None, "LOW", "MEDIUM", "HIGH", "URGENT")),
                "hs_ticket_category": rng.choice((None, "PRODUCT_ISSUE", "BILLING_ISSUE")),
                "source_type": rng.choice(("EMAIL", "CHAT", "FORM", "PHONE")),
                "hs_primary_company_id": company,
                "hubspot_owner_id": owner,
                "product_area": issue.key,
            },
        )
        self._talks.append((ticket, talk))
        return ticket

    def _add_talk(self, ticket: Record, talk: Conversation) -> None:
        """What followed the opening, which is the ticket's own text: notes and e-mails, which go
        to the recycling bin with it. Who asks is one of the people of its company."""
        company = ticket["properties"]["hs_primary_company_id"]
        people = [one for one in self.records["contacts"]
                  if company and one["properties"]["associatedcompanyid"] == company]  # fmt: skip
        contact = self._rng.choice(people) if people else None
        if contact is not None:
            ticket["associations"] = {"contacts": [contact["id"]]}
        links = {"tickets": [ticket["id"]], **ticket["associations"]}
        since = datetime.fromisoformat(ticket["createdAt"])
        for number, message in enumerate(talk.messages[1:], start=1):
            at = since + timedelta(hours=3 * number)
            if message.public:
                said = self._add_email(at, message, talk.subject, contact, links)
            else:
                said = self._add_note(at, html(message.body), links)
            if ticket["archived"]:
                said |= {name: ticket[name] for name in ("archived", "archivedAt", "updatedAt")}

    def _add_note(self, at: datetime, body: str, links: Record) -> Record:
        owner = self._rng.choice(self._sellers)
        given = {"hs_note_body": body, "hubspot_owner_id": owner}
        return self._add_activity("notes", at, given, links)

    def _add_email(
        self, at: datetime, message: Message, subject: str, contact: Record | None, links: Record
    ) -> Record:
        sender = self._rng.choice(self.records["owners"]) if message.by_agent else None
        address = contact["properties"]["email"] if contact is not None else None
        return self._add_activity(
            "emails",
            at,
            {
                "hs_email_direction": "EMAIL" if message.by_agent else "INCOMING_EMAIL",
                "hs_email_status": "SENT" if message.by_agent else None,
                "hs_email_subject": f"Re: {subject}",
                "hs_email_text": message.body,
                "hs_email_html": html(message.body),
                "hs_email_from_email": sender["email"] if sender is not None else address,
                "hubspot_owner_id": sender["id"] if sender is not None else None,
            },
            links,
        )

    def _add_activity(self, kind: str, at: datetime, properties: Record, links: Record) -> Record:
        record = self._add(kind, at, {"hs_timestamp": milliseconds_time(at), **properties})
        record["associations"] = links
        return record

    def _add_leftovers(self) -> None:
        """Objects in the recycling bin, and some that belong to nobody."""
        archived_at = milliseconds_time(self._company.as_of - timedelta(days=20))
        for customer in self._company.customers[1:3]:
            company = self._add_company(customer, f"DO NOT USE {customer.brand}")
            contact = self._add_contact(customer.people[0], customer, company["id"])
            deal = self._add_deal(customer, company)
            for gone in (company, contact, deal):
                gone |= {"archived": True, "archivedAt": archived_at, "updatedAt": archived_at}
            self._add_contact(customer.people[1], customer, None)
            self._add_deal(customer, None)


def of_stage(stage: Record) -> Record:
    """The properties of a deal that HubSpot computes from its stage."""
    metadata = stage["metadata"]
    closed = metadata["isClosed"] == "true"
    won = closed and float(metadata["probability"]) == 1
    return {
        "hs_is_closed": str(closed).lower(),
        "hs_is_closed_won": str(won).lower(),
        # HubSpot shows the binary number behind the decimal one.
        "hs_deal_stage_probability": f"{float(metadata['probability']):.20f}".rstrip("0"),
    }
