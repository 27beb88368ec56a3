from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingestion.simulator import Company, Simulator, SimulatorError, build_company
from ingestion.simulator.changes import JournalError
from tests.ingestion.simulator.clients import Zendesk, salesforce, stripe_client


def test_a_changed_ticket_comes_next_in_the_export(sim: Simulator) -> None:
    zendesk = Zendesk(sim)
    *_, last = zendesk.pages("/incremental/tickets/cursor", start_time=0)
    ticket = sim.company.zendesk["ticket"][5]
    # Twice within a second: both must come after the cursor, however coarse Zendesk's clock is.
    for status in ("open", "solved"):
        sim.change("zendesk", "ticket", ticket["id"], status=status)
        page = zendesk.get("/incremental/tickets/cursor", cursor=last["after_cursor"])
        (changed,) = page["tickets"]
        assert (changed["id"], changed["status"]) == (ticket["id"], status)
        assert changed["updated_at"] > ticket["updated_at"]
        assert changed["generated_timestamp"] > ticket["generated_timestamp"]
        last = page
    assert zendesk.get(f"/tickets/{ticket['id']}")["ticket"]["status"] == "solved"


def test_a_new_ticket_has_a_first_comment_and_is_under_its_organization(sim: Simulator) -> None:
    zendesk = Zendesk(sim)
    organization = sim.company.customer("globex").organizations[0]
    requester = next(
        u["id"] for u in sim.company.zendesk["user"] if u["organization_id"] == organization
    )
    ticket = sim.create(
        "zendesk", "ticket", requester_id=requester, organization_id=organization,
        subject="Fire", description="The printer burns.", tags=["legal"],
    )  # fmt: skip
    sim.create("zendesk", "comment", ticket_id=ticket["id"], body="Still burning.", public=False)
    assert ticket["raw_subject"] == "Fire"
    comments = zendesk.get(f"/tickets/{ticket['id']}/comments")["comments"]
    assert [(c["body"], c["public"]) for c in comments] == [
        ("The printer burns.", True), ("Still burning.", False),
    ]  # fmt: skip
    under = list(zendesk.pages(f"/organizations/{organization}/tickets", **{"page[size]": 100}))
    assert ticket["id"] in {t["id"] for page in under for t in page["tickets"]}
    start = zendesk.get(f"/tickets/{ticket['id']}")["ticket"]["generated_timestamp"] - 5
    events = zendesk.get("/incremental/ticket_events", start_time=start)["ticket_events"]
    assert [event["ticket_id"] for event in events] == [ticket["id"]] * 2


def test_deletions_show_the_vendor_s_way(sim: Simulator) -> None:
    zendesk = Zendesk(sim)
    ticket = next(t for t in sim.company.zendesk["ticket"] if t["status"] == "open")
    sim.delete("zendesk", "ticket", ticket["id"])
    deleted = zendesk.get("/deleted_tickets", **{"page[size]": 100})["deleted_tickets"]
    assert ticket["id"] in {entry["id"] for entry in deleted}
    organization = sim.company.customer("globex").organizations[0]
    assert sim.delete("zendesk", "organization", organization)["deleted_at"]
    user = sim.delete("zendesk", "user", ticket["requester_id"])
    assert user["active"] is False

    account = sim.company.customer("globex").accounts[0]
    sim.delete("salesforce", "Account", account)
    query = "SELECT Id, IsDeleted FROM Account WHERE Id = '{}'"
    client = salesforce(sim)
    assert client.query(query.format(account))["totalSize"] == 0
    (gone,) = client.query(query.format(account), include_deleted=True)["records"]
    assert gone["IsDeleted"]

    customer = sim.company.customer("globex").stripe_customers[0]
    sim.delete("stripe", "customer", customer)
    reader = stripe_client(sim).v1
    assert reader.customers.retrieve(customer).to_dict()["deleted"] is True
    newest = reader.events.list({"limit": 1}).data[0]
    assert (newest.type, newest.data.object["id"]) == ("customer.deleted", customer)
    left = reader.subscriptions.list({"customer": customer, "status": "all"}).data
    assert {s.status for s in left} <= {"canceled", "incomplete_expired"}


