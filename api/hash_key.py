"""The secret behind hashed values: whoever has it can try out which value a hash stands for."""

from __future__ import annotations

from api.settings import PREFIX, Settings
from index.errors import ConfigurationError

HASH_KEY_FILE = "hash.key"
_LEAST_BYTES = 32


def load_hash_key(settings: Settings) -> bytes | None:
    """The installation's key: from a setting, a file, or the home folder; None when there is none,
    and then no policy may hash values. Raises ConfigurationError for one that is too short."""
    if settings.hash_key is not None:
        return _checked(settings.hash_key.get_secret_value().encode())
    path = settings.hash_key_file or settings.home / HASH_KEY_FILE
    try:
        return _checked(path.read_bytes().strip())
    except FileNotFoundError:
        if settings.hash_key_file is None:
            return None
        raise ConfigurationError(f"{PREFIX}HASH_KEY_FILE: there is nothing at {path}.") from None
    except OSError as error:
        raise ConfigurationError(f"The hash key {path} cannot be read: {error.strerror}") from None


def _checked(key: bytes) -> bytes:
    if len(key) < _LEAST_BYTES:
        raise ConfigurationError(
            f"The hash key has {len(key)} bytes and needs {_LEAST_BYTES} or more. Make one with:"
            ' python -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    return key
