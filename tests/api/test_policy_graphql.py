"""Work on policies over GraphQL: by whom, in which steps, and what comes of it at the next read."""

from __future__ import annotations

import logging
import time
from typing import Any

import httpx
import pytest

from access_policies.versions.store import draft, put_in_force
from tests.api.site import EXAMPLES, TENANT, Site

POLICY = (EXAMPLES / "policies" / "ticket.yaml").read_text()

DRAFT = """
mutation($changes: Changes!, $reason: String!, $onto: Int) {
  draftPolicies(changes: $changes, reason: $reason, onto: $onto) {
    number parent state author reason documents { name text }
  }
}
"""
PREVIEW = """
mutation($number: Int!) {
  previewPolicies(number: $number) {
    words needsSecondPerson widens
    tests { passed complete cases failed lines coverage { rule gap } }
    callers affected gained lost lines
    entities {
      entity rows gained lost affected fields { field unmasked masked changed }
      callers { user agent purpose gained lost fields { field masked } }
      gainedSamples { id title } lostSamples { id title }
    }
  }
}
"""
TEST = "mutation($number: Int!) { testPolicies(number: $number) { passed failed lines } }"
APPROVE = """
mutation($number: Int!, $reason: String!) {
  approvePolicies(number: $number, reason: $reason) { state }
}
"""
PUBLISH = """
mutation($number: Int!, $reason: String!) { publishPolicies(number: $number, reason: $reason) }
"""
ROLL_BACK = "mutation($reason: String!) { rollBackPolicies(reason: $reason) }"
CHECK = """
query($changes: Changes!) {
  checkPolicies(changes: $changes) { usable problems findings { entity rule kind sentence } }
}
"""
EXPLAIN = """
query($entity: String!, $id: UUID!, $user: String) {
  explain(entity: $entity, id: $id, user: $user) {
    visible deciding needed masked { field mask } lines
    rules { id effect side text because value applies saw { name value } }
  }
}
"""
START_SHADOW = """
mutation($number: Int!, $hours: Float!) {
  startPolicyShadow(number: $number, hours: $hours, reason: "a trial") {
    version startedBy expiresAt
  }
}
"""
HISTORY = "{ policyHistory { version kind actor reason evidence } }"


class Editors:
    """The people of a site at the door for policies."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def answer(
        self,
        user: str | None,
        query: str,
        /,
        *,
        agent: str | None = None,
        scopes: tuple[str, ...] | None = ("policy", "read"),
        **variables: Any,
    ) -> Any:
        assert self._site.services.tokens is not None
        token = self._site.services.tokens.issue(
            tenant=TENANT, user=user, agent=agent, scopes=scopes
        )
        with httpx.Client(timeout=60, trust_env=False) as client:
            response = client.post(
                self._site.url + "/admin/graphql",
                json={"query": query, "variables": variables},
                headers={"authorization": f"Bearer {token}"},
            )
        assert response.status_code == 200
        return response.json()

    def data(self, user: str, query: str, /, **variables: Any) -> Any:
        answer = self.answer(user, query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def refusal(self, user: str | None, query: str, /, **variables: Any) -> tuple[str, str]:
        """The code and the message of an operation that has to fail."""
        answer = self.answer(user, query, **variables)
        (error,) = answer["errors"]
        assert not answer["data"] or not any(answer["data"].values())
        return error["extensions"]["code"], error["message"]


def _with_rule(rule: str) -> str:
    """The demo's policy of tickets with one rule more."""
    assert POLICY.count("\nmasks:\n") == 1
    return POLICY.replace("\nmasks:\n", f"\n{rule}masks:\n")


def _written(**documents: str) -> dict[str, Any]:
    return {"write": [{"name": f"{name}.yaml", "text": text} for name, text in documents.items()]}


EVERYBODY = _with_rule("  - id: everybody\n    effect: allow\n    when: true\n")
EVERYBODY_TESTED = """
tests: ticket
people:
  newcomer: {user: {department: finance}}
rows:
  any: {status: OPEN, tags: [], customer: {region: AMER}}
expect:
  - who: newcomer
    see: any
"""
NOBODY = _with_rule("  - id: nobody\n    effect: deny\n    when: true\n")
NOBODY_TESTED = EVERYBODY_TESTED.replace("see: any", "see: []")


