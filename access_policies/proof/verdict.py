"""What a proof says: proved, refuted with a counterexample, or unknown."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from access_policies.language.wording import shown
from access_policies.masks import Mask, MaskKind
from access_policies.principal import Principal
from index.errors import ConfigurationError
from index.predicate import Row

SOMEONE = "someone"
"""The name of a user or agent in a counterexample when no rule cares what they are called."""

Outcome = Literal["proved", "refuted", "unknown"]


class ProofUnavailable(ConfigurationError):
    """The solver is not installed."""


def available() -> bool:
    """Whether the solver is installed, so that something can be proved at all."""
    return importlib.util.find_spec("z3") is not None


def require_solver() -> None:
    """Raises ProofUnavailable, with the way out, when the solver is not installed."""
    if not available():
        raise ProofUnavailable(
            "nothing can be proved about policies without the solver z3:"
            " install it with `pip install 'remit[proof]'`"
        )


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long the solver may take, in seconds: for one question, and for all of a call."""

    question: float = 0.5
    call: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Counterexample:
    """A caller and a row of whom the new version shows what the old one does not.

    Both versions have decided of it, as they would in force. An attribute that is not in it is
    missing. `field` is empty when the row itself is what is shown; otherwise `before` and `after`
    are the field's masks, None in the clear.
    """

    entity: str
    principal: Principal
    row: Row
    now: datetime
    reads_now: bool
    field: str = ""
    before: Mask | None = None
    after: Mask | None = None

    def __str__(self) -> str:
        """The counterexample in one sentence. It holds made-up values, none of a real row."""
        row = f"{_article(self.entity)} with {', '.join(_facts(self.row)) or 'no values at all'}"
        if not self.field:
            return f"{self._who()} would see {row}; it is not shown now{self._when()}"
        return (
            f"{self._who()} would see `{self.field}` {_manner(self.after)}, on {row};"
            f" it is {_manner(self.before)} now{self._when()}"
        )

    def _who(self) -> str:
        principal = self.principal
        user = [f"user.{name} = {shown(value)}" for name, value in _known(principal, "user")]
        agent = [f"agent.{name} = {shown(value)}" for name, value in _known(principal, "agent")]
        if principal.user is not None:
            who = "A user" + (" with an agent" if principal.agent is not None else "")
        else:
            who = "An agent without a user" if principal.agent is not None else "A nameless caller"
        purpose = [] if principal.purpose is None else [f"purpose = {shown(principal.purpose)}"]
        facts = [*user, *agent, *purpose]
        return f"{who} ({', '.join(facts)})" if facts else who

    def _when(self) -> str:
        return f" (at {self.now.isoformat()})" if self.reads_now else ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a new version of a policy shows nothing that the old one does not show.

    Only `proved` says that it does; `reason` is for the person who reads it.
    """

    outcome: Outcome
    reason: str
    counterexample: Counterexample | None = None


FindingKind = Literal[
    "never_true", "always_true", "shadowed", "denied", "idle_deny", "idle_mask", "undecided"
]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule or mask, by its id, that does nothing or not what it seems to do.

    `undecided` names no rule: its sentence says which could not be examined in time.
    """

    rule: str
    kind: FindingKind
    sentence: str


def _known(principal: Principal, kind: Literal["user", "agent"]) -> Iterator[tuple[str, object]]:
    name = principal.user if kind == "user" else principal.agent
    if name not in (None, SOMEONE):
        yield "name", name
    attributes = principal.user_attributes if kind == "user" else principal.agent_attributes
    yield from sorted(attributes.items())


def _facts(row: Row, prefix: str = "") -> Iterator[str]:
    """The values that a row and its related ones have, each as `path = value`."""
    for name, value in sorted(row.items()):
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from list(_facts(value, f"{path}.")) or [f"a {path}"]
        elif isinstance(value, list):
            for each in value:
                yield f"one of {path} with {', '.join(_facts(each)) or 'no values at all'}"
        elif value is not None:
            yield f"{path} = {shown(value)}"


def _manner(mask: Mask | None) -> str:
    if mask is None:
        return "in the clear"
    words = {
        MaskKind.HIDE: "hidden",
        MaskKind.REDACT: "redacted",
        MaskKind.HASH: "hashed",
        MaskKind.BUCKET: f"cut to {mask.to}",
        MaskKind.PARTIAL: "shown in part",
        MaskKind.CLEAR: "in the clear",
    }
    return words[mask.kind]


def _article(entity: str) -> str:
    return f"an {entity}" if entity[0] in "aeiou" else f"a {entity}"
