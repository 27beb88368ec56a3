"""Who asks: a user, the agent that acts for them, and what for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from index.predicate import Caller, CallerValues, InvalidValue, Value, coerce
from index.specs import CallerAttributes, FieldType

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A caller as policies see one: equal when everything a rule could read is equal.

    `user` is None for an agent on its own, `agent` for a person on their own. `scopes` is what the
    token is good for (`read`, `read:ticket`, `policy`); None sets no limit to reading. Use
    `create`, which checks the attributes; their values stay out of `repr`, and so out of logs.
    """

    tenant: str
    user: str | None
    agent: str | None
    purpose: str | None
    user_attributes: Mapping[str, Value] = field(repr=False)
    agent_attributes: Mapping[str, Value] = field(repr=False)
    scopes: frozenset[str] | None = None
    _values: Mapping[Caller, Value | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("user_attributes", "agent_attributes"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        values: dict[Caller, Value | None] = {Caller("purpose"): self.purpose}
        values |= {Caller("user", name): value for name, value in self.user_attributes.items()}
        values |= {Caller("agent", name): value for name, value in self.agent_attributes.items()}
        values |= {Caller("user", "name"): self.user, Caller("agent", "name"): self.agent}
        object.__setattr__(self, "_values", values)

    def __hash__(self) -> int:
        attributes = (self.user_attributes, self.agent_attributes)
        items = tuple(frozenset(each.items()) for each in attributes)
        return hash((self.tenant, self.user, self.agent, self.purpose, items, self.scopes))

    @classmethod
    def create(
        cls,
        *,
        tenant: str,
        user: str | None = None,
        agent: str | None = None,
        purpose: str | None = None,
        user_attributes: Mapping[str, object] | None = None,
        agent_attributes: Mapping[str, object] | None = None,
        scopes: frozenset[str] | None = None,
        declared: CallerAttributes,
    ) -> Principal:
        """A principal with its declared attributes in canonical form.

        An attribute that is undeclared or of the wrong type is left out, which makes the rules that
        read it unknown, and is logged by name. Raises InvalidValue for an empty or impossible name.
        """
        return cls(
            tenant=_name("tenant", tenant),
            user=None if user is None else _name("user", user),
            agent=None if agent is None else _name("agent", agent),
            purpose=None if purpose is None else _name("purpose", purpose),
            user_attributes=_checked("user", user_attributes or {}, declared),
            agent_attributes=_checked("agent", agent_attributes or {}, declared),
            scopes=scopes,
        )

    def may_read(self, entity: str) -> bool:
        """Whether the token is good for reading rows of the entity, whatever policies say."""
        return self.scopes is None or not self.scopes.isdisjoint({"read", f"read:{entity}"})

    @property
    def value(self) -> CallerValues:
        """What a rule reads under `user.x`, `agent.x` or `purpose`; None when it is not known."""
        return self._values.get


def _name(what: str, value: str) -> str:
    # An empty name would equal every empty owner in the data.
    if not value:
        raise InvalidValue(f"the {what} of a request has an empty name")
    try:
        coerce(FieldType.TEXT, value)
    except InvalidValue as error:
        raise InvalidValue(f"the {what} of a request has an impossible name: {error}") from None
    return value


def _checked(
    kind: str, attributes: Mapping[str, object], declared: CallerAttributes
) -> dict[str, Value]:
    types = declared.get(kind, {})
    checked: dict[str, Value] = {}
    for name, value in attributes.items():
        if value is None:
            continue
        if name not in types:
            _log.warning("%s attribute %r is not declared; it is left out", kind, name)
            continue
        try:
            checked[name] = coerce(types[name], value)
        except InvalidValue as error:
            _log.warning("%s attribute %r is left out: %s", kind, name, error)
    return checked