def tickets(site: Site, user: str) -> int | None:
    """How many the user sees; None when there is nothing like tickets for them."""
    answer = site.graphql(user, "{ tickets { totalCount } }")
    return None if "errors" in answer else answer["data"]["tickets"]["totalCount"]


def test_the_schema_is_there_for_people_with_the_scope_only(own_site: Site) -> None:
    editors = Editors(own_site)
    asked = "{ __schema { queryType { name } } policyVersions { number } }"
    assert editors.data("maya", asked)["policyVersions"] == []
    for who, scopes in (("maya", None), ("maya", ("read",)), ("maya", ("read:ticket",))):
        code, message = editors.refusal(who, asked, scopes=scopes)
        assert (code, "scope `policy`" in message) == ("NOT_PERMITTED", True)
    code, message = editors.refusal(None, asked, agent="exporter")
    assert (code, "names no user" in message) == ("NOT_PERMITTED", True)
    # Who owns nothing has the schema, and nothing else.
    code, message = editors.refusal("ana", "{ policyVersions { number } }")
    assert (code, "for their owners" in message) == ("NOT_PERMITTED", True)
    # The scope for policies reads nothing.
    assert own_site.services.tokens is not None
    token = own_site.services.tokens.issue(tenant=TENANT, user="maya", scopes=["policy"])
    answer = httpx.post(
        own_site.url + "/graphql",
        json={"query": "{ tickets { totalCount } }"},
        headers={"authorization": f"Bearer {token}"},
        trust_env=False,
    ).json()
    assert answer["data"] is None


def test_a_change_goes_its_way(own_site: Site) -> None:
    site, editors = own_site, Editors(own_site)
    mayas = tickets(site, "maya")
    assert mayas
    assert tickets(site, "sam") is None

    # Maya owns the policy. What she drafts counts for nobody.
    drafted = editors.data("maya", DRAFT, changes=_written(ticket=EVERYBODY), reason="we are few")
    version = drafted["draftPolicies"]
    assert (version["number"], version["parent"], version["state"]) == (1, None, "DRAFT")
    assert (version["author"], version["reason"]) == ("maya", "we are few")
    documents = {each["name"]: each["text"] for each in version["documents"]}
    assert documents == {**dict(site.services.examiner.starting), "ticket.yaml": EVERYBODY}
    assert tickets(site, "sam") is None

    # Its tests say otherwise.
    report = editors.data("maya", TEST, number=1)["testPolicies"]
    assert not report["passed"]
    assert report["failed"]
    editors.data("maya", PREVIEW, number=1)
    editors.data("lena", APPROVE, number=1, reason="fine by me")
    code, message = editors.refusal("maya", PUBLISH, number=1, reason="now")
    assert (code, "tests fail" in message) == ("INVALID_REQUEST", True)

    changes = _written(ticket=EVERYBODY) | {"remove": ["ticket.test.yaml"]}
    changes["write"].append({"name": "more.test.yaml", "text": EVERYBODY_TESTED})
    editors.data("maya", DRAFT, changes=changes, reason="we are few")
    found = editors.data("maya", PREVIEW, number=2)["previewPolicies"]
    assert found["words"][0] == "ticket: rule everybody is new: it allows when true"
    assert found["needsSecondPerson"]
    assert found["gained"] > 0 == found["lost"]
    (impact,) = found["entities"]
    assert (impact["entity"], impact["gained"], impact["lost"]) == ("ticket", found["gained"], 0)
    gains = {each["user"]: each["gained"] for each in impact["callers"]}
    # Samples are rows that Maya sees herself.
    assert impact["gainedSamples"]
    assert all(each["title"] for each in impact["gainedSamples"])

    code, message = editors.refusal("maya", PUBLISH, number=2, reason="now")
    assert (code, "second person" in message) == ("NOT_PERMITTED", True)
    code, message = editors.refusal("maya", APPROVE, number=2, reason="I agree with myself")
    assert (code, "somebody else" in message) == ("NOT_PERMITTED", True)
    approved = editors.data("lena", APPROVE, number=2, reason="for this week")
    assert approved["approvePolicies"] == {"state": "APPROVED"}
    assert editors.data("maya", PUBLISH, number=2, reason="now")["publishPolicies"] == 2
    assert tickets(site, "sam") == gains["sam"]

    # Proven to show nobody more, so that nobody else has to agree.
    changes = _written(ticket=NOBODY) | {"remove": ["more.test.yaml"]}
    changes["write"].append({"name": "less.test.yaml", "text": NOBODY_TESTED})
    editors.data("maya", DRAFT, changes=changes, reason="stop", onto=2)
    found = editors.data("maya", PREVIEW, number=3)["previewPolicies"]
    assert not found["needsSecondPerson"], found["widens"]
    assert found["lost"] > 0 == found["gained"]
    assert editors.data("maya", PUBLISH, number=3, reason="stop")["publishPolicies"] == 3
    assert tickets(site, "maya") is None
    assert editors.data("maya", ROLL_BACK, reason="too much")["rollBackPolicies"] == 2
    assert tickets(site, "sam") == gains["sam"]

    events = editors.data("sam", HISTORY)["policyHistory"]
    assert [(each["version"], each["kind"], each["actor"]) for each in reversed(events)] == [
        (1, "drafted", "maya"),
        (1, "previewed", "maya"),
        (1, "approved", "lena"),
        (2, "drafted", "maya"),
        (2, "previewed", "maya"),
        (2, "approved", "lena"),
        (2, "published", "maya"),
        (3, "drafted", "maya"),
        (3, "previewed", "maya"),
        (3, "published", "maya"),
        (2, "rolled_back", "maya"),
    ]
    assert all(each["evidence"]["via"] == "GraphQL" for each in events)
    # What others found is not for an owner.
    of_lena = editors.data("lena", HISTORY)["policyHistory"]
    assert {each["actor"] for each in of_lena if each["evidence"]} == {"lena"}


