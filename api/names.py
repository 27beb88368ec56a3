"""What users, agents, tenants and purposes may be called, in tokens and in the directory."""

from __future__ import annotations

LONGEST_NAME = 200


def is_name(value: object) -> bool:
    """Whether a token can name somebody so: printable, not empty, and not too long."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()
