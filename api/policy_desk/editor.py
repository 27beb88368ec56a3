"""Who works on policies."""

from __future__ import annotations

from dataclasses import dataclass, field

from access_policies import Principal
from index.errors import NotPermitted

SCOPE = "policy"
"""The word in a token's scope that lets its bearer work on policies at all."""


@dataclass(frozen=True, kw_only=True)
class Editor:
    """Who works on policies, and by what way, as the history keeps it.

    Without a principal it is an operator: whoever has the machine has the database, so that nothing
    could be refused to them; but what they do is noted like everything else.
    """

    name: str
    via: str
    principal: Principal | None = field(default=None, repr=False)

    @classmethod
    def of_token(cls, principal: Principal, via: str) -> Editor:
        """Who bears a token. Raises NotPermitted when it is not one for work on policies."""
        if principal.scopes is None or SCOPE not in principal.scopes:
            raise NotPermitted(
                f"This token is not for work on policies; that takes one with the scope `{SCOPE}`."
            )
        if principal.user is None:
            raise NotPermitted("Policies are for people to change; this token names no user.")
        return cls(name=principal.user, via=via, principal=principal)

    def require_person(self, action: str) -> None:
        """Raise NotPermitted for an agent: it may prepare what people put in force."""
        if self.principal is not None and self.principal.agent is not None:
            raise NotPermitted(
                f"To {action} is for people; the agent {self.principal.agent} can look, draft, test"
                " and preview for them."
            )
