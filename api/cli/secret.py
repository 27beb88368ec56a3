"""`remit secret`: credentials come in through a pipe or a prompt, and never out again."""

from __future__ import annotations

import sys

import typer
from sqlalchemy import Connection

from api.cli.migrated import migrated_connection
from api.cli.screen import remark, tell
from api.secret_key import load_seal, require_seal
from api.settings import Settings
from api.sources import sources_of
from index.errors import InvalidRequest
from ingestion.workspace.references import sealed_names
from ingestion.workspace.secret_table import (
    LONGEST,
    is_secret_name,
    remove_secret,
    reseal,
    sealed_secrets,
    set_secret,
)


def run_set(settings: Settings, name: str) -> None:
    """Seal a secret and keep it. Raises InvalidRequest for a name or text that cannot be used."""
    seal = require_seal(settings)
    if not is_secret_name(name):
        # Not repeated: it may be the secret itself.
        raise InvalidRequest(
            "A secret's name is made of letters, digits, `.`, `_` and `-`. The secret itself is"
            " asked for, or comes through a pipe: it is never an argument."
        )
    text = read_secret(f"The secret {name}")
    with migrated_connection(settings) as connection:
        new = set_secret(connection, seal, settings.tenant, name, text)
    tell([f"The secret {name} is {'set' if new else 'changed'}: sealed:{name}"])


def run_list(settings: Settings) -> None:
    """Print what is known about the secrets, which is not what they are."""
    seal = load_seal(settings)
    with migrated_connection(settings) as connection:
        secrets = sealed_secrets(connection, settings.tenant)
        users = _users_by_secret(settings, connection)
    width = max(map(len, secrets), default=0)
    for name, held in secrets.items():
        used = f"used by {', '.join(users[name])}" if name in users else "not used"
        old = "" if seal is None or seal.is_current(held.sealed) else ", sealed with an older key"
        tell([f"{name:<{width}}  {held.set_at:%Y-%m-%d %H:%M} UTC, {used}{old}"])
    remark(f"{len(secrets):,} secrets of the tenant {settings.tenant}")


def run_remove(settings: Settings, name: str) -> None:
    """Remove a secret. Raises InvalidRequest when a source uses it, or there is none."""
    with migrated_connection(settings) as connection:
        if users := _users_by_secret(settings, connection).get(name):
            raise InvalidRequest(
                f"The secret {name!r} is used by {', '.join(users)}. Give those another one first."
            )
        if not remove_secret(connection, settings.tenant, name):
            raise InvalidRequest(f"There is no secret {name!r}; `remit secret list` names them.")
    tell([f"The secret {name} is removed."])


def run_reseal(settings: Settings) -> None:
    """Seal with the first key what an older one sealed."""
    seal = require_seal(settings)
    with migrated_connection(settings) as connection:
        count = reseal(connection, seal, settings.tenant)
    tell([f"{count:,} secrets were sealed anew; the first key opens all of them."])


def read_secret(what: str) -> str:
    """A secret, typed twice unseen at a terminal, or all that comes through a pipe."""
    if sys.stdin.isatty():
        typed: str = typer.prompt(what, hide_input=True, confirmation_prompt=True, err=True)
        return typed.strip()
    raw = sys.stdin.buffer.read(LONGEST + 1)
    try:
        # A line break at the end is the pipe's, as `echo` sends it.
        return raw.decode().strip()
    except UnicodeDecodeError:
        raise InvalidRequest(f"{what} is no UTF-8 text.") from None


def _users_by_secret(settings: Settings, connection: Connection) -> dict[str, list[str]]:
    """The sources that refer to each secret: those of the database and of the sources file."""
    entries = sources_of(settings, connection).entries
    users: dict[str, list[str]] = {}
    for source, entry in entries.items():
        for name in dict.fromkeys(sealed_names(entry.settings)):
            users.setdefault(name, []).append(source)
    return users
