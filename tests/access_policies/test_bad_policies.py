"""Policies that must not come into force: slips, misunderstandings and attacks.

Each is refused with the place, the reason and, where there is one, the way out, in words for
somebody who does not program; and nothing changes of what is in force. `test_language.py` has the
whole of the language; this is what an author, or somebody who is up to something, hands in.
"""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from access_policies import PoliciesInForce, PolicyError, Principal, read_policies
from access_policies.versions import store as versions
from index.database import Database
from index.tables import tenant
from tests.access_policies.strategies import CALLERS, SPECS
from tests.index.predicate.hostile import NOW, TICKETS

# A condition, the column that is pointed at, and words of the reason.
CONDITIONS: list[tuple[str, int, str]] = [
    # Out of the brackets of a matcher, past its end, into its names.
    ("1==2) or (True", 5, "a parenthesis or bracket is opened or closed once too often"),
    ('ticket.region == "emea") or (true', 24, "a parenthesis or bracket"),
    ("True) #", 7, "comments cannot be used; explain the rule in `because`"),
    ("True); (True", 6, "a rule is one condition; write a second rule"),
    ('r.sub.role == "admin"', 1, "`r` is unknown; a name begins with `ticket`, `now`, `user`"),
    ('true or p.eft == "allow"', 9, "`p` is unknown"),
    ("g(r.sub, p.sub)", 1, "function calls other than startsWith, endsWith"),
    ("ticket.title == 'x'; DROP TABLE ticket; --", 20, "write a second rule"),
    ('ticket.title == "a" -- the rest', 21, "comments cannot be used"),
    ('ticket.title == "a" /* the rest */', 21, "arithmetic cannot be used"),
    # Python, and what it can reach.
    ('eval("1")', 1, "function calls other than"),
    ('__import__("os").system("id")', 1, "function calls other than"),
    ('open("/etc/passwd").read() == ""', 1, "a function call cannot be used"),
    ("ticket.__class__.__mro__ == null", 8, "ticket has no relation `__class__`"),
    ("user.__dict__ == null", 6, "no attribute `__dict__` is declared for the user"),
    ('ticket.update(region="emea") or false', 21, "write `==` to compare"),
    ('getattr(ticket, "region") == "x"', 1, "a function call cannot be used"),
    ('ticket["region"] == "x"', 1, "a position in brackets cannot be used"),
    ("(admin := true)", 8, "`:` cannot be used in a condition"),
    ("lambda ticket: true", 14, "`:` cannot be used in a condition"),
    ("[t for t in ticket.tags]", 1, "a loop cannot be used"),
    ("(yield true)", 2, "`yield` cannot be used"),
    ("await ticket.urgent", 1, "`await` cannot be used"),
    ('{"a": 1} == ticket.title', 1, "`{` cannot be used"),
    ("true if ticket.urgent else false", 1, "`if … else` cannot be used"),
    # Templates and placeholders of other tools.
    ("{{ user.region }} == ticket.region", 1, "`{` cannot be used"),
    ("${SECRET} == ticket.region", 1, "`$` cannot be used"),
    ("ticket.region == %s", 18, "wildcards cannot be used"),
    # Constants of kinds that there are not.
    ('ticket.title == f"{user.name}"', 17, "a letter directly before a quote has no meaning"),
    ('ticket.title == b"abc"', 17, "a letter directly before a quote"),
    ('ticket.title == r"a"', 17, "a letter directly before a quote"),
    ("ticket.priority == 1j", 20, "write a number as plain digits, such as 1200 or 0.5"),
    ("ticket.priority == 0x10", 20, "write a number as plain digits"),
    ("ticket.priority == 007", 20, "a number does not begin with 0"),
    ("ticket.score == 1e400", 17, "write a number as plain digits"),
    ("ticket.score == NaN", 17, "`NaN` is unknown"),
    ('ticket.score == float("nan")', 17, "a function call cannot be used"),
    ("ticket.title == ...", 17, "a constant of this kind, cannot be used"),
    # Too large, too long, too deep.
    ("ticket.priority > 99999999999999999999", 1, "outside ±9,223,372,036,854,775,807"),
    ("ticket.score > 1" + "0" * 400, 1, "the number has more than 100 digits"),
    ("9**9**9 > ticket.priority", 2, "arithmetic and wildcards cannot be used"),
    ("ticket.due_at < daysAgo(999999999999)", 17, "a whole number of days, up to 36500"),
    ('ticket.due_at > "99999-01-01T00:00:00Z"', 1, "a time such as 2026-01-31T09:00:00Z"),
    ('ticket.title == "' + "x" * 5_000 + '"', 2_001, "more than 2000 characters; split it"),
    (" and ".join(["true"] * 900), 2_001, "more than 2000 characters"),
    ("(" * 300 + "true" + ")" * 300, 201, "nested too deeply; split it into several rules"),
    ("not " * 60 + "true", 105, "nested too deeply"),
    ("any(ticket.comments, " * 90 + "true" + ")" * 90, 26, "`ticket` is the row outside"),
    # Regular expressions, those that take for ever among them.
    ('regexMatch(ticket.title, "(a+)+$")', 1, "patterns are startsWith, endsWith, contains"),
    ('ticket.title ~ "(a+)+$"', 14, "regular expressions cannot be used; write startsWith(…)"),
    ('ticket.title matches "(a|a)*$"', 14, "`matches` cannot be used; write startsWith(…)"),
    ('keyMatch(ticket.title, "*" )', 24, "every text matches this pattern"),
    ('keyMatch(ticket.title, "a*a*a*a*b")', 24, "one `*` at most, as its last character"),
    # Quotes and what they hold.
    ('ticket.title == "a', 17, "this quote is never closed"),
    ("ticket.title == 'a\"", 17, "this quote is never closed"),
    ('ticket.title == "a" "b"', 21, "two texts stand side by side"),
    ('ticket.title == """a"""', 19, "two texts stand side by side"),
    (r'ticket.title == "a\nb"', 19, "a backslash may stand only before a quote or another"),
    (r'ticket.title == "\u0061"', 18, "a backslash may stand only before"),
    ("ticket.title == `a`", 17, 'write quotes: "…"'),
    ("ticket.title == “a”", 17, "curly quotes cannot be used; write straight ones"),
    # What looks like something else, and what cannot be seen.
    ('tісket.region == "x"', 2, "`і` (cyrillic small letter byelorussian-ukrainian i, U+0456)"),
    ('ticket.rеgion == "x"', 9, "`е` (cyrillic small letter ie, U+0435)"),
    ('ticket\u200b.region == "x"', 7, "the invisible character U+200B cannot be used; delete it"),
    ('ticket.region == "em\u200bea"', 21, "the invisible character U+200B"),
    ('ticket.region == "\u202eaeme"', 19, "the invisible character U+202E"),
    ('ticket\u00a0.region == "x"', 7, "no-break space"),
    ('ticket.region ＝＝ "x"', 15, "fullwidth equals sign"),
    ('ticket.region ≠ "x"', 15, "not equal to, U+2260"),
    ("ticket.priority == ١", 20, "arabic-indic digit one"),
    # Slips of the pen.
    ('ticket.statsu == "open"', 8, "ticket has no field `statsu`; did you mean `status`?"),
    ('tickets.status == "open"', 1, "`tickets` is unknown; did you mean `ticket`?"),
    ('status == "open"', 1, "write `ticket.status`"),
    ("level > 2", 1, "write `user.level`"),
    ("ticket.status == open", 18, 'a text stands in quotes: "open"'),
    ('ticket.status == "Open"', 1, 'expected one of open, pending, closed; did you mean "open"?'),
    ('ticket.region = "x"', 15, "write `==` to compare"),
    ('ticket.region <> "x"', 15, "write `!=`"),
    ("ticket.urgent AND true", 15, "write `and` in small letters"),
    ("Not ticket.urgent", 1, "write `not` in small letters"),
    ("ticket.urgent && true", 15, "write `and`"),
    ("!ticket.urgent", 1, "write `not`, or `!=` to compare"),
    ("ticket.urgent and", 15, "something is missing after this"),
    ('== "x"', 1, "something is missing before this"),
    ("(ticket.urgent", 1, "a parenthesis or bracket"),
    ("ticket.urgent == not true", 17, "`not` stands before a whole comparison"),
    ("TRUE", 1, "write `true`"),
    ("ticket.title == None", 17, "write `null` instead of `None`"),
    ("ticket.urgent is not null", 1, "`is` cannot be used; write `==` or `!=`, also with null"),
    ('ticket.title like "a%"', 14, "`like` cannot be used"),
    ('ticket.title between "a" and "b"', 14, "write `1 <= ticket.… <= 5`"),
    ('ticket.tags contains "vip"', 13, "write contains(…, …)"),
    ('ticket.title.startsWith("a")', 1, "write startsWith(ticket.title, …)"),
    ("ticket.due_at > now()", 17, "write `now`"),
    # Types.
    ('ticket.priority == "high"', 1, "`ticket.priority` is a whole number and cannot be"),
    ("ticket.status == 1", 1, "expected one of open, pending, closed"),
    ('ticket.status > "open"', 1, "has no order; use `==`, `!=` or `in`"),
    ("ticket.urgent == 1", 1, "`ticket.urgent` is true or false and cannot be 1"),
    ("ticket.title", 1, "`ticket.title` is text, not true or false; compare it with something"),
    ("ticket.total > 100", 1, "amounts of money cannot be used in rules: they have a currency"),
    ("ticket.due_at > 2026-01-01", 17, "a time stands in quotes, with its zone"),
    ('ticket.due_at > "01.02.2026"', 1, "expected a time such as 2026-01-31T09:00:00Z"),
    ('ticket.account == "abc"', 1, "expected an id such as"),
    ("1 < ticket.title < 5", 1, "`ticket.title` is text and cannot be 1"),
    ("1 < ticket.priority > 2", 1, "write `1 < ticket.priority and ticket.priority > 2`"),
    ("ticket.priority == 1 == 1", 1, "a chain has only `<` and `<=`, or only `>` and `>=`"),
    ("ticket.priority + 1 > 2", 17, "arithmetic cannot be used"),
    ("ticket.due_at > now - 5", 17, "times have daysAgo(…) and daysAhead(…)"),
    ("1 == 1", 1, "both sides are constants; compare a field or an attribute"),
    # Lists.
    ('ticket.tags == "vip"', 1, "`ticket.tags` is a list; write `… in ticket.tags`"),
    ('contains(ticket.tags, "vip")', 10, "`ticket.tags` is a list; write `… in ticket.tags`"),
    ("ticket.region in []", 1, "the list is empty, so that nothing is ever in it"),
    ('ticket.region in "emea"', 1, 'after `in` stands a list: `["a", "b"]`'),
    ('ticket.region in ("emea", "apac")', 18, "write brackets"),
    ('ticket.region in ["emea", null]', 27, "null is in no list; write `… == null or …`"),
    ("user.regions in ticket.tags", 1, "write overlaps(user.regions, ticket.tags)"),
    # Relations.
    ('ticket.comments.body == "x"', 8, "ask whether any is so: any(ticket.comments, …)"),
    ('ticket.customer.invoices.state == "x"', 17, "any(ticket.customer.invoices, …)"),
    ('ticket.customer == "acme"', 8, "name a field of it: `ticket.customer.…`"),
    ("any(ticket.customer, true)", 12, "leads to one row; write its field directly"),
    ("any(comments, true)", 5, "write `ticket.comments`"),
    ("any(ticket.comments, ticket.urgent)", 22, "`ticket` is the row outside"),
    ("all(ticket.comments, comment.internal)", 1, "write `not any(…, not …)`"),
    ("count(ticket.comments) > 1", 1, "`any(…, true)` asks whether there is one"),
    ("any(ticket.comments, any(comment.reactions, any(reaction.flags, any(flag.x, true))))", 69,
     "any(…) can be nested 3 deep"),
    # Who asks.
    ('user.departmnt == "x"', 6, "declare it as a caller attribute to use it"),
    ("agent.regoins == null", 7, "did you mean `regions`?"),
    ('user == "ann"', 1, "such as `user.name`"),
    ('purpose.name == "x"', 9, "`purpose` has no parts"),
]  # fmt: skip


