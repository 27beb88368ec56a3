"""The sample company: customers, staff, three vendors' records, and the truth behind them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingestion.simulator.company.billing import BillingBuilder
from ingestion.simulator.company.cases import open_cases
from ingestion.simulator.company.crm import CrmBuilder
from ingestion.simulator.company.customers import Customer, invent_customers
from ingestion.simulator.company.staff import Employee, hire_staff
from ingestion.simulator.company.support import SupportBuilder

Record = dict[str, Any]


@dataclass(frozen=True)
class TrueCustomer:
    """One real customer and all the records that stand for it, deleted ones left out.

    `accounts` are Salesforce ids, `organizations` Zendesk ids, `stripe_customers` Stripe ids.
    """

    key: str
    name: str
    region: str
    tier: str
    currency: str
    accounts: tuple[str, ...]
    organizations: tuple[int, ...]
    stripe_customers: tuple[str, ...]


@dataclass(frozen=True)
class Company:
    """The records of three vendors by kind; nobody changes them, a simulator changes copies.

    Every other vendor makes its records of the same `customers` and `staff`.
    """

    seed: int
    scale: float
    as_of: datetime
    salesforce: dict[str, list[Record]]
    zendesk: dict[str, list[Record]]
    stripe: dict[str, list[Record]]
    truth: tuple[TrueCustomer, ...]
    customers: tuple[Customer, ...]
    staff: tuple[Employee, ...]

    def customer(self, key: str) -> TrueCustomer:
        """The real customer of that key, such as `acme`; KeyError when there is none."""
        for customer in self.truth:
            if customer.key == key:
                return customer
        raise KeyError(f"no customer {key!r}; the keys are those of Company.truth")


def build_company(
    seed: int = 7, scale: float = 1.0, as_of: datetime = datetime(2026, 11, 1, tzinfo=UTC)
) -> Company:
    """The company as it stands at `as_of`; the same arguments always give the same records.

    Scale 1 is about 80 real customers, 2,000 tickets and 1,500 invoices. Acme, Acme Foods, Globex
    and 初音食品 exist at every seed and scale.
    """
    as_of = as_of.astimezone(UTC).replace(microsecond=0)

    def rng(part: str) -> random.Random:
        # A stream of its own for each part: more of one does not change the others.
        return random.Random(f"{seed}/{part}")  # noqa: S311

    staff = hire_staff(rng("staff"), as_of)
    customers = invent_customers(rng("customers"), scale, as_of)
    crm = CrmBuilder(rng("crm"), as_of).build(staff, customers)
    support = SupportBuilder(rng("support"), as_of).build(staff, customers, crm.accounts, scale)
    billing = BillingBuilder(rng("billing"), as_of).build(customers, crm.accounts)
    truth = tuple(
        TrueCustomer(
            key=customer.key,
            name=customer.name,
            region=customer.region,
            tier=customer.tier,
            currency=customer.currency,
            accounts=tuple(crm.accounts.get(customer.key, ())),
            organizations=tuple(support.organizations.get(customer.key, ())),
            stripe_customers=tuple(billing.customers.get(customer.key, ())),
        )
        for customer in customers
    )
    return Company(
        seed=seed,
        scale=scale,
        as_of=as_of,
        salesforce={**crm.records, **open_cases(rng("cases"), crm, customers, as_of)},
        zendesk=support.records,
        stripe=billing.records,
        truth=truth,
        customers=tuple(customers),
        staff=tuple(staff),
    )
