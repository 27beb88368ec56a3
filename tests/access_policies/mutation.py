"""A mistake made on purpose: one function of ours exchanged for one that walks into a trap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

Make = Callable[[Any], Callable[..., Any]]


@dataclass(frozen=True)
class Mutation:
    """A function of ours, what to put in its place, and a policy that is read wrongly then."""

    trap: str
    owner: Any
    name: str
    make: Make  # of the original
    probe: str  # a condition, or the rules and masks of a policy and of its guard rail

    def apply(self, patch: pytest.MonkeyPatch) -> None:
        """Make the mistake, until the patch is undone."""
        kept = vars(self.owner)[self.name]
        patch.setattr(self.owner, self.name, self.make(kept))

    def policies(self) -> list[list[tuple[str, str]]]:
        """The policies to try: a condition is one in an allow rule, a deny rule and a mask."""
        if self.probe.startswith(("rules:", "masks:")):
            owned, _, guard_rail = self.probe.partition("---")
            return [_documents(owned, guard_rail)]
        when = "'" + self.probe.replace("'", "''") + "'"
        everything = "rules:\n  - {id: all, effect: allow, when: 'true'}\n"
        hidden = f"masks:\n  - {{id: c, fields: [title], mask: hide, when: {when}}}"
        return [
            _documents(f"rules:\n  - {{id: c, effect: allow, when: {when}}}"),
            _documents(f"{everything}  - {{id: c, effect: deny, when: {when}}}"),
            _documents(everything + hidden),
        ]


def _documents(owned: str, guard_rail: str = "") -> list[tuple[str, str]]:
    documents = [("ticket.yaml", f"entity: ticket\n{owned}")]
    if guard_rail:
        documents.append(("guard_rail.yaml", f"guard_rail: ticket{guard_rail}"))
    return documents


def instead(function: Callable[..., Any]) -> Make:
    return lambda _original: function
