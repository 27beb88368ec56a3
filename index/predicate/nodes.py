"""The nodes of a predicate: one small language for policies, segments and filters.

A predicate is true, false or unknown of a row. Unknown arises where a value is missing, and travels
through `and`, `or` and `not` as in SQL (Kleene's three-valued logic). All nodes are immutable and
hashable, so a predicate can be cached, compared and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

Scalar = str | int | Decimal | bool | datetime | UUID
Value = Scalar | tuple[str, ...]

CallerKind = Literal["user", "agent", "purpose"]
Operator = Literal["==", "!=", "<", "<=", ">", ">="]
TextOperator = Literal["startsWith", "endsWith", "contains"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field of the row, `("status",)`, or of one that relations to one row lead to:
    `("customer", "region")`, `("account", "owner", "team")`. Missing where a link is missing."""

    path: tuple[str, ...]


class Caller(NamedTuple):
    """An attribute of who asks: `user.regions`, `agent.name`, or `purpose` itself (empty name).

    A tuple, because its value is looked up by it many times in each decision, and tuples are
    hashed fast.
    """

    kind: CallerKind
    name: str = ""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value known when the rule is written, or once the caller is known; None is unknown."""

    value: Value | None


@dataclass(frozen=True, slots=True)
class Now:
    """The moment of the request, the same for every row of it, moved by whole days of 24 hours."""

    days: int = 0


Term = Attribute | Caller | Constant | Now


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`; unknown when either side is missing."""

    operator: Operator
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Membership:
    """`item in collection`. False for an empty collection, even when the item is missing; unknown
    when the item or the collection is missing, or no element matches and one of them is missing."""

    item: Term
    collection: Term


@dataclass(frozen=True, slots=True)
class Overlap:
    """Whether two lists share an element. Unknown when a list is missing, or when no element is
    shared and one that is missing might have been; false when a list is empty."""

    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class TextTest:
    """`startsWith(text, part)` and its kin, case-sensitive, without wildcards."""

    operator: TextOperator
    text: Term
    part: Term


@dataclass(frozen=True, slots=True)
class IsMissing:
    """`term == null`, written so in the text. Unknown only of a field of a row that is absent: a
    rule that looks across a relation needs the row there, or it would grant what it never saw.

    A node of its own, because a caller's attribute that turns out to be missing must make a
    comparison unknown; it must never turn `row.region == user.region` into a null test.
    """

    term: Term


@dataclass(frozen=True, slots=True)
class AnyRow:
    """Whether the condition is true of some row at the end of a path, whose last relation leads to
    many rows and all before it to one. The condition's attributes are those of that row.

    Unknown when it is true of none and unknown of some, and when the row that the last relation
    starts from is absent; false when there are no rows.
    """

    path: tuple[str, ...]
    condition: Predicate


@dataclass(frozen=True, slots=True)
class Not:
    operand: Predicate


@dataclass(frozen=True, slots=True)
class And:
    operands: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    operands: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """A predicate that is the same for every row: True, False, or None for unknown."""

    value: bool | None


Predicate = (
    Comparison | Membership | Overlap | TextTest | IsMissing | AnyRow | Not | And | Or | Truth
)

ALWAYS = Truth(True)
NEVER = Truth(False)
UNKNOWN = Truth(None)
