from __future__ import annotations

from typing import Any

import httpx
import pytest
from simple_salesforce.exceptions import SalesforceExpiredSession, SalesforceResourceNotFound

from ingestion.simulator import Company, Simulator
from tests.ingestion.simulator.clients import error_list, salesforce, salesforce_token
from tests.plain_http import NO_AUTHORITIES


def soql(sim: Simulator, query: str, path: str = "query", **headers: str) -> httpx.Response:
    token = salesforce_token(sim)
    return httpx.get(
        f"{sim.salesforce_url}/services/data/v62.0/{path}",
        params={"q": query},
        headers={"Authorization": f"Bearer {token}", **headers},
        timeout=20,
        trust_env=False,
        verify=NO_AUTHORITIES,
    )


def test_the_salesforce_client_reads_a_record_and_its_description(shared: Simulator) -> None:
    client = salesforce(shared)
    acme = shared.company.customer("acme")
    account = client.Account.get(acme.accounts[0])
    assert account["Name"] == "Acme Corporation"
    assert account["attributes"] == {
        "type": "Account",
        "url": f"/services/data/v62.0/sobjects/Account/{acme.accounts[0]}",
    }
    fields = {field["name"]: field for field in client.Account.describe()["fields"]}
    assert fields.keys() == account.keys() - {"attributes"}
    assert fields["Region__c"]["custom"]
    assert fields["OwnerId"]["referenceTo"] == ["User"]
    assert "Opportunity" in {entry["name"] for entry in client.describe()["sobjects"]}


def test_the_salesforce_client_pages_through_a_query(company: Company) -> None:
    with Simulator(company, page_limit=100) as sim:
        client = salesforce(sim)
        found = client.query_all("SELECT Id FROM Contact ORDER BY SystemModstamp")["records"]
        paths = [entry["path"] for entry in sim.requests("salesforce")]
    living = {c["Id"] for c in company.salesforce["Contact"] if not c["IsDeleted"]}
    assert {record["Id"] for record in found} == living
    assert len(found) == len(living)
    pages = sum("/query/0r8" in path for path in paths)
    assert pages == (len(living) - 1) // 100


def test_batch_size_is_honoured_between_200_and_2000(shared: Simulator) -> None:
    for asked, given in ((200, 200), (1, 200)):
        option = f"batchSize={asked}"
        page = soql(shared, "SELECT Id FROM Contact", **{"Sforce-Query-Options": option}).json()
        assert len(page["records"]) == given
        assert not page["done"]
    assert soql(shared, "SELECT Id FROM Contact").json()["done"]


def test_query_all_includes_what_was_deleted(shared: Simulator) -> None:
    living = soql(shared, "SELECT Id, IsDeleted FROM Account").json()
    everything = soql(shared, "SELECT Id, IsDeleted FROM Account", "queryAll").json()
    gone = [record for record in everything["records"] if record["IsDeleted"]]
    assert gone
    assert everything["totalSize"] == living["totalSize"] + len(gone)
    only = soql(shared, "SELECT Id FROM Account WHERE IsDeleted = true", "queryAll").json()
    assert only["totalSize"] == len(gone)


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        ("Region__c = 'emea'", lambda a: a["Region__c"] == "EMEA"),  # texts ignore case
        ("Region__c != 'EMEA'", lambda a: a["Region__c"] != "EMEA"),  # null is unequal too
        ("Region__c = null", lambda a: a["Region__c"] is None),
        ("Website = ''", lambda a: a["Website"] == ""),
        ("Tier__c IN ('Starter', 'Business')", lambda a: a["Tier__c"] in ("Starter", "Business")),
        ("Tier__c NOT IN ('Starter')", lambda a: a["Tier__c"] != "Starter"),
        ("NumberOfEmployees > 1000", lambda a: (a["NumberOfEmployees"] or 0) > 1000),
        (
            "SystemModstamp >= 2026-09-01T02:00:00+02:00",  # offsets are converted
            lambda a: a["SystemModstamp"] >= "2026-09-01T00:00:00.000+0000",
        ),
        (
            "CreatedDate < 2025-01-01T00:00:00Z AND Region__c = 'AMER'",
            lambda a: a["CreatedDate"] < "2025" and a["Region__c"] == "AMER",
        ),
        (
            "Region__c = 'AMER' OR (Region__c = 'APAC' AND NOT Tier__c = 'Starter')",
            lambda a: (
                a["Region__c"] == "AMER" or (a["Region__c"] == "APAC" and a["Tier__c"] != "Starter")
            ),
        ),
        ("Name = 'O\\'Hara'", lambda a: a["Name"] == "O'Hara"),  # an escaped quote
    ],
)
def test_where_selects_the_right_accounts(shared: Simulator, where: str, matches: Any) -> None:
    answer = soql(shared, f"SELECT Id FROM Account WHERE {where}")  # noqa: S608
    accounts = [a for a in shared.company.salesforce["Account"] if not a["IsDeleted"]]
    expected = {account["Id"] for account in accounts if matches(account)}
    assert {record["Id"] for record in answer.json()["records"]} == expected


