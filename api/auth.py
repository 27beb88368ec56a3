"""Tokens: signed JWTs that name who asks, and nothing about what they may see.

    tenant    which data, one tenant a token
    sub       the user, or the agent where `sub_type` says so
    sub_type  `agent`: an agent on its own, which has only what is granted to it as itself
    act.sub   the agent that acts for the user (RFC 8693), if any
    purpose   what for, if policies are to know
    scope     what the token is limited to (RFC 6749 §3.3), if anything; `SCOPES` has the words
    jti       the token itself, for logs and, later, revocation

Attributes such as a user's regions come from the directory at each request, so that a changed
directory takes effect at once and a stolen token says nothing about anybody.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from api.names import LONGEST_NAME, is_name
from api.settings import PREFIX, Settings
from index.errors import ConfigurationError, InvalidRequest

AUDIENCE = "remit"
ISSUER = "remit"
MAX_LIFETIME = timedelta(hours=24)
KEY_FILE = "token.key"
SCOPES = {
    "read": "read every entity",
    "read:ENTITY": "read one entity",
    "policy": "administer policies",
}
"""A token without a scope reads every entity, and administers no policy: that must be stated."""

# Spelled out for signing and for verifying: a token never chooses how it is checked.
_ALGORITHMS = ["HS256"]
_LEAST_KEY_BYTES = 32
_LONGEST_TOKEN = 4_096
_SCOPE = re.compile(r"read(:[A-Za-z_][A-Za-z0-9_]*)?|policy")
_AGENT = "agent"  # the one `sub_type` there is; without it the subject is a user
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
    """What a good token says: a user, an agent, or both; `scopes` is None when it has no limit."""

    tenant: str
    user: str | None
    agent: str | None
    purpose: str | None
    scopes: frozenset[str] | None
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
        user: str | None = None,
        agent: str | None = None,
        purpose: str | None = None,
        scopes: Iterable[str] | None = None,
        lifetime: timedelta = timedelta(hours=1),
    ) -> str:
        """A token for a user, for an agent that acts for them, or for an agent on its own; good
        for up to `MAX_LIFETIME`, and limited to `scopes` (see `SCOPES`) where they are given.

        Raises InvalidRequest for what `verify` would refuse.
        """
        if not timedelta(0) < lifetime <= MAX_LIFETIME:
            hours = MAX_LIFETIME // timedelta(hours=1)
            raise InvalidRequest(f"A token is good for between a moment and {hours} hours.")
        if user is None and agent is None:
            raise InvalidRequest("A token needs a user, an agent, or both.")
        named = {"tenant": tenant, "user": user, "agent": agent, "purpose": purpose}
        for what, name in named.items():
            if name is not None and not is_name(name):
                letters = f"1 to {LONGEST_NAME} printable letters"
                raise InvalidRequest(f"The {what} needs a name of {letters}.")
        now = int(datetime.now(UTC).timestamp())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": agent if user is None else user,
            "tenant": tenant,
            "iat": now,
            "exp": now + int(lifetime.total_seconds()),
            "jti": secrets.token_urlsafe(12),
        }
        if user is None:
            claims["sub_type"] = _AGENT
        elif agent is not None:
            claims["act"] = {"sub": agent}
        if purpose is not None:
            claims["purpose"] = purpose
        if scopes is not None:
            claims["scope"] = " ".join(sorted(_checked_scopes(scopes)))
        token = jwt.encode({"alg": _ALGORITHMS[0]}, claims, self._key, algorithms=_ALGORITHMS)
        if len(token) > _LONGEST_TOKEN:
            raise InvalidRequest(
                f"The token would have {len(token):,} letters, more than the {_LONGEST_TOKEN:,}"
                " that are taken. Shorten the names or name fewer scopes."
            )
        return token

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
        user, agent = _who(claims)
        return Claims(
            tenant=_name(claims["tenant"]),
            user=user,
            agent=agent,
            purpose=_name(claims["purpose"]) if "purpose" in claims else None,
            scopes=_scopes(claims["scope"]) if "scope" in claims else None,
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
    if not isinstance(value, str) or not is_name(value):
        raise InvalidTokenError("a name is missing, too long, or holds control characters")
    return value


def _who(claims: dict[str, Any]) -> tuple[str | None, str | None]:
    """User and agent. A claim about either that we do not know makes the token no good."""
    subject = _name(claims["sub"])
    if "sub_type" in claims:
        if claims["sub_type"] != _AGENT or "act" in claims:
            raise InvalidTokenError("sub_type is not agent, or somebody acts for the agent")
        return None, subject
    if "act" not in claims:
        return subject, None
    if not isinstance(claims["act"], dict):
        raise InvalidTokenError("act is not an object")
    return subject, _name(claims["act"].get("sub"))


def _scopes(value: object) -> frozenset[str]:
    if not isinstance(value, str):
        raise InvalidTokenError("scope is not a text")
    try:
        return _checked_scopes(value.split(" "))
    except InvalidRequest as error:
        raise InvalidTokenError("scope holds an unknown word") from error


def _checked_scopes(words: Iterable[str]) -> frozenset[str]:
    scopes = frozenset(words)
    known = ", ".join(f"{word} ({meaning})" for word, meaning in SCOPES.items())
    if not scopes:
        raise InvalidRequest(f"A scope without a word would allow nothing. Known are {known}.")
    for word in sorted(scopes):
        if not _SCOPE.fullmatch(word):
            raise InvalidRequest(f"There is no scope {word!r}. Known are {known}.")
    return scopes