def test_a_check_stores_nothing(own_site: Site) -> None:
    editors = Editors(own_site)
    wrong = _written(ticket=_with_rule("  - id: odd\n    effect: allow\n    when: ticket.statsu\n"))
    found = editors.data("maya", CHECK, changes=wrong)["checkPolicies"]
    assert not found["usable"]
    (problem,) = found["problems"]
    assert problem.startswith("ticket.yaml, line ")
    assert "did you mean `status`?" in problem
    code, message = editors.refusal("maya", DRAFT, changes=wrong, reason="try")
    assert (code, "did you mean `status`?" in message) == ("INVALID_REQUEST", True)

    idle = _with_rule(
        '  - id: idle\n    effect: allow\n    when: user.regions == null and "x" in user.regions\n'
    )
    found = editors.data("maya", CHECK, changes=_written(ticket=idle))["checkPolicies"]
    assert (found["usable"], found["problems"]) == (True, [])
    assert [(each["entity"], each["rule"]) for each in found["findings"]] == [("ticket", "idle")]
    for changes, reason in (
        ({"remove": ["tickets.yaml"]}, "no document tickets.yaml"),
        (_written(ticket=POLICY) | {"remove": ["ticket.yaml"]}, "named twice"),
    ):
        code, message = editors.refusal("maya", CHECK, changes=changes)
        assert (code, reason in message) == ("INVALID_REQUEST", True)
    assert editors.data("maya", "{ policyVersions { number } }")["policyVersions"] == []


def test_an_agent_prepares_and_people_decide(own_site: Site) -> None:
    editors = Editors(own_site)
    drafted = editors.answer(
        "maya", DRAFT, agent="helpdesk-bot", changes=_written(ticket=NOBODY), reason="as told"
    )
    assert drafted["data"]["draftPolicies"]["number"] == 1
    assert "errors" not in editors.answer("maya", PREVIEW, agent="helpdesk-bot", number=1)
    for step in (APPROVE, PUBLISH):
        code, message = editors.refusal("lena", step, agent="helpdesk-bot", number=1, reason="x")
        assert (code, "is for people" in message) == ("NOT_PERMITTED", True)


