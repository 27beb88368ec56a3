"""The people of the sample company itself: Salesforce users and Zendesk agents, one e-mail each."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion.simulator.company.customers import Person, invent_people
from ingestion.simulator.company.names import COUNTRIES

COMPANY_NAME = "Northbeam Software"
COMPANY_DOMAIN = "northbeam.example"

# Department, title, region. A region of None means that the person works for all of them.
_POSITIONS: tuple[tuple[str, str, str | None], ...] = (
    ("Sales", "Account Executive", "EMEA"),
    ("Sales", "Account Executive", "EMEA"),
    ("Sales", "Account Executive", "EMEA"),
    ("Sales", "Account Executive", "AMER"),
    ("Sales", "Account Executive", "AMER"),
    ("Sales", "Account Executive", "AMER"),
    ("Sales", "Account Executive", "APAC"),
    ("Sales", "Account Executive", "APAC"),
    ("Sales", "VP Sales", None),
    ("Customer Success", "Customer Success Manager", "EMEA"),
    ("Customer Success", "Customer Success Manager", "AMER"),
    ("Customer Success", "Customer Success Manager", "APAC"),
    ("Support", "Support Engineer", "EMEA"),
    ("Support", "Support Engineer", "EMEA"),
    ("Support", "Support Engineer", "EMEA"),
    ("Support", "Support Engineer", "AMER"),
    ("Support", "Support Engineer", "AMER"),
    ("Support", "Support Engineer", "AMER"),
    ("Support", "Support Engineer", "APAC"),
    ("Support", "Support Engineer", "APAC"),
    ("Support", "Head of Support", None),
    ("Legal", "Counsel", None),
    ("Security", "Security Lead", None),
    ("Finance", "Billing Specialist", None),
    ("Finance", "Controller", None),
)
_HOME = {"EMEA": "Germany", "AMER": "United States", "APAC": "Singapore", None: "United Kingdom"}
_COUNTRY = {country.name: country for country in COUNTRIES}


@dataclass(frozen=True)
class Employee:
    person: Person
    department: str
    title: str
    region: str | None
    time_zone: str
    since: datetime
    active: bool

    @property
    def answers_tickets(self) -> bool:
        return self.department in ("Support", "Legal", "Security", "Finance")

    @property
    def owns_accounts(self) -> bool:
        return self.department in ("Sales", "Customer Success")


def hire_staff(rng: random.Random, as_of: datetime) -> list[Employee]:
    """The 25 employees; the third and the last but one have left, and are inactive everywhere."""
    employees = []
    taken: set[str] = set()
    for number, (department, title, region) in enumerate(_POSITIONS):
        country = _COUNTRY[_HOME[region]]
        person = invent_people(rng, country, COMPANY_DOMAIN, 1)[0]
        while person.email in taken:
            person = invent_people(rng, country, COMPANY_DOMAIN, 1)[0]
        taken.add(person.email)
        employees.append(
            Employee(
                person=person,
                department=department,
                title=title,
                region=region,
                time_zone=country.time_zone,
                since=as_of - timedelta(days=rng.randrange(950, 1500)),
                active=number not in (2, len(_POSITIONS) - 2),
            )
        )
    return employees
