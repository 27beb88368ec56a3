"""Why a row is seen or not, as GraphQL types."""

from __future__ import annotations

import strawberry

from access_policies.explain import Explanation as Explained
from access_policies.explain import RuleTrace as Traced


@strawberry.type(description="What a rule has read.")
class SeenValue:
    name: str
    value: str


@strawberry.type(description="One rule on one row.")
class RuleTrace:
    id: str
    effect: str
    side: str
    text: str
    because: str
    value: bool | None = strawberry.field(description="Null is unknown.")
    applies: bool
    saw: list[SeenValue]

    @classmethod
    def of(cls, trace: Traced) -> RuleTrace:
        return cls(
            id=trace.id,
            effect=trace.effect,
            side=trace.side,
            text=trace.text,
            because=trace.because,
            value=trace.value,
            applies=trace.applies,
            saw=[SeenValue(name=name, value=value) for name, value in trace.saw.items()],
        )


@strawberry.type(description="A masked field of a row, and how.")
class MaskedField:
    field: str
    mask: str


@strawberry.type(description="The decision on one row, with its grounds.")
class Explanation:
    visible: bool
    deciding: list[str] = strawberry.field(description="The rules that made the decision.")
    rules: list[RuleTrace]
    masks: list[RuleTrace]
    masked: list[MaskedField]
    needed: list[str] = strawberry.field(
        description="What would have to differ for a hidden row to be seen."
    )
    lines: list[str] = strawberry.field(description="All of it in words.")

    @classmethod
    def of(cls, found: Explained) -> Explanation:
        return cls(
            visible=found.visible,
            deciding=list(found.deciding),
            rules=[RuleTrace.of(each) for each in found.rules],
            masks=[RuleTrace.of(each) for each in found.masks],
            masked=[MaskedField(field=f, mask=str(m)) for f, m in sorted(found.masked.items())],
            needed=list(found.needed),
            lines=found.lines(),
        )
