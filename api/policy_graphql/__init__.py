"""Work on policies over GraphQL: the desk, with types."""

from __future__ import annotations

from api.policy_graphql.door import PolicyDoor

__all__ = ["PolicyDoor"]
