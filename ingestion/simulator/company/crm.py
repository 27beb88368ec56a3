"""The company's Salesforce records."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from ingestion.simulator.company import names
from ingestion.simulator.company.customers import Customer, Person
from ingestion.simulator.company.identifiers import salesforce_id, salesforce_time
from ingestion.simulator.company.staff import COMPANY_NAME, Employee
from ingestion.simulator.salesforce.objects import new_record

Record = dict[str, Any]

# Label, closed, won, forecast category (label), default probability.
STAGES = (
    ("Prospecting", False, False, "Pipeline", "Pipeline", 10.0),
    ("Qualification", False, False, "Pipeline", "Pipeline", 20.0),
    ("Proposal/Price Quote", False, False, "BestCase", "Best Case", 50.0),
    ("Negotiation/Review", False, False, "Forecast", "Commit", 80.0),
    ("Closed Won", True, True, "Closed", "Closed", 100.0),
    ("Closed Lost", True, False, "Omitted", "Omitted", 0.0),
)
_STAGE_WEIGHTS = (14, 14, 14, 12, 30, 16)
_DEALS = ("Platform renewal", "Seat expansion", "New business", "Analytics add-on", "Pilot")
_INDUSTRIES = ("Transportation", "Food & Beverage", "Energy", "Manufacturing", "Media", None, "")
# What an account's Amount is worth in units of its currency, against one euro or dollar.
_PRICE_LEVEL = {"USD": 1, "EUR": 1, "JPY": 150}


@dataclass
class Crm:
    """The records by object, and the account ids that each customer (by key) has."""

    records: dict[str, list[Record]]
    accounts: dict[str, list[str]]


class CrmBuilder:
    def __init__(self, rng: random.Random, as_of: datetime) -> None:
        self._rng = rng
        self._as_of = as_of
        self._records: dict[str, list[Record]] = {
            "User": [], "OpportunityStage": [], "Account": [], "Contact": [], "Opportunity": [],
        }  # fmt: skip
        self._accounts: dict[str, list[str]] = {}
        self._owners: dict[str, list[str]] = {}
        self._admin = salesforce_id("User", 1)

    def build(self, staff: list[Employee], customers: list[Customer]) -> Crm:
        self._add_users(staff)
        self._add_stages()
        for customer in customers:
            for number, name in enumerate(customer.in_salesforce):
                account = self._add_account(customer, name, duplicate=number > 0)
                if number == 0:
                    self._add_contacts(customer, account)
                    self._add_opportunities(customer, account)
        self._add_leftovers(customers)
        return Crm(self._records, self._accounts)

    def _add(self, kind: str, since: datetime, touched: datetime | None, values: Record) -> Record:
        """Append one record; a record nobody touched since it was made keeps one time for both."""
        records = self._records[kind]
        changed = touched or since
        record = new_record(
            kind,
            {
                "Id": salesforce_id(kind, len(records) + 1),
                "CreatedDate": salesforce_time(since),
                "CreatedById": self._admin,
                "LastModifiedDate": salesforce_time(changed),
                "LastModifiedById": values.get("OwnerId", self._admin),
                "SystemModstamp": salesforce_time(changed),
                **values,
            },
        )
        records.append(record)
        return record

    def _between(self, start: datetime, end: datetime) -> datetime:
        return start + timedelta(seconds=self._rng.randrange(int((end - start).total_seconds())))

    def _add_users(self, staff: list[Employee]) -> None:
        for employee in staff:
            person = employee.person
            user = self._add(
                "User",
                employee.since,
                None if employee.active else self._as_of - timedelta(days=60),
                {
                    "Username": person.email,
                    "LastName": person.family,
                    "FirstName": person.given,
                    "Name": person.name,
                    "CompanyName": COMPANY_NAME,
                    "Division": employee.region,
                    "Department": employee.department,
                    "Title": employee.title,
                    "Email": person.email,
                    "Alias": person.email[:8],
                    "IsActive": employee.active,
                    "UserType": "Standard",
                    "TimeZoneSidKey": employee.time_zone,
                    "LocaleSidKey": person.locale.replace("-", "_"),
                    "LanguageLocaleKey": "en_US",
                },
            )
            if employee.owns_accounts and employee.active:
                self._owners.setdefault(employee.region or "", []).append(user["Id"])

    def _add_stages(self) -> None:
        since = self._as_of - timedelta(days=1500)
        for order, (label, closed, won, category, category_name, chance) in enumerate(STAGES, 1):
            self._add(
                "OpportunityStage",
                since,
                None,
                {
                    "MasterLabel": label,
                    "ApiName": label,
                    "IsActive": True,
                    "SortOrder": order,
                    "IsClosed": closed,
                    "IsWon": won,
                    "ForecastCategory": category,
                    "ForecastCategoryName": category_name,
                    "DefaultProbability": chance,
                },
            )

    def _add_account(self, customer: Customer, name: str, *, duplicate: bool) -> Record:
        rng = self._rng
        known = customer.key in ("acme", "acme-foods", "globex", "hatsune-foods")
        city, _, postal_code = rng.choice(customer.country.cities).partition("/")
        since = self._between(customer.since, customer.since + timedelta(days=20))
        account = self._add(
            "Account",
            since,
            self._between(since, self._as_of),
            {
                "Name": name,
                "Type": rng.choice(("Customer - Direct", "Customer - Channel", None)),
                "BillingStreet": f"{rng.randrange(1, 200)} {rng.choice(names.STREETS)}",
                "BillingCity": city,
                "BillingPostalCode": postal_code,
                "BillingCountry": customer.country.name,
                "Phone": rng.choice((f"{customer.country.dial}{rng.randrange(100, 999)}", None)),
                "Website": f"https://www.{customer.domain}" if known else self._website(customer),
                "Industry": rng.choice(_INDUSTRIES),
                "AnnualRevenue": rng.choice((None, float(rng.randrange(1, 900) * 100_000))),
                "NumberOfEmployees": rng.choice((None, rng.randrange(5, 9_000))),
                "Description": "Possible duplicate, see owner." if duplicate else None,
                "CurrencyIsoCode": customer.currency,
                "OwnerId": rng.choice(self._owners[customer.region]),
                "AccountSource": rng.choice(("Web", "Partner Referral", None)),
                "Region__c": customer.region if known or rng.random() > 0.05 else None,
                "Tier__c": customer.tier if known or rng.random() > 0.04 else "",
                "Health_Score__c": rng.choice((None, float(rng.randrange(101)))),
                "Legacy_ERP_Id__c": rng.choice((None, f"ERP-{rng.randrange(10**6):06d}")),
                "Success_Notes__c": rng.choice((None, "Prefers calls in the morning.\n", "")),
            },
        )
        self._accounts.setdefault(customer.key, []).append(account["Id"])
        return account

    def _website(self, customer: Customer) -> str | None:
        """Websites as people type them; a few are missing or belong to the parent group."""
        rng = self._rng
        if rng.random() < 0.1:
            return rng.choice((None, ""))
        domain = customer.domain
        if customer.other_domain and rng.random() < 0.5:
            domain = customer.other_domain
        forms = ("https://www.{}", "http://{}/", "www.{}", "https://{}/en/home", "{}")
        written = rng.choice(forms).format(domain)
        return written.upper() if rng.random() < 0.04 else written

    def _add_contacts(self, customer: Customer, account: Record) -> None:
        for person in customer.people:
            if self._rng.random() < 0.12 and customer.key != "acme":
                continue
            self._add_contact(person, customer, account["Id"], account["OwnerId"])

    def _add_contact(
        self, person: Person, customer: Customer, account_id: str | None, owner_id: str
    ) -> Record:
        rng = self._rng
        email: str | None = person.email
        if rng.random() < 0.06:
            email = f"{person.email.partition('@')[0]}@{rng.choice(names.FREE_MAIL_HOSTS)}"
        elif rng.random() < 0.04:
            email = rng.choice((None, person.email.upper(), f"{person.email} "))
        since = self._between(customer.since, self._as_of)
        return self._add(
            "Contact",
            since,
            self._between(since, self._as_of) if rng.random() < 0.5 else None,
            {
                "AccountId": account_id,
                "LastName": person.family,
                "FirstName": person.given,
                "Salutation": rng.choice((None, None, "Ms.", "Mr.", "Dr.")),
                "Name": person.name,
                "MailingCountry": rng.choice((customer.country.name, None)),
                "Phone": person.phone,
                "MobilePhone": rng.choice((None, person.phone, "")),
                "Email": email,
                "Title": person.title,
                "Department": rng.choice(("Operations", "IT", "Finance", None)),
                "LeadSource": rng.choice(("Web", "Trade Show", None)),
                "CurrencyIsoCode": customer.currency,
                "OwnerId": owner_id,
                "HasOptedOutOfEmail": rng.random() < 0.1,
                "Preferred_Language__c": person.locale[:2],
            },
        )

    def _add_opportunities(self, customer: Customer, account: Record) -> None:
        count = 2 if customer.key == "acme" else self._rng.choice((1, 2, 2, 3, 3, 4, 5))
        for _ in range(count):
            self._add_opportunity(customer, account)

    def _add_opportunity(self, customer: Customer, account: Record) -> Record:
        rng = self._rng
        label, closed, won, category, category_name, chance = rng.choices(STAGES, _STAGE_WEIGHTS)[0]
        since = self._between(customer.since, self._as_of)
        touched = self._between(since, self._as_of)
        close: date = (
            touched if closed else self._as_of + timedelta(days=rng.randrange(7, 200))
        ).date()
        amount = float(rng.randrange(4, 900) * 500 * _PRICE_LEVEL[customer.currency])
        return self._add(
            "Opportunity",
            since,
            touched,
            {
                "AccountId": account["Id"],
                "Name": f"{account['Name'].strip()} – {rng.choice(_DEALS)} {close.year}",
                "Description": rng.choice((None, "", "Budget confirmed for next quarter.")),
                "StageName": label,
                "Amount": None if rng.random() < 0.04 else amount,
                "Probability": chance,
                "CloseDate": close.isoformat(),
                "Type": rng.choice(("New Customer", "Existing Customer - Upgrade", None)),
                "NextStep": rng.choice((None, "Send quote", "Security review")),
                "LeadSource": rng.choice(("Web", "Partner Referral", None)),
                "IsClosed": closed,
                "IsWon": won,
                "ForecastCategory": category,
                "ForecastCategoryName": category_name,
                "CurrencyIsoCode": customer.currency,
                "OwnerId": account["OwnerId"],
                "Contract_Term_Months__c": rng.choice((None, 12.0, 24.0, 36.0)),
            },
        )

    def _add_leftovers(self, customers: list[Customer]) -> None:
        """Records that point nowhere and records in the recycle bin, as every old CRM has them."""
        firms = [c for c in customers if c.in_salesforce and c.key != "acme"]
        for number in range(max(2, len(firms) // 30)):
            firm = firms[number % len(firms)]
            deleted = self._add_account(firm, f"ZZZ TEST {firm.brand} do not use", duplicate=True)
            self._accounts[firm.key].remove(deleted["Id"])
            deleted["IsDeleted"] = True
            owner = deleted["OwnerId"]
            self._add_contact(firm.people[0], firm, deleted["Id"], owner)["IsDeleted"] = True
            self._add_contact(firm.people[1], firm, None, owner)
            self._add_opportunity(firm, deleted)["IsDeleted"] = True
            self._add_opportunity(firm, deleted)["AccountId"] = None
