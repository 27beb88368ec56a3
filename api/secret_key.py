"""The keys that seal secrets in the database: the first seals, the others still open."""

from __future__ import annotations

import re

from api.settings import PREFIX, Settings
from index.errors import ConfigurationError
from ingestion.workspace.references import read_closed
from ingestion.workspace.sealing import Seal

SECRET_KEY_FILE = "secret.key"  # noqa: S105  a name
_BETWEEN = re.compile(rb"[\s,]+")


def load_seal(settings: Settings) -> Seal | None:
    """The installation's keys: from a setting, a file, or the home folder; None when there is none,
    and then nothing can be sealed or opened. Raises ConfigurationError for a key that is too
    short, or in a file that every user of the machine may read or change."""
    if settings.secret_key is not None:
        return _seal(settings.secret_key.get_secret_value().encode())
    path = settings.secret_key_file or settings.home / SECRET_KEY_FILE
    try:
        return _seal(read_closed(path, "The secret key"))
    except FileNotFoundError:
        if settings.secret_key_file is None:
            return None
        raise ConfigurationError(f"{PREFIX}SECRET_KEY_FILE: there is nothing at {path}.") from None
    except OSError as error:
        raise ConfigurationError(
            f"The secret key {path} cannot be read: {error.strerror}"
        ) from None


def require_seal(settings: Settings) -> Seal:
    """The installation's keys. Raises ConfigurationError with how to make one."""
    seal = load_seal(settings)
    if seal is None:
        path = settings.home / SECRET_KEY_FILE
        raise ConfigurationError(
            f"There is no key to seal secrets with. Set {PREFIX}SECRET_KEY, or make a file for it:"
            f' (umask 077; mkdir -p {path.parent}; python -c "import secrets;'
            f" print(secrets.token_urlsafe(48))\" > {path}). Keep a copy where the database's"
            " backups are not: without the key the secrets are lost."
        )
    return seal


def _seal(content: bytes) -> Seal:
    return Seal([key for key in _BETWEEN.split(content) if key])