def test_order_limit_and_offset(shared: Simulator) -> None:
    query = "SELECT Name, AnnualRevenue FROM Account ORDER BY AnnualRevenue DESC NULLS LAST, Name"
    everything = soql(shared, query).json()["records"]
    revenues = [record["AnnualRevenue"] for record in everything]
    present = [revenue for revenue in revenues if revenue is not None]
    assert revenues == sorted(present, reverse=True) + [None] * (len(revenues) - len(present))
    assert soql(shared, f"{query} LIMIT 3 OFFSET 2").json()["records"] == everything[2:5]


def test_count_and_field_groups(shared: Simulator) -> None:
    count = soql(shared, "SELECT COUNT() FROM User").json()
    assert count == {"totalSize": 25, "done": True, "records": []}
    custom = soql(shared, "SELECT FIELDS(CUSTOM) FROM Account LIMIT 1").json()["records"][0]
    assert custom.keys() > {"Region__c", "Tier__c"}
    assert "Name" not in custom


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "MALFORMED_QUERY"),  # no query at all
        ("SELECT FROM Account", "MALFORMED_QUERY"),  # no fields
        ("SELECT Id, FROM Account", "MALFORMED_QUERY"),  # a comma too many
        ("SELECT Id FROM Account WHERE AnnualRevenue < 5e0", "MALFORMED_QUERY"),  # no exponents
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),  # no condition
        ("SELECT Id FROM Account LIMIT x", "MALFORMED_QUERY"),  # not a number
        ("SELECT Id FROM Account; DROP", "MALFORMED_QUERY"),  # a character of no token
        ("SELECT Id FROM Account WHERE Name < null", "MALFORMED_QUERY"),  # null has no order
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Account.Name FROM Contact", "INVALID_FIELD"),  # relationship paths are not known
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),  # a number for a text
        ("SELECT Id FROM Account WHERE CreatedDate > 'x'", "INVALID_FIELD"),  # a text for a time
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
    ],
)
def test_wrong_queries_are_refused_in_salesforce_s_shape(
    shared: Simulator, query: str, code: str
) -> None:
    answer = soql(shared, query)
    assert answer.status_code == 400
    (error,) = answer.json()
    assert error["errorCode"] == code
    assert error["message"]


def test_single_records_by_short_id_by_fields_and_missing(shared: Simulator) -> None:
    client = salesforce(shared)
    acme = shared.company.customer("acme").accounts[0]
    record = client.restful(f"sobjects/Account/{acme[:15]}", params={"fields": "Id,Name"})
    assert record.keys() == {"attributes", "Id", "Name"}
    with pytest.raises(SalesforceResourceNotFound) as missing:
        client.Account.get("001000000000000AAA")
    (error,) = error_list(missing.value)
    assert error["errorCode"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("grant", "status", "error"),
    [
        ({"grant_type": "client_credentials"}, 200, None),
        ({"grant_type": "refresh_token"}, 200, None),
        ({"grant_type": "client_credentials", "client_secret": "x"}, 400, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "x"}, 400, "invalid_client_id"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant"),
        ({"grant_type": "magic"}, 400, "unsupported_grant_type"),
    ],
)
def test_sign_in(
    shared: Simulator, http: httpx.Client, grant: dict[str, str], status: int, error: str | None
) -> None:
    form = {**shared.credentials["salesforce"], **grant}
    answer = http.post(f"{shared.salesforce_url}/services/oauth2/token", data=form)
    assert answer.status_code == status
    if error is None:
        assert answer.json()["instance_url"] == shared.salesforce_url
        assert answer.json().keys() >= {"access_token", "token_type", "issued_at", "signature"}
    else:
        assert answer.json()["error"] == error


def test_tokens_expire_on_request(sim: Simulator) -> None:
    client = salesforce(sim)
    client.query("SELECT Id FROM User")
    sim.expire_tokens()
    with pytest.raises(SalesforceExpiredSession) as expired:
        client.query("SELECT Id FROM User")
    (error,) = error_list(expired.value)
    assert error["errorCode"] == "INVALID_SESSION_ID"
    salesforce(sim).query("SELECT Id FROM User")
