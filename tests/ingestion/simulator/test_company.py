from __future__ import annotations

import random
import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from ingestion.simulator import Company, build_company
from ingestion.simulator.company.names import FREE_MAIL_HOSTS

OPEN = {"new", "open", "pending", "hold"}


def test_the_same_arguments_give_the_same_records() -> None:
    random.seed(1)
    first = build_company(seed=3, scale=0.2)
    random.seed(2)
    random.shuffle([1, 2, 3])
    assert build_company(seed=3, scale=0.2) == first


def test_another_seed_gives_other_records() -> None:
    assert build_company(seed=3, scale=0.2).truth != build_company(seed=4, scale=0.2).truth


def test_scale_one_has_the_promised_size(company: Company) -> None:
    sizes = {
        kind: len(records)
        for vendor in (company.salesforce, company.zendesk, company.stripe)
        for kind, records in vendor.items()
    }
    assert len(company.truth) == 80
    assert 400 <= sizes["Contact"] <= 600
    assert sizes["User"] == 25
    assert 150 <= sizes["Opportunity"] <= 250
    assert sizes["ticket"] == 2000
    assert 6000 <= sizes["comment"] <= 7500
    assert 1200 <= sizes["invoice"] <= 1800
    assert 90 <= sizes["subscription"] <= 150


@pytest.mark.parametrize(
    ("seed", "scale"),
    [
        (7, 1.0),  # the default
        (7, 0.01),  # nothing but the well-known customers
        (1, 0.3),
        (2, 0.5),
        (99, 1.0),
    ],
)
def test_acme_is_always_the_same(seed: int, scale: float) -> None:
    company = build_company(seed=seed, scale=scale)
    acme = company.customer("acme")
    (account,) = [a for a in company.salesforce["Account"] if a["Id"] in acme.accounts]
    (organization,) = [o for o in company.zendesk["organization"] if o["id"] in acme.organizations]
    (customer,) = [c for c in company.stripe["customer"] if c["id"] in acme.stripe_customers]
    assert (account["Name"], organization["name"], customer["name"]) == (
        "Acme Corporation", "ACME Corp.", "Acme Inc",
    )  # fmt: skip
    assert (account["Region__c"], account["Tier__c"]) == ("EMEA", "Enterprise")
    assert organization["external_id"] == account["Id"]
    assert customer["metadata"]["salesforce_account_id"] == account["Id"]

    tickets = [t for t in company.zendesk["ticket"] if t["organization_id"] == organization["id"]]
    waiting = [ticket for ticket in tickets if ticket["status"] in OPEN]
    assert len(waiting) == 7
    assert {ticket["status"] for ticket in waiting} == OPEN
    assert {ticket["priority"] for ticket in waiting} == {"low", "normal", "high", "urgent"}
    assert sum("legal" in ticket["tags"] for ticket in waiting) == 1
    assert sum("security" in ticket["tags"] for ticket in waiting) == 1
    assert sum(ticket["status"] in ("solved", "closed") for ticket in tickets) >= 12

    invoices = [i for i in company.stripe["invoice"] if i["customer"] == customer["id"]]
    now = company.as_of.timestamp()
    due = [invoice["due_date"] for invoice in invoices if invoice["status"] == "open"]
    assert len(due) >= 3
    assert sum(moment < now for moment in due) == 1
    subscriptions = [s for s in company.stripe["subscription"] if s["customer"] == customer["id"]]
    assert [s["status"] for s in subscriptions] == ["active"]
    deals = [o for o in company.salesforce["Opportunity"] if o["AccountId"] == account["Id"]]
    assert len(deals) == 2


def test_well_known_customers_beside_acme(company: Company) -> None:
    foods, globex, hatsune = map(company.customer, ("acme-foods", "globex", "hatsune-foods"))
    assert (foods.region, globex.region, hatsune.region) == ("AMER", "AMER", "APAC")
    assert hatsune.currency == "JPY"
    assert "初音食品" in hatsune.name
    waiting = [
        ticket
        for ticket in company.zendesk["ticket"]
        if ticket["organization_id"] in foods.organizations and ticket["status"] in OPEN
    ]
    assert len(waiting) == 3


def test_every_domain_is_reserved_or_free_mail(company: Company) -> None:
    hosts = set()
    for account in company.salesforce["Account"]:
        website = (account["Website"] or "").lower().removeprefix("https://")
        hosts.add(website.removeprefix("http://").split("/")[0])
    for contact in company.salesforce["Contact"]:
        hosts.add((contact["Email"] or "").strip().lower().partition("@")[2])
    for organization in company.zendesk["organization"]:
        hosts.update(organization["domain_names"])
    for user in company.zendesk["user"] + company.stripe["customer"]:
        hosts.add((user["email"] or "").partition("@")[2])
    hosts -= {"", *FREE_MAIL_HOSTS}
    assert {host for host in hosts if not host.endswith(".example")} == set()


def test_no_organization_claims_a_free_mail_domain(company: Company) -> None:
    claimed = {d for o in company.zendesk["organization"] for d in o["domain_names"]}
    assert claimed.isdisjoint(FREE_MAIL_HOSTS)