def test_why_a_row_is_seen_or_not(own_site: Site) -> None:
    site, editors = own_site, Editors(own_site)
    seen = "{ tickets(first: 50) { nodes { id customer { region } } } }"
    row = site.data("lena", seen)["tickets"]["nodes"][0]["id"]

    # Lena sees the row, and is told what it holds; of its customer only what she would see anyway.
    found = editors.data("lena", EXPLAIN, entity="ticket", id=row, user="maya")["explain"]
    assert not found["visible"]
    values = {each["name"]: each["value"] for rule in found["rules"] for each in rule["saw"]}
    assert values["ticket.tags"].startswith("[")
    assert values["ticket.customer.region"] == "(not for you to see)"
    assert found["needed"]
    # Maya owns the policy as well, and does not see the row.
    found = editors.data("maya", EXPLAIN, entity="ticket", id=row, user="lena")["explain"]
    assert found["visible"]
    assert found["deciding"] == ["own-regions"]
    values = {each["name"]: each["value"] for rule in found["rules"] for each in rule["saw"]}
    assert values["ticket.tags"] == "(not for you to see)"
    # A token for policies alone reads no value.
    found = editors.data("lena", EXPLAIN, scopes=("policy",), entity="ticket", id=row, user="maya")[
        "explain"
    ]
    values = {each["name"]: each["value"] for rule in found["rules"] for each in rule["saw"]}
    assert values["ticket.tags"] == "(not for you to see)"
    # Omar owns other policies.
    code, message = editors.refusal("omar", EXPLAIN, entity="ticket", id=row, user="maya")
    assert (code, "may not explain" in message) == ("NOT_PERMITTED", True)


def test_a_shadow_finds_differences_and_ends(own_site: Site) -> None:
    site, editors = own_site, Editors(own_site)
    editors.data("maya", DRAFT, changes=_written(ticket=NOBODY), reason="what would it take away?")
    run = editors.data("maya", START_SHADOW, number=1, hours=1)["startPolicyShadow"]
    assert (run["version"], run["startedBy"]) == (1, "maya")
    assert editors.data("maya", "{ policyShadow { version } }")["policyShadow"] == {"version": 1}

    shown = site.data("omar", "{ tickets(first: 3) { nodes { id } } }")["tickets"]["nodes"]
    found = _differences(editors, 1)
    assert {(each["change"], each["rowId"], each["user"]) for each in found} == {
        ("lost", each["id"], "omar") for each in shown
    }
    stop = 'mutation { stopPolicyShadow(reason: "seen enough") }'
    assert editors.data("maya", stop)["stopPolicyShadow"] == 1
    assert editors.data("maya", "{ policyShadow { version } }")["policyShadow"] is None
    assert editors.data("maya", stop)["stopPolicyShadow"] is None


def _differences(editors: Editors, number: int) -> list[dict[str, Any]]:
    """What the trial has found; it works aside from reads, so that the first may take a moment."""
    asked = (
        "query($number: Int!) { policyShadowDifferences(number: $number) {"
        " change rowId user agent field seen } }"
    )
    for _ in range(200):
        found: list[dict[str, Any]] = editors.data("maya", asked, number=number)[
            "policyShadowDifferences"
        ]
        if found:
            return found
        time.sleep(0.05)
    return []


def test_what_cannot_be_read_is_mended_here(own_site: Site) -> None:
    """The door is open while nothing else is answered."""
    site, editors = own_site, Editors(own_site)
    with site.services.database.writing() as connection:
        broken = draft(
            connection, TENANT, {"ticket.yaml": "entity: tikcet\n"}, author="x", reason="x"
        )
        put_in_force(connection, TENANT, broken.number, expected=None, actor="x", reason="x")
    assert site.post("/graphql", "maya", {"query": "{ __typename }"}).status_code == 503
    code, message = editors.refusal("sam", "{ policyVersions { number } }")
    assert (code, "An operator has to" in message) == ("UNAVAILABLE", True)


def test_nothing_of_a_change_is_logged(own_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    editors = Editors(own_site)
    with caplog.at_level(logging.DEBUG):
        secret = _with_rule('  - id: c\n    effect: deny\n    when: ticket.subject == "canary-7"\n')
        editors.data("maya", DRAFT, changes=_written(ticket=secret), reason="canary-8")
        editors.data("maya", PREVIEW, number=1)
    logged = " ".join(record.getMessage() for record in caplog.records)
    assert "/admin/graphql" in logged
    assert "canary" not in logged
