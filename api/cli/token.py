"""`remit token`: a token, on standard output and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from api.auth import load_tokens
from api.cli.screen import output
from api.installation import open_model
from api.settings import Settings
from index.errors import InvalidRequest


def run_token(
    settings: Settings,
    user: str | None,
    agent: str | None,
    purpose: str | None,
    scopes: Sequence[str] | None,
    *,
    lifetime: timedelta,
) -> None:
    """Print a token. Raises InvalidRequest for one that nobody could use."""
    if user is None and agent is None:
        raise InvalidRequest(
            "A token needs a user (--user), an agent that acts for them (--agent as well), or an"
            " agent on its own (--agent alone)."
        )
    issued = load_tokens(settings).issue(
        tenant=settings.tenant,
        user=user,
        agent=agent,
        purpose=purpose,
        scopes=scopes or None,
        lifetime=lifetime,
    )
    _check_entities(settings, scopes or ())
    output.print(issued)


def _check_entities(settings: Settings, scopes: Sequence[str]) -> None:
    """A scope for an entity that is not in the model would be good for nothing."""
    wanted = [scope.removeprefix("read:") for scope in scopes if scope.startswith("read:")]
    if not wanted:
        return
    entities = open_model(settings).entities
    unknown = [name for name in wanted if name not in entities]
    if unknown:
        raise InvalidRequest(
            f"There is no entity {unknown[0]!r} to read; the model has {', '.join(entities)}."
        )
