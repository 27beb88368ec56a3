"""How the model's names look in GraphQL: `amount_due` is `amountDue`, `past_due` is `PAST_DUE`."""

from __future__ import annotations

from semantic_layer.model import Entity


def camel(name: str) -> str:
    """A field or relation as GraphQL spells it."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def pascal(name: str) -> str:
    """A name as GraphQL spells types."""
    return "".join(part.capitalize() for part in name.split("_"))


def type_name(entity: Entity) -> str:
    """The GraphQL type of an entity's rows."""
    return pascal(entity.name)