def _rules(*rules: str) -> str:
    return "entity: ticket\nrules:\n" + "".join(f"  - {{{rule}}}\n" for rule in rules)


def _rule(**keys: str) -> str:
    return _rules(_items({"id": "r", "effect": "allow", "when": "'true'", **keys}))


def _mask(**keys: str) -> str:
    items = _items({"id": "m", "fields": "[title]", "mask": "hide", "when": "'true'", **keys})
    return f"{ALL}masks:\n  - {{{items}}}"


def _items(keys: dict[str, str]) -> str:
    return ", ".join(f"{key.rstrip('_')}: {value}" for key, value in keys.items())


ALL = _rules("id: all, effect: allow, when: 'true'")
GUARD = "guard_rail: ticket\nrules:\n  - {id: g, effect: deny, when: 'true'}"

# Documents, the line that is named in the last of them, and words of the reason.
DOCUMENTS: list[tuple[list[str], int, str]] = [
    # Not what a policy is made of.
    ([""], 1, "the file is empty"),
    (["allow everything"], 1, "a document has one of the keys entity, guard_rail"),
    (["p, admin, data1, read"], 1, "a document has one of the keys"),
    (["Entity: ticket\nrules: []"], 1, "did you mean `entity`?"),
    (["guardrail: ticket\nrules: []"], 1, "did you mean `guard_rail`?"),
    (["entity: '*'\nrules: []"], 1, "there is no entity `*`; known are"),
    (["entity: [ticket, customer]\nrules: []"], 1, "expected a text, not a list"),
    (["entity: " + "t" * 50_000 + "\nrules: []"], 1, "ttt…`; known are"),
    (["entity: ticket\nrules:"], 2, "expected a list, each item beginning with `-`"),
    (["entity: ticket\nrules: allow all"], 2, "expected a list"),
    (["entity: ticket\nrules: [allow]"], 2, "expected the keys id, effect, when"),
    ([ALL, ALL], 1, "another document already holds what is for `ticket`"),
    # YAML that is none, in words for people who do not know it.
    (["entity: ticket\nrules:\n\t- id: x"], 3, "a tab stands here; indent with spaces"),
    (["entity: ticket\nrules: ["], 2, "a bracket is opened here and never closed"),
    ([_rule(when="'true")], 3, "a quote is opened here and never closed"),
    ([ALL + "---\n" + ALL], 4, "`---` begins a second document; put it into a file of its own"),
    (['entity: ticket\nrules:\n  - id: r\n    effect: allow\n    when: "a" in ticket.tags'], 5,
     "something follows the end of a quoted text; put all of it into single quotes"),
    (['entity: ticket\nrules:\n  - id: r\n    when: ticket.title == "a: b"'], 4,
     "put a text that holds `: ` into single quotes"),
    (["entity: ticket\nrules:\n  - id: r\n    effect: allow\n    when: |\n      a\n      b"], 5,
     "a condition stands on one line"),
    # YAML that hides or multiplies what it says, or makes objects of it.
    (["entity: ticket\nrules:\n  - &r {id: r, effect: allow, when: 'true'}\n  - *r"], 3,
     "anchors and aliases of YAML cannot be used; write it out"),
    (["a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nentity: ticket\nrules: *c"], 1,
     "anchors and aliases"),
    (["entity: ticket\nrules: &r [*r]"], 2, "anchors and aliases"),
    ([_rules("id: r, effect: allow, <<: {when: 'true'}")], 3, "`<<` is unknown"),
    (["entity: ticket\nrules: !!python/object/apply:os.system ['id']"], 2,
     "tags of YAML cannot be used"),
    ([_rule(when="!!binary dHJ1ZQ==")], 3, "tags of YAML cannot be used"),
    (["entity: ticket\nrules:\n  - id: r\n    effect: allow\n    when: !ticket.urgent"], 5,
     "write `not` in a condition"),
    ([_rule(when="'false'", when_="'true'")], 3, "`when` stands here twice"),
    ([_rule(effect="deny", effect_="allow")], 3, "`effect` stands here twice"),
    (["entity: ticket\nentity: customer\nrules: []"], 2, "`entity` stands here twice"),
    (["[" * 100_000], 1, "this is nested too deeply"),
    (["a: {" * 400], 1, "this is nested too deeply"),
    (["entity: ticket\nrules:" + "\n- {}" * 5_000], 3, "at most 1,000 rules or masks"),
    # Letters that look alike, or cannot be seen.
    ([_rule(effect="аllow")], 3, "did you mean `allow`? (`а` is cyrillic small letter a, U+0430)"),
    (["entity: tіcket\nrules: []"], 1, "did you mean `ticket`? (`і` is cyrillic small letter"),
    (["entity: ticket\0\nrules: []"], 1, "the character U+0000 cannot be used; delete it"),
    ([_rule(because='"\\u202eeno oN"')], 3, "the invisible character U+202E cannot be used"),
    ([_rule(because='"' + "a" * 5_000 + '"')], 3, "a reason has at most 1,000 characters"),
    # Ids that would break a line of Casbin's, or an explanation.
    ([_rule(id='"a, allow"')], 3, "an id has letters, digits, `-`, `_` and `.`, up to 100"),
    ([_rule(id='"a\\nb"')], 3, "an id has letters"),
    ([_rule(id="'a\"b'")], 3, "an id has letters"),
    ([_rule(id="'a #'")], 3, "an id has letters"),
    ([_rule(id='"a\u200b"')], 3, "an id has letters"),
    ([_rule(id="a" * 101)], 3, "an id has letters"),
    ([_rules("id: r, effect: allow, when: 'true'", "id: r, effect: deny, when: 'true'")], 4,
     "the id `r` stands here twice"),
    # Effects and sides that there are not: Casbin would pass over such a rule.
    ([_rule(effect="Deny")], 3, "there is no effect `Deny`; did you mean `deny`?"),
    ([_rule(effect="block")], 3, "there is no effect `block`; known are allow, deny"),
    ([_rule(effect="[allow, deny]")], 3, "expected a text, not a list"),
    ([_rule(effect="")], 3, "expected a text, and nothing stands here"),
    ([_rule(for_="admin")], 3, "there is no side `admin`; known are user, agent"),
    ([_rule(for_="agent alone")], 3, "did you mean `agent_alone`?"),
    ([_rule(priority="1")], 3, "`priority` is unknown; known are id, effect, when"),
    ([_rule(unless="'true'")], 3, "`unless` is unknown"),
    ([_rules("id: r, effect: allow")], 3, "`when` is missing"),
    ([_rule(when="")], 3, "expected a text, and nothing stands here"),
    # Masks.
    ([_mask(mask="redacted")], 5, "there is no mask `redacted`; did you mean `redact`?"),
    ([_mask(mask="blur")], 5, "there is no mask `blur`; known are hide, redact"),
    ([_mask(fields="[titel]")], 5, "there is no field of ticket `titel`; did you mean `title`?"),
    ([_mask(fields="[ticket.title]")], 5, "a mask names fields alone; write `title`"),
    ([_mask(fields="[customer.region]")], 5, "there is no field of ticket `customer.region`"),
    ([_mask(fields="['*']")], 5, "there is no field of ticket `*`; known are title"),
    ([_mask(fields="[]")], 5, "the mask names no field"),
    ([_mask(fields="[priority]", mask="partial")], 5, "`partial` cannot mask `priority`"),
    ([_mask(fields="[priority]", mask="bucket")], 5, "a bucket needs `to`"),
    ([_mask(fields="[priority]", mask="bucket", to=".nan")], 5, "a number is cut to bands"),
    ([_mask(fields="[priority]", mask="bucket", to="1e9")], 5, "a number is cut to bands"),
    ([_mask(fields="[due_at]", mask="bucket", to="week")], 5, "cut to one of day, month, year"),
    ([_mask(to="5")], 5, "`to` is for buckets; hide has none"),
    ([_mask(for_="agent_alone")], 5, "there is no side `agent_alone`"),
    ([_mask(when="'ticket.statsu == null'")], 5, "column 8: ticket has no field `statsu`"),
    # Guard rails that do not guard.
    ([ALL, GUARD.replace("deny", "allow")], 3, "a guard rail only denies"),
    ([ALL, GUARD.replace("deny", "deny, for: agent")], 3, "a guard rail only denies"),
    ([ALL, "guard_rail: ticket\nmasks: [{id: g, fields: [title], mask: clear, when: 'true'}]"], 2,
     "a guard rail only masks"),
    ([ALL, GUARD, GUARD], 1, "another document already holds what is for `ticket`"),
    ([ALL, "guard_rail: tcket\nrules: []"], 1, "did you mean `ticket`?"),
]  # fmt: skip

