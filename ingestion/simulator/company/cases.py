"""The company's Salesforce cases: of the firms that have no Zendesk, and of people unknown."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ingestion.simulator.company import names
from ingestion.simulator.company.conversations import Message, converse, html, pick_issue
from ingestion.simulator.company.crm import Crm
from ingestion.simulator.company.customers import Customer, invent_people
from ingestion.simulator.company.identifiers import salesforce_id, salesforce_time
from ingestion.simulator.salesforce.objects import CASE_STATUSES, OF_CASES, new_record

Record = dict[str, Any]

# Low, Medium and High are what every org begins with; this one has added a fourth.
_PRIORITIES = {"low": "Low", "normal": "Medium", "high": "High", "urgent": "Critical"}
_STATUS_WEIGHTS = (2, 3, 1, 2, 1, 11)
_KINDS = {"problem": "Problem", "question": "Question", "incident": "Problem"}
_CASES_OF_NOBODY = 6
_CASES_OF_A_FIRM = 4
_QUEUE = salesforce_id("Group", 1)
_READ, _SENT = "1", "3"


def open_cases(
    rng: random.Random, crm: Crm, customers: Sequence[Customer], as_of: datetime
) -> dict[str, list[Record]]:
    """Cases and what was said about each; the last is deleted with it.

    Of every other case, what was said to the customer and by them are e-mails.
    """
    desk = _Desk(rng, crm, as_of)
    for customer in customers:
        if customer.in_salesforce and not customer.in_zendesk:
            for _ in range(_CASES_OF_A_FIRM):
                desk.open_for(customer)
    for number in range(_CASES_OF_NOBODY):
        desk.open_for_nobody(names.COUNTRIES[number % len(names.COUNTRIES)])
    desk.throw_last_away()
    return desk.records


class _Desk:
    def __init__(self, rng: random.Random, crm: Crm, as_of: datetime) -> None:
        self.records: dict[str, list[Record]] = {kind: [] for kind in ("Case", *OF_CASES)}
        self._rng = rng
        self._as_of = as_of
        self._accounts = crm.accounts
        self._contacts = [one for one in crm.records["Contact"] if not one["IsDeleted"]]
        users = crm.records["User"]
        self._postmaster = users[0]["Id"]
        self._agents = [one for one in users if one["Department"] == "Support" and one["IsActive"]]

    def open_for(self, customer: Customer) -> None:
        """A case of a firm, by one of its contacts where it has any."""
        account = self._accounts[customer.key][0]
        people = [one for one in self._contacts if one["AccountId"] == account]
        contact = self._rng.choice(people) if people else None
        self._open(
            contact["Name"] if contact else customer.name,
            customer.people[0].locale,
            {"AccountId": account, "ContactId": contact["Id"] if contact else None},
        )

    def open_for_nobody(self, country: names.Country) -> None:
        """A case from a web form, by somebody whom the org does not know."""
        host = self._rng.choice(names.FREE_MAIL_HOSTS)
        person = invent_people(self._rng, country, host, 1)[0]
        supplied = {"SuppliedName": person.name, "SuppliedEmail": person.email}
        self._open(person.name, country.locale, supplied)

    def throw_last_away(self) -> None:
        case = self.records["Case"][-1]
        said = [one for kind in OF_CASES for one in self.records[kind]]
        for record in (case, *(one for one in said if one["ParentId"] == case["Id"])):
            record["IsDeleted"] = True

    def _open(self, customer: str, locale: str, values: Record) -> None:
        rng = self._rng
        agent, colleague = rng.choice(self._agents), rng.choice(self._agents)
        status = rng.choices(list(CASE_STATUSES), _STATUS_WEIGHTS)[0]
        closed = CASE_STATUSES[status]
        conversation = converse(
            rng, pick_issue(rng, locale), customer, agent["Name"], colleague["Name"], solved=closed
        )
        since = self._as_of - timedelta(seconds=rng.randrange(7 * 86_400, 200 * 86_400))
        # What nobody has taken yet lies in a queue.
        owner = _QUEUE if status == "New" else agent["Id"]
        # Its first message is the description; of a new case, nobody has said more.
        count = 1 if status == "New" else len(conversation.messages)
        case = self._add(
            "Case",
            since,
            since + timedelta(hours=5 * count),
            agent["Id"],
            {
                "CaseNumber": f"{len(self.records['Case']) + 1:08d}",
                "Type": _KINDS.get(conversation.issue.kind),
                "Status": status,
                "Origin": "Web" if "SuppliedEmail" in values else rng.choice(("Email", "Phone")),
                "Subject": conversation.subject,
                "Priority": _PRIORITIES[conversation.priority],
                "Description": conversation.messages[0].body,
                "IsClosed": closed,
                "ClosedDate": salesforce_time(since + timedelta(hours=5 * count))
                if closed
                else None,
                "IsEscalated": status == "Escalated",
                "OwnerId": owner,
                "Product_Area__c": conversation.issue.key,
                **values,
            },
        )
        by_email = len(self.records["Case"]) % 2 == 1
        for number, message in enumerate(conversation.messages[1:count], start=1):
            at = since + timedelta(hours=4 * number)
            if by_email and message.public:
                self._add_email(case, message, at, agent, customer)
            else:
                self._add_comment(case, message, at, agent)

    def _add_comment(self, case: Record, message: Message, at: datetime, agent: Record) -> None:
        said = {"IsPublished": message.public, "CommentBody": message.body}
        self._add("CaseComment", at, at, agent["Id"], {"ParentId": case["Id"], **said})

    def _add_email(
        self, case: Record, message: Message, at: datetime, agent: Record, customer: str
    ) -> None:
        """An e-mail to the customer or from them; Salesforce itself makes the record of the latter,
        in the name of the user who has set that up."""
        people = (one["Email"] for one in self._contacts if one["Id"] == case["ContactId"])
        address = case["SuppliedEmail"] or next(people, None)
        inside, outside = (agent["Name"], agent["Email"]), (customer, address)
        (name, sender), (_, recipient) = (
            (inside, outside) if message.by_agent else (outside, inside)
        )
        self._add(
            "EmailMessage",
            at,
            at,
            agent["Id"] if message.by_agent else self._postmaster,
            {
                "ParentId": case["Id"],
                "Subject": f"RE: {case['Subject']}",
                "TextBody": message.body,
                "HtmlBody": html(message.body) if message.by_agent else None,
                "FromName": name,
                "FromAddress": sender,
                "ToAddress": recipient,
                "Incoming": not message.by_agent,
                "IsExternallyVisible": True,
                "Status": _SENT if message.by_agent else _READ,
                "MessageDate": salesforce_time(at),
            },
        )

    def _add(
        self, kind: str, since: datetime, changed: datetime, author: str, values: Record
    ) -> Record:
        record = new_record(
            kind,
            {
                "Id": salesforce_id(kind, len(self.records[kind]) + 1),
                "CreatedDate": salesforce_time(since),
                "CreatedById": author,
                "LastModifiedDate": salesforce_time(changed),
                "LastModifiedById": author,
                "SystemModstamp": salesforce_time(changed),
                **values,
            },
        )
        self.records[kind].append(record)
        return record