def test_system_modstamp_never_stands_still(sim: Simulator) -> None:
    account = sim.company.customer("acme").accounts[0]
    stamps = [
        sim.change("salesforce", "Account", account, Name=f"Acme {number}")["SystemModstamp"]
        for number in range(5)
    ]
    assert stamps == sorted(set(stamps))
    since = stamps[-1].replace("+0000", "Z")
    query = f"SELECT Name FROM Account WHERE SystemModstamp >= {since}"  # noqa: S608
    assert salesforce(sim).query(query)["records"][0]["Name"] == "Acme 4"


def test_an_opportunity_follows_its_stage(sim: Simulator) -> None:
    account = sim.company.customer("acme").accounts[0]
    deal = sim.create("salesforce", "Opportunity", Name="New", AccountId=account)
    assert (deal["StageName"], deal["IsClosed"]) == ("Prospecting", False)
    won = sim.change("salesforce", "Opportunity", deal["Id"], StageName="Closed Won")
    assert (won["IsClosed"], won["IsWon"], won["Probability"]) == (True, True, 100.0)


def test_a_paid_invoice_tells_two_events_and_the_old_values(sim: Simulator) -> None:
    acme = sim.company.customer("acme").stripe_customers[0]
    reader = stripe_client(sim).v1
    invoice = reader.invoices.list({"customer": acme, "status": "open"}).data[0]
    sim.change("stripe", "invoice", invoice.id, status="paid")
    paid = reader.invoices.retrieve(invoice.id)
    assert (paid.status, paid.amount_remaining, paid.amount_paid) == ("paid", 0, paid.amount_due)
    told, updated = reader.events.list({"limit": 2}).data
    assert (told.type, updated.type) == ("invoice.paid", "invoice.updated")
    previous: Any = updated.data.previous_attributes
    assert previous["status"] == "open"


def test_metadata_is_merged_and_other_fields_are_replaced(sim: Simulator) -> None:
    acme = sim.company.customer("acme").stripe_customers[0]
    account = sim.company.customer("acme").accounts[0]
    changed = sim.change("stripe", "customer", acme, metadata={"colour": "red"}, email=None)
    assert changed["metadata"]["colour"] == "red"
    assert changed["metadata"]["salesforce_account_id"] == account
    assert changed["email"] is None


def test_new_stripe_objects(sim: Simulator) -> None:
    customer = sim.create("stripe", "customer", name="Fresh", email="a@fresh.example")
    subscription = sim.create("stripe", "subscription", customer=customer["id"])
    invoice = sim.create(
        "stripe", "invoice", customer=customer["id"], total=1200, status="draft",
        subscription=subscription["id"],
    )  # fmt: skip
    reader = stripe_client(sim).v1
    types = [event.type for event in reader.events.list({"limit": 3}).data]
    assert types == ["invoice.created", "customer.subscription.created", "customer.created"]
    assert reader.invoices.list({"limit": 1}).data[0].id == invoice["id"]
    sim.delete("stripe", "invoice", invoice["id"])
    assert reader.invoices.list({"customer": customer["id"]}).data == []


