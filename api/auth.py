"""Tokens: signed JWTs that name who asks, and nothing about what they may see.

    tenant   which data, one tenant a token
    sub      the user
    act.sub  the agent that acts for the user (RFC 8693), if any
    purpose  what for, if policies are to know
    jti      the token itself, for logs and, later, revocation

Attributes such as a user's regions come from the directory at each request, so that a changed
directory takes effect at once and a stolen token says nothing about anybody.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from api.settings import PREFIX, Settings
from index.errors import ConfigurationError, InvalidRequest

AUDIENCE = "remit"
ISSUER = "remit"
MAX_LIFETIME = timedelta(hours=24)
KEY_FILE = "token.key"

# Spelled out for signing and for verifying: a token never chooses how it is checked.
_ALGORITHMS = ["HS256"]
_LEAST_KEY_BYTES = 32
_LONGEST_TOKEN = 4_096
_LONGEST_NAME = 200
_LEEWAY = 5  # seconds by which two machines' clocks may differ

_REGISTRY = jwt.JWTClaimsRegistry(
    leeway=_LEEWAY,
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    sub={"essential": True},
    tenant={"essential": True},
    iat={"essential": True},
    exp={"essential": True},
    jti={"essential": True},
)


class InvalidTokenError(Exception):
    """The token is not one of ours, or no longer good. Why is for our log at most."""


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a good token says."""

    tenant: str
    user: str
    agent: str | None
    purpose: str | None
    token_id: str
    expires_at: datetime


class Tokens:
    """Issues and verifies tokens with one symmetric key."""

    def __init__(self, key: bytes) -> None:
        if len(key) < _LEAST_KEY_BYTES:
            raise ConfigurationError(
                f"The token key has {len(key)} bytes and needs {_LEAST_KEY_BYTES} or more. Make one"
                ' with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        self._key = OctKey.import_key(key)

    def issue(
        self,
        *,
        tenant: str,
        user: str,
        agent: str | None = None,
        purpose: str | None = None,
        lifetime: timedelta = timedelta(hours=1),
    ) -> str:
        """A token for a user, or for an agent that acts for them; good for up to `MAX_LIFETIME`."""
        if not timedelta(0) < lifetime <= MAX_LIFETIME:
            hours = MAX_LIFETIME // timedelta(hours=1)
            raise InvalidRequest(f"A token is good for between a moment and {hours} hours.")
        for what, name in (("tenant", tenant), ("user", user), ("agent", agent)):
            if name is not None and not 0 < len(name) <= _LONGEST_NAME:
                raise InvalidRequest(f"The {what} needs a name of 1 to {_LONGEST_NAME} letters.")
        now = int(datetime.now(UTC).timestamp())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user,
            "tenant": tenant,
            "iat": now,
            "exp": now + int(lifetime.total_seconds()),
            "jti": secrets.token_urlsafe(12),
        }
        if agent is not None:
            claims["act"] = {"sub": agent}
        if purpose is not None:
            claims["purpose"] = purpose
        return jwt.encode({"alg": _ALGORITHMS[0]}, claims, self._key, algorithms=_ALGORITHMS)

    def verify(self, token: str) -> Claims:
        """What a token says. Raises InvalidTokenError for anything but a good one of ours."""
        if len(token) > _LONGEST_TOKEN:
            raise InvalidTokenError("longer than any token of ours")
        try:
            claims = jwt.decode(token, self._key, algorithms=_ALGORITHMS).claims
            _REGISTRY.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise InvalidTokenError(type(error).__name__) from error
        if claims["exp"] - claims["iat"] > MAX_LIFETIME.total_seconds():
            raise InvalidTokenError("good for longer than allowed")
        act = claims.get("act")
        if act is not None and not isinstance(act, dict):
            raise InvalidTokenError("act is not an object")
        return Claims(
            tenant=_name(claims["tenant"]),
            user=_name(claims["sub"]),
            agent=_name(act.get("sub")) if act is not None else None,
            purpose=_name(claims["purpose"]) if "purpose" in claims else None,
            token_id=_name(claims["jti"]),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )


def load_tokens(settings: Settings) -> Tokens:
    """The tokens of an installation: its key from a setting, a file, or the home folder."""
    if settings.token_key is not None:
        return Tokens(settings.token_key.get_secret_value().encode())
    path = settings.token_key_file or settings.home / KEY_FILE
    try:
        return Tokens(path.read_bytes().strip())
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no key to sign tokens with: set {PREFIX}TOKEN_KEY to a secret of at least"
            f" {_LEAST_KEY_BYTES} bytes, or {PREFIX}TOKEN_KEY_FILE to a file that holds one"
            f" (looked for {path})."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"The token key {path} cannot be read: {error.strerror}") from None


def make_key_file(path: Path) -> None:
    """Make a key that only we may read, unless there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48) + "\n")


def _name(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME or not value.isprintable():
        raise InvalidTokenError("a name is missing, too long, or holds control characters")
    return value
