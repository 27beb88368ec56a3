"""Secrets by reference: `env:NAME`, `file:PATH` or `sealed:NAME` in place of a setting's value.

They are followed when a source is about to be used, and what they lead to is kept nowhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from index.errors import ConfigurationError
from ingestion.workspace.sealing import Seal
from ingestion.workspace.secret_table import LONGEST, SealedSecret

FROM_ENVIRONMENT = "env:"
FROM_FILE = "file:"
SEALED = "sealed:"
PREFIXES = (FROM_ENVIRONMENT, FROM_FILE, SEALED)

_OURS = "REMIT_"
_OTHERS = stat.S_IROTH | stat.S_IWOTH


@dataclass(frozen=True)
class Vault:
    """What references are followed with; `seal` is None where no key was given."""

    tenant: str
    sealed: Mapping[str, SealedSecret] = field(default_factory=dict, repr=False)
    seal: Seal | None = field(default=None, repr=False)

    def resolved(self, value: Any, place: str) -> Any:
        """The value with each reference in it replaced by what it leads to.

        Raises ConfigurationError with the place and the reference, never with a value.
        """
        if isinstance(value, Mapping):
            return {name: self.resolved(inner, f"{place}.{name}") for name, inner in value.items()}
        if isinstance(value, list):
            return [self.resolved(inner, place) for inner in value]
        if not is_reference(value):
            return value
        if value.startswith(FROM_ENVIRONMENT):
            return _from_environment(value.removeprefix(FROM_ENVIRONMENT), place)
        if value.startswith(FROM_FILE):
            return _from_file(Path(value.removeprefix(FROM_FILE)), place)
        return self._unsealed(value.removeprefix(SEALED), place)

    def _unsealed(self, name: str, place: str) -> str:
        held = self.sealed.get(name)
        if held is None:
            raise ConfigurationError(
                f"{place} is the sealed secret {name!r}, and there is none of that name. Set it:"
                f" `remit secret set {name}`."
            )
        if self.seal is None:
            raise ConfigurationError(
                f"{place} is the sealed secret {name!r}, and there is no key to open it with. Set"
                " REMIT_SECRET_KEY or REMIT_SECRET_KEY_FILE to the key that it was sealed with."
            )
        return self.seal.unseal(held.sealed, self.tenant, name)


def is_reference(value: object) -> bool:
    """Whether a setting's value says where a secret is."""
    return isinstance(value, str) and value.startswith(PREFIXES)


def sealed_names(settings: Any) -> Iterator[str]:
    """The names of the sealed secrets that settings refer to."""
    if isinstance(settings, Mapping):
        for inner in settings.values():
            yield from sealed_names(inner)
    elif isinstance(settings, list):
        for inner in settings:
            yield from sealed_names(inner)
    elif isinstance(settings, str) and settings.startswith(SEALED):
        yield settings.removeprefix(SEALED)


def anchored(value: Any, folder: Path) -> Any:
    """The settings with each `file:PATH` made absolute, so that it means the same elsewhere."""
    if isinstance(value, Mapping):
        return {name: anchored(inner, folder) for name, inner in value.items()}
    if isinstance(value, list):
        return [anchored(inner, folder) for inner in value]
    if isinstance(value, str) and value.startswith(FROM_FILE):
        return f"{FROM_FILE}{folder.absolute() / value.removeprefix(FROM_FILE)}"
    return value


def read_closed(path: Path, place: str) -> bytes:
    """What is in a file of secrets, cut after one byte more than a secret may have.

    Raises OSError, and ConfigurationError with what comes from it where it is open to every user
    of the machine.
    """
    # Opened once and looked at through that: what is checked is what is read. A pipe without a
    # writer would hold it for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigurationError(f"{place} comes from {path}, which is no file.")
        if status.st_mode & _OTHERS:
            raise ConfigurationError(
                f"{place} comes from {path}, which every user of this machine may read or change."
                f" Close it to them, then start again: chmod o-rwx {path}"
            )
        return file.read(LONGEST + 1)


def _from_environment(variable: str, place: str) -> str:
    # Whoever writes a source also names the address that its secrets are sent to.
    if variable.upper().startswith(_OURS):
        raise ConfigurationError(
            f"{place} comes from the environment variable {variable}, which is for the settings of"
            f" Remit itself. Use a variable whose name does not begin with {_OURS}."
        )
    found = os.environ.get(variable)
    if not found:
        raise ConfigurationError(
            f"{place} comes from the environment variable {variable}, which is not set. Set it,"
            " then start again."
        )
    return found


def _from_file(path: Path, place: str) -> str:
    try:
        content = read_closed(path, place)
        found = content.decode().strip()
    except OSError as error:
        raise ConfigurationError(
            f"{place} comes from {path}, which cannot be read: {error.strerror}."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{place} comes from {path}, which is no UTF-8 text.") from None
    if not found or len(content) > LONGEST:
        extent = "is empty" if not found else f"has more than {LONGEST:,} bytes"
        raise ConfigurationError(f"{place} comes from {path}, which {extent}.")
    return found