def test_the_truth_names_only_records_that_exist_and_each_once(company: Company) -> None:
    for members, records, key in (
        ("accounts", company.salesforce["Account"], "Id"),
        ("organizations", company.zendesk["organization"], "id"),
        ("stripe_customers", company.stripe["customer"], "id"),
    ):
        named = [member for customer in company.truth for member in getattr(customer, members)]
        assert len(named) == len(set(named))
        assert set(named) <= {record[key] for record in records}


def test_links_between_systems_are_about_as_common_as_promised(company: Company) -> None:
    organizations = company.zendesk["organization"]
    linked = sum(o["external_id"] is not None for o in organizations)
    assert 0.35 <= linked / len(organizations) <= 0.65
    customers = company.stripe["customer"]
    linked = sum("salesforce_account_id" in c["metadata"] for c in customers)
    assert 0.4 <= linked / len(customers) <= 0.75


def test_some_customers_are_missing_in_a_system_and_some_are_there_twice(company: Company) -> None:
    for members in ("accounts", "organizations", "stripe_customers"):
        counts = Counter(len(getattr(customer, members)) for customer in company.truth)
        assert counts[0] > 0
        assert counts[1] > counts[0]
    assert any(
        len(ids) == 2
        for customer in company.truth
        for ids in (customer.accounts, customer.organizations, customer.stripe_customers)
    )


def test_staff_meet_by_mail_in_salesforce_and_zendesk(company: Company) -> None:
    agents = {u["email"] for u in company.zendesk["user"] if u["role"] != "end-user"}
    assert agents == {user["Email"] for user in company.salesforce["User"]}


def test_the_data_is_as_messy_as_life(company: Company) -> None:
    tickets = company.zendesk["ticket"]
    bodies = "\n".join(comment["body"] for comment in company.zendesk["comment"])
    accounts = company.salesforce["Account"]
    subjects = [ticket["subject"] for ticket in tickets]
    organizations = {o["id"] for o in company.zendesk["organization"] if not o["deleted_at"]}
    homes = {ticket["organization_id"] for ticket in tickets}
    assert "" in subjects or None in subjects
    assert max(len(subject or "") for subject in subjects) > 2000
    assert "<script>" in bodies
    assert "4242 4242 4242 4242" in bodies
    assert "DE89 3704" in bodies
    assert "Ignore all previous instructions" in bodies
    assert re.search("[\u0590-\u07ff]", bodies), "right to left"
    assert re.search("[\u3040-\u9fff]", bodies), "Japanese"
    assert None in homes
    assert homes - organizations - {None}, "tickets of a deleted organization"
    assert any(a["Name"] != a["Name"].strip() for a in accounts)
    assert any(a["Region__c"] is None for a in accounts)
    assert any(a["IsDeleted"] for a in accounts)
    assert any(ticket["status"] == "deleted" for ticket in tickets)
    assert any(customer.get("deleted") for customer in company.stripe["customer"])
    assert any(c["AccountId"] is None for c in company.salesforce["Contact"])
    assert {i["currency"] for i in company.stripe["invoice"]} == {"usd", "eur", "jpy"}


def test_conversations_differ(company: Company) -> None:
    bodies = Counter(comment["body"] for comment in company.zendesk["comment"])
    assert len(bodies) > 0.8 * sum(bodies.values())


def test_nothing_happens_after_the_company_s_date(company: Company) -> None:
    now = company.as_of
    for ticket in company.zendesk["ticket"]:
        assert ticket["created_at"] <= ticket["updated_at"]
        assert datetime.fromisoformat(ticket["updated_at"]) <= now
    for comment in company.zendesk["comment"]:
        assert datetime.fromisoformat(comment["created_at"]) <= now
    for account in company.salesforce["Account"]:
        assert account["CreatedDate"] <= account["SystemModstamp"]
        assert datetime.fromisoformat(account["SystemModstamp"]) <= now
    assert all(event["created"] <= now.timestamp() for event in company.stripe["event"])
    assert all(invoice["created"] <= now.timestamp() for invoice in company.stripe["invoice"])


def test_amounts_of_an_invoice_agree(company: Company) -> None:
    for invoice in company.stripe["invoice"]:
        assert invoice["amount_due"] == invoice["amount_paid"] + invoice["amount_remaining"]
        assert invoice["total"] == sum(line["amount"] for line in invoice["lines"]["data"])
        assert invoice["paid"] == (invoice["status"] == "paid")


def test_salesforce_ids_carry_the_check_of_their_case(company: Company) -> None:
    # The suffix of a 15-character id, three letters of 0-5 and A-Z, one for each five characters.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    for account in company.salesforce["Account"]:
        short, suffix = account["Id"][:15], account["Id"][15:]
        for place, letter in enumerate(suffix):
            chunk = short[place * 5 : place * 5 + 5]
            bits = int("".join("1" if c.isupper() else "0" for c in reversed(chunk)), 2)
            assert letters[bits] == letter


def test_the_date_of_the_company_can_be_chosen() -> None:
    as_of = datetime(2031, 5, 4, 12, tzinfo=UTC)
    company = build_company(scale=0.1, as_of=as_of)
    newest = max(ticket["created_at"] for ticket in company.zendesk["ticket"])
    assert newest.startswith("2031-05-0")
