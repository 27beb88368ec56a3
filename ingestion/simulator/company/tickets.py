"""Which tickets exist: drawn first as plans, so that ids and times can follow the calendar."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from ingestion.simulator.company.conversations import ISSUE_BY_KEY, pick_issue
from ingestion.simulator.company.customers import Customer
from ingestion.simulator.company.issues import Issue

SOLVED = ("solved", "closed", "deleted")
_ORDINARY = ("login", "invoice", "api_limit", "export", "slow", "dashboard", "integration", "seats")
_TICKETS_AT_SCALE_ONE = 2000
_APPETITE = {"Enterprise": 4, "Business": 2, "Starter": 1}

# Acme's open tickets: issue, priority, status, age in days, and its tag when it is sensitive.
_ACME_OPEN = (
    ("outage", "urgent", "open", 1),
    ("security", "urgent", "new", 0),
    ("api_limit", "high", "open", 3),
    ("contract", "high", "pending", 6),
    ("export", "normal", "hold", 12),
    ("invoice", "normal", "open", 4),
    ("dashboard", "low", "new", 2),
)
_ACME_SOLVED = 14
_ACME_FOODS_OPEN = (
    ("invoice", "normal", "open", 2),
    ("login", "high", "pending", 5),
    ("mobile", "low", "new", 1),
)


@dataclass(frozen=True)
class TicketPlan:
    """One ticket to be written; a `customer` of None stands for somebody in no organization."""

    created: datetime
    customer: Customer | None
    issue: Issue
    status: str
    priority: str | None = None
    pinned: bool = False


def plan_tickets(
    rng: random.Random, customers: Sequence[Customer], scale: float, as_of: datetime
) -> list[TicketPlan]:
    """All tickets in the order of their creation, the pinned ones of the known firms included."""
    plans = _pinned_tickets(rng, {customer.key: customer for customer in customers}, as_of)
    writers = [c for c in customers if c.in_zendesk and c.key not in ("acme", "acme-foods")]
    appetites = list(accumulate(_APPETITE[customer.tier] for customer in writers))
    while len(plans) < round(_TICKETS_AT_SCALE_ONE * scale):
        customer = None if rng.random() < 0.02 else rng.choices(writers, cum_weights=appetites)[0]
        age = _draw_age(rng)
        if customer is not None:
            age = min(age, as_of - customer.since)
        issue = pick_issue(rng, customer.people[0].locale if customer else "en")
        status = _draw_status(rng, age.days)
        plans.append(TicketPlan(as_of - age, customer, issue, status))
    return sorted(plans, key=lambda plan: plan.created)


def _draw_age(rng: random.Random) -> timedelta:
    """From an hour to two and a half years, with many more recent ones than old ones."""
    return timedelta(seconds=3_600 + int(rng.random() ** 2 * 900 * 86_400))


def _draw_status(rng: random.Random, age_in_days: int) -> str:
    if rng.random() < 0.01:
        return "deleted"
    if age_in_days < 10:
        return rng.choices(("new", "open", "pending", "hold", "solved"), (15, 35, 20, 5, 25))[0]
    if age_in_days < 60:
        return rng.choices(("open", "pending", "hold", "solved"), (10, 8, 4, 78))[0]
    return rng.choices(("closed", "hold", "open"), (98, 1, 1))[0]


def _pinned_tickets(
    rng: random.Random, customers: dict[str, Customer], as_of: datetime
) -> list[TicketPlan]:
    plans = []
    for key, tickets in (("acme", _ACME_OPEN), ("acme-foods", _ACME_FOODS_OPEN)):
        for issue_key, priority, status, age in tickets:
            created = as_of - timedelta(days=age, hours=rng.randrange(2, 9))
            plans.append(
                TicketPlan(created, customers[key], ISSUE_BY_KEY[issue_key], status, priority, True)
            )
    for key, count in (("acme", _ACME_SOLVED), ("acme-foods", 6)):
        for number in range(count):
            days = 20 + number * 23
            created = as_of - timedelta(days=days, hours=rng.randrange(24))
            issue = ISSUE_BY_KEY[rng.choice(_ORDINARY)]
            status = "solved" if days < 60 else "closed"
            plans.append(TicketPlan(created, customers[key], issue, status, pinned=True))
    return plans