BAD: list[tuple[list[str], str, str]] = [
    *((documents, f"line {line}: ", words) for documents, line, words in DOCUMENTS),
    *(
        (
            [_rule(when="'" + condition.replace("'", "''") + "'")],
            f"line 3: column {column}: ",
            words,
        )
        for condition, column, words in CONDITIONS
    ),
]


def _named(documents: list[str]) -> dict[str, str]:
    return {f"{number}.yaml": document for number, document in enumerate(documents, start=1)}


@pytest.mark.timeout(20)  # none of them takes for ever
@pytest.mark.parametrize(("documents", "place", "words"), BAD)
def test_a_bad_policy_is_refused(documents: list[str], place: str, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policies(_named(documents).items(), SPECS, CALLERS)

    first = caught.value.problems[0]
    assert first.startswith(f"{len(documents)}.yaml, {place}")
    assert words in first
    assert len(str(caught.value)) < 5_000  # even if there is much to complain about


def test_there_are_many() -> None:
    assert len(BAD) >= 60


@pytest.mark.anyio
async def test_nothing_changes_of_what_is_in_force(database: Database) -> None:
    good = {"ticket.yaml": _rule(when="ticket.urgent")}
    with database.writing() as connection:
        connection.execute(insert(tenant).values(tenant_id="acme"))
        versions.draft(connection, "acme", good, author="maya", reason="a start")
        versions.put_in_force(connection, "acme", 1, expected=None, actor="omar", reason="go")
    policies = PoliciesInForce(SPECS, CALLERS, starting={}, hash_key=None)
    ann = Principal.create(tenant="acme", user="ann", declared=CALLERS)

    async def seen() -> tuple[int | None, list[bool]]:
        async with database.reading("acme") as connection:
            in_force = await policies.of(connection, "acme")
        decide = in_force.snapshot.decide
        return in_force.number, [decide(ann, "ticket", row, NOW) for row in TICKETS]

    before = await seen()
    for documents, _, _ in BAD:
        with pytest.raises(PolicyError):
            policies.snapshot({**good, **_named(documents)}, "acme")
    assert await seen() == before
    assert before[0] == 1
    assert 0 < sum(before[1]) < len(TICKETS)
