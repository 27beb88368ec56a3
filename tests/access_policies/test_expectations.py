"""Reading tests of policies: rows are typed like real ones, and every mistake has its line."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from access_policies import PolicyError
from access_policies.testing.expectations import MOST_CASES, NOW, Case, read_tests
from semantic_layer import load_model

MODEL = load_model()


def _read(*documents: str) -> tuple[Case, ...]:
    texts = [(f"{number}.test.yaml", text) for number, text in enumerate(documents, 1)]
    return read_tests(texts, MODEL.specs, MODEL.callers)


def _document(**parts: str) -> str:
    """A document in which one part is other than usual; lines are counted from 1."""
    lines = {
        "tests": "ticket",
        "now": "2026-01-15T09:00:00Z",
        "people": "{maya: {user: {department: support}}, omar: {user: {}}}",
        "rows": "{near: {status: OPEN}, far: {status: NEW}}",
        "expect": "[{who: maya, see: near}]",
        **parts,
    }
    return "\n".join(f"{key}: {value}" for key, value in lines.items())


@pytest.mark.parametrize(
    ("entity", "row", "path", "value"),
    [
        # A text is what was written, not what YAML makes of it.
        ("ticket", "{channel: NO}", ["channel"], "NO"),
        ("ticket", "{number: 0012}", ["number"], "0012"),
        ("ticket", "{channel: 2026-01-01}", ["channel"], "2026-01-01"),
        ("ticket", "{channel: 'null'}", ["channel"], "null"),
        ("ticket", "{channel: ''}", ["channel"], ""),
        ("ticket", "{channel: ' a '}", ["channel"], " a "),
        # Null is missing.
        ("ticket", "{channel: null}", ["channel"], None),
        ("ticket", "{channel: }", ["channel"], None),
        # Every other type.
        ("ticket", "{status: OPEN}", ["status"], "OPEN"),
        ("ticket", "{tags: [YES, 7, '']}", ["tags"], ("YES", "7", "")),
        ("ticket", "{tags: []}", ["tags"], ()),
        (
            "ticket",
            "{due_at: 2026-01-15T10:00:00+01:00}",
            ["due_at"],
            datetime(2026, 1, 15, 9, tzinfo=UTC),
        ),
        ("comment", "{public: false}", ["public"], False),
        ("subscription", "{quantity: -12}", ["quantity"], -12),
        # Ten in YAML 1.1, and exactly a tenth in no float.
        ("subscription", "{quantity: 012}", ["quantity"], 12),
        ("opportunity", "{probability: 0.1}", ["probability"], Decimal("0.1")),
        # Related rows: one, none, and many.
        (
            "ticket",
            "{requester: {customer: {region: EU}}}",
            ["requester", "customer", "region"],
            "EU",
        ),
        ("ticket", "{requester: null}", ["requester"], None),
        ("ticket", "{comments: [{body: Hello}, {body: Bye}]}", ["comments", 1, "body"], "Bye"),
        # Left out, there are none of a relation to many, while one to one is not known.
        ("ticket", "{}", ["comments"], ()),
        ("ticket", "{customer: {}}", ["customer", "tickets"], ()),
    ],
)
def test_rows_have_the_types_of_the_model(
    entity: str, row: str, path: list[str | int], value: object
) -> None:
    (case,) = _read(_document(tests=entity, people="{maya: {user: {}}}", rows=f"{{near: {row}}}"))

    found: Any = case.values
    for step in path:
        found = found[step]
    assert found == value
    assert type(found) is type(value)


def test_what_is_left_out_is_not_there() -> None:
    (case,) = _read(_document(people="{maya: {user: {}}}", rows="{near: {comments: []}}"))

    assert case.values == {"comments": ()}


def test_people_are_users_agents_for_them_and_agents_alone() -> None:
    people = """
      maya: {user: {department: support, regions: [EMEA, NO], teams: null}, purpose: support}
      by-bot: {user: {name: maya}, agent: {name: helper, vendor: initech}}
      crawler: {agent: {}}"""
    cases = _read(_document(people=people, expect="[]", rows="{near: {}}"))

    maya, by_bot, crawler = (case.principal for case in cases)
    assert (maya.user, maya.agent, maya.purpose) == ("maya", None, "support")
    assert maya.user_attributes == {"department": "support", "regions": ("EMEA", "NO")}
    assert (by_bot.user, by_bot.agent, by_bot.purpose) == ("maya", "helper", None)
    assert by_bot.agent_attributes == {"vendor": "initech"}
    assert (crawler.user, crawler.agent) == (None, "crawler")


def test_the_moment_is_fixed() -> None:
    document = _document()
    moment = "now: 2026-01-15T09:00:00Z\n"

    assert {case.now for case in _read(document)} == {datetime(2026, 1, 15, 9, tzinfo=UTC)}
    assert {case.now for case in _read(document.replace(moment, ""))} == {NOW}


def test_what_is_not_listed_is_hidden() -> None:
    (case, *others) = _read(_document(expect="[{who: maya, see: near, because: She helps.}]"))

    assert (case.person, case.row, case.expected) == ("maya", "near", {})
    assert (case.line, case.because) == (5, "She helps.")
    assert [(each.expected, each.line) for each in others] == [(None, None)] * 3


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        # The document.
        ("", "line 1: the file is empty"),
        ("tests: ticket", "line 1: `people`, `rows`, `expect` is missing"),
        (_document(tests="tickets"), "line 1: there is no entity `tickets`; did you mean `ticket`"),
        (_document(now="yesterday"), "line 2: `now`: expected a time such as"),
        (_document(now="2026-01-15"), "line 2: `now`: the time needs its zone"),
        (_document(notes="x"), "line 6: `notes` is unknown"),
        # People.
        (_document(people="{}"), "line 3: name at least one person"),
        (_document(people="[maya]"), "line 3: name at least one person"),
        (_document(people="{maya: }"), "line 3: expected the keys user, agent, purpose"),
        (_document(people="{maya: {}}"), "line 3: `maya` is nobody yet; say `user: {…}`"),
        (_document(people="{maya: {purpose: x}}"), "line 3: `maya` is nobody yet"),
        (_document(people="{maya: {usr: {}}}"), "`usr` is unknown; did you mean `user`?"),
        (_document(people="{maya: {user: support}}"), "line 3: expected the keys department"),
        (_document(people="{maya: {user: {}, purpose: }}"), "line 3: expected a text"),
        (_document(people="{maya: {user: {}}, maya: {user: {}}}"), "`maya` stands here twice"),
        (_document(people="{maya b: {user: {}}}"), "line 3: a name has letters, digits"),
        (_document(people="{maya: {user: {team: x}}}"), "`team` is unknown; did you mean `teams`?"),
        (
            _document(people="{maya: {user: {regions: EMEA}}}"),
            "`regions`: expected a list of texts",
        ),
        (_document(people="{maya: {user: {regions: [null]}}}"), "`regions`: null is in no list"),
        (_document(people="{maya: {user: {department: [a]}}}"), "`department`: expected one value"),
        (_document(people="{maya: {user: {name: ''}}}"), "the user of a request has an empty name"),
        # Rows.
        (_document(rows="{}"), "line 4: name at least one row"),
        (_document(rows="{near: OPEN}"), "line 4: expected the keys number, subject"),
        (_document(rows="{near: {statsu: OPEN}}"), "`statsu` is unknown; did you mean `status`?"),
        (_document(rows="{near: {status: Open}}"), "line 4: `status`: expected one of NEW, OPEN"),
        (_document(rows="{near: {due_at: soon}}"), "line 4: `due_at`: expected a time such as"),
        (_document(rows="{near: {tags: a}}"), "line 4: `tags`: expected a list of texts"),
        (_document(rows="{near: {customer: EMEA}}"), "line 4: expected the keys name, region"),
        (_document(rows="{near: {customer: {regon: A}}}"), "did you mean `region`?"),
        (_document(rows="{near: {comments: {public: true}}}"), "line 4: expected a list"),
        (
            _document(rows="{near: {comments: [{public: maybe}]}}"),
            "line 4: `public`: expected true or false, not text",
        ),
        (_document(rows="{near: {customer: {tickets: [7]}}}"), "line 4: expected the keys number"),
        (
            _document(tests="subscription", rows="{near: {quantity: 1.5}}"),
            "line 4: `quantity`: expected a whole number",
        ),
        (
            _document(tests="subscription", rows=f"{{near: {{quantity: {'9' * 5000}}}}}"),
            "line 4: `quantity`: expected a whole number",
        ),
        (
            _document(tests="opportunity", rows="{near: {probability: .nan}}"),
            "line 4: `probability`: expected a number",
        ),
        (
            _document(tests="invoice", rows="{near: {total: 12.50 EUR}}"),
            "line 4: `total`: no rule can read an amount of money; leave it out",
        ),
        # Expectations.
        (_document(expect="maya sees near"), "line 5: expected a list"),
        (_document(expect="[maya]"), "line 5: expected the keys who, see"),
        (_document(expect="[{who: maya}]"), "line 5: `see` is missing"),
        (_document(expect="[{who: mya, see: near}]"), "no person `mya`; did you mean `maya`?"),
        (
            _document(expect="[{who: maya, see: nea}]"),
            "there is no row `nea`; did you mean `near`?",
        ),
        (_document(expect="[{who: {}, see: near}]"), "line 5: expected a list"),
        (_document(expect="[{who: maya, see: near, because: }]"), "line 5: expected a text"),
        (
            _document(expect="\n- {who: maya, see: near}\n- {who: [omar, maya], see: [far, near]}"),
            "line 7: maya and near are expected already, in line 6",
        ),
        # Masks.
        (
            _document(expect="[{who: maya, see: near, mask: hide}]"),
            "line 5: expected the keys number",
        ),
        (
            _document(expect="[{who: maya, see: near, mask: {descripton: hide}}]"),
            "`descripton` is unknown; did you mean `description`?",
        ),
        (
            _document(expect="[{who: maya, see: near, mask: {description: blur}}]"),
            "`blur` cannot mask `description`; use `hide`, `redact`, `hash` or `partial`",
        ),
        (
            _document(expect="[{who: maya, see: near, mask: {status: partial}}]"),
            "`partial` cannot mask `status`; use `hide`",
        ),
        (
            _document(expect="[{who: maya, see: near, mask: {subject: clear}}]"),
            "`subject` is in the clear when it is not named here",
        ),
        (
            _document(expect="[{who: maya, see: near, mask: {due_at: bucket}}]"),
            "a bucket needs its width, such as `bucket to month`",
        ),
        (
            _document(expect="[{who: maya, see: near, mask: {due_at: bucket to week}}]"),
            "`bucket to week` of `due_at`: a time is cut to one of day, month, year",
        ),
        (
            _document(expect="[{who: maya, see: near, mask: {subject: hide to month}}]"),
            "`to` is for buckets; write `hide`",
        ),
        (
            _document(expect="[{who: maya, see: [], mask: {subject: hide}}]"),
            "there is no row here that could be masked",
        ),
        # What could take for ever.
        (
            _document(rows="{near: &near {}, far: *near}"),
            "line 4: anchors and aliases",
        ),
        (_document(rows="{near: &near {customer: *near}}"), "line 4: anchors and aliases"),
        (
            _document(rows="{near: " + "{customer: {tickets: [" * 5 + "{}" + "]}}" * 5 + "}"),
            "line 4: no rule looks further than 8 relations away",
        ),
        (
            _document(rows="{" + ", ".join(f"r{n}: {{}}" for n in range(MOST_CASES)) + "}"),
            f"line 1: 2 people with {MOST_CASES} rows are more than {MOST_CASES} cases",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_line(document: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        _read(document)

    assert all(found.startswith("1.test.yaml, line ") for found in caught.value.problems)
    assert any(problem in found for found in caught.value.problems), caught.value.problems


def test_every_mistake_of_every_document_is_reported() -> None:
    bad = _document(tests="ticket", rows="{near: {statsu: OPEN}}", expect="[{who: x, see: near}]")

    with pytest.raises(PolicyError) as caught:
        _read(bad, _document(), _document(now="soon"))

    assert [problem[: len("1.test.yaml, line 1")] for problem in caught.value.problems] == [
        "1.test.yaml, line 4",
        "1.test.yaml, line 5",
        "3.test.yaml, line 2",
    ]


def test_each_name_counts_once() -> None:
    cases = _read(_document(expect="[{who: [maya, maya], see: [near, near]}]"))

    expected: dict[Any, Any] = {(case.person, case.row): case.expected for case in cases}
    assert expected == {
        ("maya", "near"): {},
        ("maya", "far"): None,
        ("omar", "near"): None,
        ("omar", "far"): None,
    }
