"""Random policies as their owners would write them, and random principals to meet them."""

from __future__ import annotations

import unicodedata
from typing import Any

from hypothesis import strategies as st

from access_policies import Principal
from index.specs import FieldType
from tests.index.predicate.hostile import (
    CUSTOMER,
    DECIMALS,
    IDS,
    INTEGERS,
    LISTS,
    SPECS,
    TEXTS,
    TICKET,
    TIMES,
    paths,
)

CALLERS: dict[str, dict[str, FieldType]] = {
    "user": {
        "region": FieldType.TEXT,
        "regions": FieldType.TEXT_LIST,
        "level": FieldType.INTEGER,
        "limit": FieldType.DECIMAL,
        "lead": FieldType.BOOLEAN,
        "joined_at": FieldType.TIMESTAMP,
        "account": FieldType.ID,
    },
    "agent": {"regions": FieldType.TEXT_LIST, "vendor": FieldType.TEXT},
}
_VALUES: dict[FieldType, Any] = {
    FieldType.TEXT: st.sampled_from(TEXTS),
    FieldType.INTEGER: st.sampled_from(INTEGERS),
    FieldType.DECIMAL: st.sampled_from(DECIMALS),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.TIMESTAMP: st.sampled_from(TIMES),
    FieldType.ID: st.sampled_from(IDS),
    # A list with a null in it is of the wrong type for a caller, and so becomes unknown.
    FieldType.TEXT_LIST: st.sampled_from([*LISTS, TEXTS[2:7], TEXTS]),
}
_WRITABLE = [
    text
    for text in TEXTS
    if text and not any(unicodedata.category(c) in {"Cc", "Cf"} for c in text)
]


def principals() -> st.SearchStrategy[Principal]:
    """Anyone: attributes may be missing, lists empty, names those of a row."""

    def attributes(kind: str) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries(
            {},
            optional={name: st.none() | _VALUES[type] for name, type in CALLERS[kind].items()},
        )

    name = st.none() | st.sampled_from([text for text in TEXTS if text])
    return st.builds(
        Principal.create,
        tenant=st.just("acme"),
        user=name,
        agent=name,
        purpose=st.none() | st.sampled_from(["emea", "support"]),
        user_attributes=attributes("user"),
        agent_attributes=attributes("agent"),
        declared=st.just(CALLERS),
    )


def policies() -> st.SearchStrategy[str]:
    """The YAML of a policy on tickets: one to four rules, up to three masks."""
    effect = st.sampled_from(["allow", "allow", "deny"])
    # Random allows match few rows and random denies most: a broad allow leaves something to decide.
    broad = _words(conditions(), st.just("or"), _in_row_values(st.just("in")))
    first = st.tuples(st.just("allow"), broad | conditions())
    others = st.lists(st.tuples(effect, conditions()), max_size=3)
    rules = st.builds(lambda rule, more: [rule, *more], first, others)
    masks = st.lists(st.tuples(_masked_fields(), conditions()), max_size=3)
    return st.builds(_policy, rules, masks)


def conditions() -> st.SearchStrategy[str]:
    return st.recursive(_leaves(), _joints, max_leaves=4)


def _policy(rules: list[tuple[str, str]], masks: list[tuple[tuple[str, str], str]]) -> str:
    lines = ["entity: ticket", "rules:"]
    for number, (effect, when) in enumerate(rules):
        lines += [f"  - id: rule-{number}", f"    effect: {effect}", f"    when: {_yaml(when)}"]
    lines += ["masks:"] if masks else []
    for number, ((mask, fields), when) in enumerate(masks):
        lines += [f"  - id: mask-{number}", f"    fields: [{fields}]", f"    mask: {mask}"]
        lines += [f"    when: {_yaml(when)}"]
    return "\n".join(lines)


def _yaml(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _masked_fields() -> st.SearchStrategy[tuple[str, str]]:
    texts = [name for name, spec in TICKET.fields.items() if spec.type is FieldType.TEXT]
    others = [*texts, "status", "priority", "urgent", "tags"]
    return st.tuples(st.just("partial"), _some(texts)) | st.tuples(st.just("hide"), _some(others))


def _some(names: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True).map(", ".join)


def _leaves() -> st.SearchStrategy[str]:
    text, number, moment = (
        _names(FieldType.TEXT, FieldType.ENUM),
        _names(FieldType.INTEGER, FieldType.DECIMAL),
        _names(FieldType.TIMESTAMP),
    )
    equality = st.sampled_from(["==", "!="])
    order = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    plain_text = _names(FieldType.TEXT)
    lists = _names(FieldType.TEXT_LIST)
    truths = _names(FieldType.BOOLEAN)
    ids = _names(FieldType.ID)
    within = st.sampled_from(["in", "not in"])
    tests = st.sampled_from(["startsWith", "endsWith", "contains"])
    quoted = st.sampled_from(_WRITABLE).map(_quote)
    brackets = st.lists(quoted, min_size=1, max_size=4).map(lambda items: f"[{', '.join(items)}]")
    integers = st.sampled_from([str(number) for number in INTEGERS])
    times = st.sampled_from([f'"{time.isoformat()}"' for time in TIMES])
    return st.one_of(
        _words(plain_text, order, plain_text | quoted),
        _words(quoted, order, plain_text),
        _words(text, equality, text),
        _words(plain_text, within, brackets),
        _words(text | quoted, within, lists),
        _words(text | quoted, within, _caller_lists()),
        _in_row_values(within),
        st.builds("{}({}, {})".format, tests, text, text | quoted),
        st.builds("{}({}, {})".format, tests, quoted, text),
        _words(number, order, number | integers),
        _words(integers, order, number),
        _words(moment, order, moment | st.just("now")),
        _words(moment, order, times),
        _words(ids, equality, ids | st.sampled_from([f'"{id}"' for id in IDS])),
        _words(truths, equality, truths | st.sampled_from(["true", "false"])),
        truths,
        _words(text | number | lists | truths | st.just("purpose"), equality, st.just("null")),
        st.sampled_from(["true", "false"]),
    )


def _in_row_values(within: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """An enum among some of its own values, which splits the rows better than random texts do."""
    choices: dict[tuple[str, ...], tuple[str, ...]] = {
        ("status",): TICKET.fields["status"].values,
        ("customer", "tier"): CUSTOMER.fields["tier"].values,
    }

    def test(path: tuple[str, ...]) -> st.SearchStrategy[str]:
        values = st.lists(st.sampled_from(choices[path]), min_size=1, max_size=2)
        brackets = values.map(lambda items: f"[{', '.join(map(_quote, items))}]")
        return _words(st.just(".".join(("ticket", *path))), within, brackets)

    return st.sampled_from(sorted(choices)).flatmap(test)


def _names(*types: FieldType) -> st.SearchStrategy[str]:
    """Fields of the row and of its parent, thrice as often as attributes of the caller."""
    row = [".".join(("ticket", *path)) for path in paths(*types)]
    known = [
        f"{kind}.{name}"
        for kind, declared in CALLERS.items()
        for name, type in declared.items()
        if type in types
    ]
    if FieldType.TEXT in types:
        known += ["user.name", "agent.name", "purpose"]
    return st.one_of(*[st.sampled_from(row)] * 3, st.sampled_from(known))


def _caller_lists() -> st.SearchStrategy[str]:
    return st.sampled_from(["user.regions", "agent.regions"])


def _joints(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    word = st.sampled_from(["and", "or"])
    return st.builds("({} {} {})".format, inner, word, inner) | inner.map("not ({})".format)


def _words(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(" ".join)


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


__all__ = ["CALLERS", "SPECS", "conditions", "policies", "principals"]
