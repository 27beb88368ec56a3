"""Random policies as their owners would write them, and random principals to meet them."""

from __future__ import annotations

import unicodedata
from functools import cache
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
    many_paths,
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
# Most tokens set no limit; a few are good for something else.
_SCOPES = [*[None] * 8, frozenset({"read:ticket"}), frozenset({"read:customer", "policy"})]
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
        scopes=st.sampled_from(_SCOPES),
        declared=st.just(CALLERS),
    )


def policies(most_masks: int = 4) -> st.SearchStrategy[list[tuple[str, str]]]:
    """The documents of a policy on tickets: a broad allow for users and for agents alone, up to two
    more rules for users, at times a limit for agents or a purpose, masks, and guard rails."""
    effect = st.sampled_from(["allow", "allow", "deny"])
    # Random allows match few rows and random denies most: a broad allow leaves something to decide.
    broad = _words(conditions(), st.just("or"), _in_row_values(st.just("in")))
    first = st.tuples(
        *(st.tuples(st.just("allow"), st.just(side), broad) for side in ("user", "agent_alone"))
    )
    mine = st.tuples(effect, st.just("user"), conditions())
    limit = st.tuples(effect, st.sampled_from(["agent", "agent_alone", "purpose"]), conditions())
    rules = st.builds(
        lambda first, mine, limits: [*first, *mine, *limits],
        first,
        st.lists(mine, max_size=2),
        st.lists(limit, max_size=1),
    )
    side = st.sampled_from(["user", "user", "agent", "purpose"])
    withheld = st.tuples(_withheld_fields(), side, conditions())
    cleared = st.tuples(_cleared_fields(), side, broad)
    masks = st.lists(st.one_of(withheld, withheld, cleared), max_size=most_masks)
    guards = st.tuples(
        st.lists(conditions(), max_size=1),
        st.lists(st.tuples(_withheld_fields(), conditions()), max_size=2),
    )
    return st.builds(_documents, rules, masks, st.none() | st.none() | guards)


def conditions(entity: str = "ticket", row: str = "ticket") -> st.SearchStrategy[str]:
    """Conditions on a row of the entity that goes by this name."""
    leaves = _leaves(entity, row)
    below = [
        st.builds(
            "any({}, {})".format,
            st.just(".".join((row, *path))),
            st.deferred(lambda target=target: conditions(target, target)),  # type: ignore[misc]
        )
        for path, target in many_paths(entity)
    ]
    return st.recursive(st.one_of(leaves, leaves, leaves, *below), _joints, max_leaves=4)


def _documents(
    rules: list[tuple[str, str, str]],
    masks: list[tuple[str, str, str]],
    guards: tuple[list[str], list[tuple[str, str]]] | None,
) -> list[tuple[str, str]]:
    lines = ["entity: ticket", "rules:"]
    for number, (effect, side, when) in enumerate(rules):
        lines += [f"  - id: rule-{number}", f"    effect: {effect}", f"    for: {side}"]
        lines += [f"    when: {_yaml(when)}"]
    lines += ["masks:"] if masks else []
    for number, (mask, side, when) in enumerate(masks):
        lines += [f"  - id: mask-{number}", f"    {mask}", f"    for: {side}"]
        lines += [f"    when: {_yaml(when)}"]
    documents = [("ticket.yaml", "\n".join(lines))]
    if guards is not None:
        denied, hidden = guards
        lines = ["guard_rail: ticket"]
        lines += ["rules:"] if denied else []
        for when in denied:
            lines += ["  - id: guard", "    effect: deny", f"    when: {_yaml(when)}"]
        lines += ["masks:"] if hidden else []
        for number, (mask, when) in enumerate(hidden):
            lines += [f"  - id: guard-{number}", f"    {mask}", f"    when: {_yaml(when)}"]
        documents.append(("guard_rail.yaml", "\n".join(lines)))
    return documents


