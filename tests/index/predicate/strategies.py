"""Random predicates and callers over the hostile rows, always of matching types."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

from hypothesis import strategies as st

from index.predicate import (
    And,
    AnyRow,
    Attribute,
    Caller,
    Comparison,
    Constant,
    IsMissing,
    Membership,
    Not,
    Now,
    Operator,
    Or,
    Overlap,
    Predicate,
    Term,
    TextOperator,
    TextTest,
    Truth,
    Value,
)
from index.specs import FieldType
from tests.index.predicate.hostile import (
    DECIMALS,
    IDS,
    INTEGERS,
    LISTS,
    STATUSES,
    TEXTS,
    TIERS,
    TIMES,
    many_paths,
    paths,
)

CALLER_TYPES = {
    Caller("user", "name"): FieldType.TEXT,
    Caller("user", "region"): FieldType.TEXT,
    Caller("user", "level"): FieldType.INTEGER,
    Caller("user", "limit"): FieldType.DECIMAL,
    Caller("user", "lead"): FieldType.BOOLEAN,
    Caller("user", "joined_at"): FieldType.TIMESTAMP,
    Caller("user", "account"): FieldType.ID,
    Caller("user", "regions"): FieldType.TEXT_LIST,
    Caller("agent", "regions"): FieldType.TEXT_LIST,
    Caller("purpose"): FieldType.TEXT,
}

_WHOLE_LISTS = [items for items in LISTS if None not in items]
_CONSTANTS: dict[FieldType, Any] = {
    FieldType.TEXT: st.sampled_from([*TEXTS, *STATUSES, *TIERS]),
    FieldType.INTEGER: st.sampled_from(INTEGERS),
    FieldType.DECIMAL: st.sampled_from(DECIMALS),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.TIMESTAMP: st.sampled_from(TIMES),
    FieldType.ID: st.sampled_from(IDS),
    FieldType.TEXT_LIST: st.sampled_from([*_WHOLE_LISTS, STATUSES, TEXTS[2:8]]),
}
_COMPARABLE = {
    FieldType.TEXT: (FieldType.TEXT, FieldType.ENUM),
    FieldType.INTEGER: (FieldType.INTEGER, FieldType.DECIMAL),
    FieldType.DECIMAL: (FieldType.INTEGER, FieldType.DECIMAL),
}


def callers() -> st.SearchStrategy[dict[Caller, Value | None]]:
    """What is known of a caller: any attribute may be missing, any list empty."""
    return st.fixed_dictionaries(
        {caller: st.none() | _CONSTANTS[type] for caller, type in CALLER_TYPES.items()}
    )


def predicates(entity: str = "ticket") -> st.SearchStrategy[Predicate]:
    """Conditions on a row of the entity, on its parents and on the rows below it."""
    leaves = _leaves(entity)
    below = [_any_row(path, target) for path, target in many_paths(entity)]
    return st.recursive(st.one_of(leaves, leaves, *below), _joints, max_leaves=8)


def _any_row(path: tuple[str, ...], target: str) -> st.SearchStrategy[Predicate]:
    return st.builds(AnyRow, st.just(path), st.deferred(lambda: predicates(target)))


@cache
def _leaves(entity: str) -> st.SearchStrategy[Predicate]:
    def terms(type: FieldType) -> st.SearchStrategy[Term]:
        return _terms(entity, type)

    comparable = [type for type in _CONSTANTS if type is not FieldType.TEXT_LIST]
    text, lists = terms(FieldType.TEXT), terms(FieldType.TEXT_LIST)
    return st.one_of(
        st.sampled_from(comparable).flatmap(
            lambda type: st.builds(
                Comparison, st.sampled_from(get_args(Operator)), terms(type), terms(type)
            )
        ),
        st.builds(Membership, text, lists),
        st.builds(Membership, _CONSTANTS[FieldType.TEXT].map(Constant), lists),
        st.builds(Overlap, lists, lists),
        st.builds(TextTest, st.sampled_from(get_args(TextOperator)), text, text),
        st.builds(IsMissing, st.sampled_from(list(_CONSTANTS)).flatmap(terms)),
        st.builds(Truth, st.sampled_from([True, False, None])),
    )


def _joints(inner: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.builds(Not, inner) | st.builds(And, several) | st.builds(Or, several)


@cache
def _terms(entity: str, type: FieldType) -> st.SearchStrategy[Term]:
    types = _COMPARABLE.get(type, (type,))
    known = [caller for caller, of in CALLER_TYPES.items() if of in types]
    terms: list[st.SearchStrategy[Term]] = [
        st.sampled_from(known),
        (_CONSTANTS[type] | st.none()).map(Constant),
    ]
    if fields := paths(*types, entity=entity):
        terms += [st.sampled_from(fields).map(Attribute)] * 2
    if type is FieldType.TIMESTAMP:
        terms.append(st.sampled_from([0, 0, -1, 1, -36_500]).map(Now))
    return st.one_of(terms)