@pytest.mark.parametrize(
    ("vendor", "kind", "record_id", "fields", "reason"),
    [
        ("zendesk", "ticket", "1", {}, "no ticket 1"),  # no such record
        ("zendesk", "planet", "1", {}, "no kind 'planet'"),
        ("zendesk", "ticket", "10001", {"colour": "red"}, "no field colour"),
        ("zendesk", "ticket", "10001", {"status": "happy"}, "no status 'happy'"),
        ("salesforce", "Account", "001", {"Name": "x"}, "no Account 001"),
        ("stripe", "invoice", "in_0", {"status": "paid"}, "no invoice in_0"),
        ("hubspot", "deal", "1", {}, "no vendor 'hubspot'"),
    ],
)
def test_impossible_changes_say_why(
    sim: Simulator, vendor: str, kind: str, record_id: str, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(SimulatorError, match=reason):
        sim.change(vendor, kind, record_id, **fields)


def test_a_new_record_says_what_it_lacks(sim: Simulator) -> None:
    with pytest.raises(SimulatorError, match="requester_id"):
        sim.create("zendesk", "ticket", subject="nobody asked")


def test_changes_do_not_reach_the_company(sim: Simulator, company: Company) -> None:
    before = company.zendesk["ticket"][9].copy()
    sim.change("zendesk", "ticket", before["id"], subject="changed")
    assert company.zendesk["ticket"][9] == before


class TestJournal:
    def test_a_restarted_simulator_keeps_its_changes(
        self, company: Company, tmp_path: Path
    ) -> None:
        journal = tmp_path / "journal.jsonl"
        acme = company.customer("acme")
        with Simulator(company, journal=journal) as first:
            requester = company.zendesk["user"][-1]["id"]
            ticket = first.create("zendesk", "ticket", requester_id=requester, subject="One")
            account = first.change("salesforce", "Account", acme.accounts[0], Phone="123")
            first.delete("stripe", "customer", acme.stripe_customers[0])
            events = [e.to_dict() for e in stripe_client(first).v1.events.list({"limit": 5}).data]
        with Simulator(company, journal=journal) as second:
            again = Zendesk(second).get(f"/tickets/{ticket['id']}")["ticket"]
            assert again == ticket
            kept = salesforce(second).Account.get(acme.accounts[0])
            assert kept["SystemModstamp"] == account["SystemModstamp"]
            reader = stripe_client(second).v1
            assert [e.to_dict() for e in reader.events.list({"limit": 5}).data] == events
            later = second.change("salesforce", "Account", acme.accounts[0], Phone="456")
            assert later["SystemModstamp"] > account["SystemModstamp"]

    def test_a_line_cut_off_by_a_kill_is_left_out(self, company: Company, tmp_path: Path) -> None:
        journal = tmp_path / "journal.jsonl"
        account = company.customer("acme").accounts[0]
        with Simulator(company, journal=journal) as first:
            first.change("salesforce", "Account", account, Phone="1")
            first.change("salesforce", "Account", account, Phone="2")
        journal.write_bytes(journal.read_bytes()[:-10])
        with Simulator(company, journal=journal) as second:
            assert salesforce(second).Account.get(account)["Phone"] == "1"
            second.change("salesforce", "Account", account, Phone="3")
        with Simulator(company, journal=journal) as third:
            assert salesforce(third).Account.get(account)["Phone"] == "3"

    def test_a_refused_change_leaves_no_line(self, company: Company, tmp_path: Path) -> None:
        journal = tmp_path / "journal.jsonl"
        with Simulator(company, journal=journal) as sim, pytest.raises(SimulatorError):
            sim.change("zendesk", "ticket", 10_001, status="happy")
        assert len(journal.read_bytes().splitlines()) == 1

    def test_the_journal_of_another_company_is_refused(
        self, company: Company, tmp_path: Path
    ) -> None:
        journal = tmp_path / "journal.jsonl"
        Simulator(company, journal=journal).close()
        with pytest.raises(JournalError, match="another company"):
            Simulator(build_company(seed=8, scale=0.01), journal=journal)

    def test_a_spoiled_line_is_named(self, company: Company, tmp_path: Path) -> None:
        journal = tmp_path / "journal.jsonl"
        Simulator(company, journal=journal).close()
        with journal.open("a") as file:
            file.write("nonsense\n")
        with pytest.raises(JournalError, match="line 2"):
            Simulator(company, journal=journal)
