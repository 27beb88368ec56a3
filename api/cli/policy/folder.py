"""A folder of policy documents that remembers which version they were pulled from.

It does so in a small file to be committed with them, so that whoever pushes from another checkout
drafts onto the same version.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from access_policies import read_directory
from index.errors import ConfigurationError, InvalidRequest

ORIGIN_FILE = ".remit-policies.json"


class Origin(BaseModel):
    """Where the documents of a folder come from; version None is what a tenant starts with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: str
    version: int | None
    documents: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+\.yaml$")], str]
    """A hash of each as it was pulled, by name: of a file in this folder and no other."""


@dataclass(frozen=True, kw_only=True)
class Filled:
    """What a pull did, by document."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]  # changed here, and either gone from the version or as it was pulled


class PolicyFolder:
    """The documents of a folder. Line ends do not count: version control may rewrite them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def origin(self) -> Origin | None:
        """What the last pull left, if there was one. Raises ConfigurationError when it cannot be
        read."""
        path = self._path / ORIGIN_FILE
        try:
            return Origin.model_validate_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValidationError):
            raise ConfigurationError(
                f"{path} cannot be read, as after a merge with conflicts. Take one side of it, or"
                " write it anew with `remit policy pull --force`, which overwrites the documents."
            ) from None

    def documents(self, pulled: Mapping[str, str]) -> dict[str, str]:
        """The documents as they stand here; one that is as it was pulled, to the letter."""
        found = read_directory(self._path)
        return {
            name: pulled[name] if name in pulled and _hash(pulled[name]) == _hash(text) else text
            for name, text in found.items()
        }

    def fill(
        self, tenant: str, version: int | None, documents: Mapping[str, str], *, force: bool
    ) -> Filled:
        """Make the folder hold the documents of a version, and what was changed in others here.

        Raises InvalidRequest, and changes nothing, when that would overwrite a file that is not as
        it was pulled, or what is of another tenant; not with `force`. What the version does not
        have is removed if it was pulled and is unchanged since.
        """
        origin = self._origin_to_replace(tenant, force)
        pulled: Mapping[str, str] = {} if origin is None else origin.documents
        new = {name: _hash(text) for name, text in documents.items()}
        here = {name: self._hash_of(name) for name in {*pulled, *new}}
        changed = {name for name, found in here.items() if found not in (None, pulled.get(name))}
        stale = {name for name in new if here[name] != new[name]}
        lost = {name for name in stale & changed if new[name] != pulled.get(name)}
        if lost and not force:
            raise InvalidRequest(
                "\n".join(
                    [
                        f"What stands in {self._path} is not what was pulled, and would be lost:",
                        *(f"  {name}" for name in sorted(lost)),
                        "Push it or put it aside, or overwrite it with --force.",
                    ]
                )
            )
        written = stale if force else stale - changed
        gone = {name for name in pulled.keys() - new.keys() if here[name] is not None}
        self._path.mkdir(parents=True, exist_ok=True)
        for name in written:
            self._write(name, documents[name])
        for name in gone - changed:
            (self._path / name).unlink()
        self._remember(Origin(tenant=tenant, version=version, documents=new))
        return Filled(
            written=tuple(sorted(written)),
            removed=tuple(sorted(gone - changed)),
            kept=tuple(sorted((stale - written) | (gone & changed))),
        )

    def _origin_to_replace(self, tenant: str, force: bool) -> Origin | None:
        try:
            origin = self.origin()
        except ConfigurationError:
            if not force:
                raise
            return None
        if origin is not None and origin.tenant != tenant and not force:
            raise InvalidRequest(
                f"{self._path} holds the policies of the tenant {origin.tenant}, not of {tenant}."
                " Pull into another folder, or overwrite them with --force."
            )
        return origin

    def _hash_of(self, name: str) -> str | None:
        """Of the file of that name; None when there is none."""
        try:
            return _hash((self._path / name).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _remember(self, origin: Origin) -> None:
        # Sorted and a line each, so that version control shows what changed.
        content = json.dumps(origin.model_dump(), indent=2, sort_keys=True)
        self._write(ORIGIN_FILE, content + "\n")

    def _write(self, name: str, text: str) -> None:
        """Whole or not at all, also when the command is ended meanwhile."""
        part = self._path / f".{name}.part"
        part.unlink(missing_ok=True)
        # `x` follows no link that somebody may have committed under that name.
        with part.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        os.replace(part, self._path / name)


def _hash(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest()
