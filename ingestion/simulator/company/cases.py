"""The company's Salesforce cases: of the firms that have no Zendesk, and of people unknown."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ingestion.simulator.company import names
from ingestion.simulator.company.conversations import Conversation, converse, pick_issue
from ingestion.simulator.company.crm import Crm
from ingestion.simulator.company.customers import Customer, invent_people
from ingestion.simulator.company.identifiers import salesforce_id, salesforce_time
from ingestion.simulator.salesforce.objects import CASE_STATUSES, new_record

Record = dict[str, Any]

# Low, Medium and High are what every org begins with; this one has added a fourth.
_PRIORITIES = {"low": "Low", "normal": "Medium", "high": "High", "urgent": "Critical"}
_STATUS_WEIGHTS = (2, 3, 1, 2, 1, 11)
_KINDS = {"problem": "Problem", "question": "Question", "incident": "Problem"}
_CASES_OF_NOBODY = 6
_CASES_OF_A_FIRM = 4
_QUEUE = salesforce_id("Group", 1)


def open_cases(
    rng: random.Random, crm: Crm, customers: Sequence[Customer], as_of: datetime
) -> dict[str, list[Record]]:
    """The records of Case and CaseComment; the last case and its comments are deleted."""
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
        self.records: dict[str, list[Record]] = {"Case": [], "CaseComment": []}
        self._rng = rng
        self._as_of = as_of
        self._accounts = crm.accounts
        self._contacts = [one for one in crm.records["Contact"] if not one["IsDeleted"]]
        users = crm.records["User"]
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
        comments = [one for one in self.records["CaseComment"] if one["ParentId"] == case["Id"]]
        for record in (case, *comments):
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
        self._add_comments(case["Id"], conversation, count, since, agent["Id"])

    def _add_comments(
        self, case: str, conversation: Conversation, count: int, since: datetime, agent: str
    ) -> None:
        for number, message in enumerate(conversation.messages[1:count], start=1):
            at = since + timedelta(hours=4 * number)
            self._add(
                "CaseComment",
                at,
                at,
                agent,
                {"ParentId": case, "IsPublished": message.public, "CommentBody": message.body},
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
