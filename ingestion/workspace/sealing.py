"""Sealed secrets: encrypted with a key that the database does not have.

A sealed text is `1:KEY:TEXT`: the version of this format, a short name of the key so that several
can be in use while one replaces another, and nonce and ciphertext of AES-256-GCM. Tenant and name
are authenticated with it, so a sealed text that is moved to another row opens nothing.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from index.errors import ConfigurationError

LEAST_KEY_BYTES = 32

_VERSION = "1"
_NONCE_BYTES = 12  # what AES-GCM is made for


class CannotUnseal(ConfigurationError):
    """A sealed secret that none of the keys opens."""


class Seal:
    """Seals with the first of its keys, and opens with whichever a text was sealed with."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        short = [key for key in keys if len(key) < LEAST_KEY_BYTES]
        if short or not keys:
            found = f"one of {len(short[0])} bytes" if short else "none"
            raise ConfigurationError(
                f"A key for secrets needs {LEAST_KEY_BYTES} bytes or more, and there is {found}."
                ' Make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        self._ciphers = {_short_name(key): AESGCM(_derived(key, b"seal", 32)) for key in keys}
        self._first = _short_name(keys[0])

    def seal(self, text: str, tenant: str, name: str) -> str:
        """The secret as the database may keep it, under this name and no other."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(nonce, text.encode(), _bound(tenant, name))
        return f"{_VERSION}:{self._first}:{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def unseal(self, sealed: str, tenant: str, name: str) -> str:
        """The secret in clear. Raises CannotUnseal naming the secret, and nothing of it."""
        version, _, rest = sealed.partition(":")
        key, _, encoded = rest.partition(":")
        cipher = self._ciphers.get(key)
        if version != _VERSION or cipher is None:
            raise CannotUnseal(
                f"The secret {name!r} was sealed with another key. Add that key to REMIT_SECRET_KEY"
                f" behind the first one, or set the secret anew: `remit secret set {name}`."
            )
        try:
            raw = base64.b64decode(encoded, altchars=b"-_", validate=True)
            opened = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(tenant, name))
        except (InvalidTag, ValueError, binascii.Error):
            raise CannotUnseal(
                f"The secret {name!r} does not open: it was changed, or moved here from elsewhere."
                f" Set it anew: `remit secret set {name}`."
            ) from None
        return opened.decode()

    def is_current(self, sealed: str) -> bool:
        """Whether the text was sealed with the first key."""
        return sealed.startswith(f"{_VERSION}:{self._first}:")


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    info = b"remit secrets " + purpose
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(key)


def _short_name(key: bytes) -> str:
    return _derived(key, b"name", 4).hex()


def _bound(tenant: str, name: str) -> bytes:
    # Postgres text holds no NUL, so no two pairs are bound alike.
    return f"{tenant}\x00{name}".encode()