def _yaml(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _withheld_fields() -> st.SearchStrategy[str]:
    """The lines of a mask that say what it does. Few fields, so that masks meet on them; bands
    nest, as they must."""
    texts = _some(["title", "requester_email"])
    numbers, times = _some(["priority", "score", "total"]), _some(["due_at", "created_at"])
    hidden = _some(["title", "requester_email", "priority", "total", "due_at", "status", "tags"])
    return st.one_of(
        st.builds("mask: {}, fields: [{}]".format, _of("redact", "partial", "hash"), texts),
        st.builds("mask: hide, fields: [{}]".format, hidden),
        st.builds("mask: bucket, to: {}, fields: [{}]".format, _of("2", "10", "0.5"), numbers),
        st.builds("mask: bucket, to: {}, fields: [{}]".format, _of("day", "month", "year"), times),
    ).map(_lines)


def _cleared_fields() -> st.SearchStrategy[str]:
    fields = _some(["title", "requester_email", "priority", "total", "due_at"])
    return fields.map("mask: clear, fields: [{}]".format).map(_lines)


def _lines(mask: str) -> str:
    head, fields, listed = mask.partition("fields: ")
    return "\n    ".join([*(part for part in head.split(", ") if part.strip()), fields + listed])


def _of(*words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words)


def _some(names: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True).map(", ".join)


@cache
def _leaves(entity: str, row: str) -> st.SearchStrategy[str]:
    def names(*types: FieldType) -> st.SearchStrategy[str]:
        return _names(entity, row, *types)

    text, number, moment = (
        names(FieldType.TEXT, FieldType.ENUM),
        names(FieldType.INTEGER, FieldType.DECIMAL),
        names(FieldType.TIMESTAMP),
    )
    equality, within = _of("==", "!="), _of("in", "not in")
    order = _of("==", "!=", "<", "<=", ">", ">=")
    plain_text = names(FieldType.TEXT)
    lists = names(FieldType.TEXT_LIST)
    truths = names(FieldType.BOOLEAN)
    ids = names(FieldType.ID)
    tests = _of("startsWith", "endsWith", "contains")
    quoted = st.sampled_from(_WRITABLE).map(_quote)
    brackets = st.lists(quoted, min_size=1, max_size=4).map(lambda items: f"[{', '.join(items)}]")
    integers = st.sampled_from([str(number) for number in INTEGERS])
    times = st.sampled_from([f'"{time.isoformat()}"' for time in TIMES])
    days = st.builds("days{}({})".format, _of("Ago", "Ahead"), st.sampled_from([0, 1, 36_500]))
    patterns = _of("emea*", "bob@*", "a_b", "100%*", "e\u0301*").map(_quote)
    return st.one_of(
        _words(plain_text, order, plain_text | quoted),
        _words(quoted, order, plain_text),
        _words(text, equality, text),
        _words(plain_text, within, brackets),
        _words(text | quoted, within, lists),
        _words(text | quoted, within, _caller_lists()),
        *([_in_row_values(within)] if entity == "ticket" else []),
        st.builds("overlaps({}, {})".format, lists, lists | brackets),
        st.builds("overlaps({}, {})".format, brackets, lists),
        st.builds("{}({}, {})".format, tests, text, text | quoted),
        st.builds("{}({}, {})".format, tests, quoted, plain_text),
        st.builds("keyMatch({}, {})".format, plain_text, patterns),
        _words(number, order, number | integers),
        _words(integers, order, number),
        _words(integers, _of("<", "<="), number, _of("<", "<="), integers),
        _words(number, _of(">", ">="), number, _of(">", ">="), integers),
        *(
            [_words(moment, order, moment | st.just("now") | days), _words(moment, order, times)]
            if paths(FieldType.TIMESTAMP, entity=entity)
            else []
        ),
        _words(ids, equality, ids | st.sampled_from([f'"{id}"' for id in IDS])),
        _words(truths, equality, truths | _of("true", "false")),
        truths,
        _words(text | number | lists | truths | st.just("purpose"), equality, st.just("null")),
        _of("true", "false"),
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


def _names(entity: str, row: str, *types: FieldType) -> st.SearchStrategy[str]:
    """Fields of the row and of its parents, thrice as often as attributes of the caller."""
    fields = [".".join((row, *path)) for path in paths(*types, entity=entity)]
    known = [
        f"{kind}.{name}"
        for kind, declared in CALLERS.items()
        for name, type in declared.items()
        if type in types
    ]
    if FieldType.TEXT in types:
        known += ["user.name", "agent.name", "purpose"]
    of_row = [st.sampled_from(fields)] * 3 if fields else []
    return st.one_of(*of_row, st.sampled_from(known))


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
