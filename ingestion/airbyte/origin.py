"""Where the connector of a source comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from index.errors import ConfigurationError

_IMAGE = re.compile(r"[a-zA-Z0-9][\w./:@-]*")
KINDS = ("connector", "manifest", "command", "package", "image")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Exactly one of a shipped connector, a manifest, a command, a package, and an image.

    A shipped connector and a manifest run in this process, all others as a process of their own.
    `mapping` says what their records become; without it a shipped connector has its own, and the
    streams of any other are kept as records. Raises ConfigurationError when it is none or several.
    """

    connector: str | None = None  # the name of a shipped one: zendesk
    manifest: Path | None = None  # a declarative manifest without Python code of its own
    command: tuple[str, ...] | None = None  # speaks the Airbyte protocol on its standard output
    package: str | None = None  # as its registry calls it: airbyte-source-faker
    version: str | None = None  # of the package
    image: str | None = None  # of a container: airbyte/source-faker:7.0.0
    mapping: Path | None = None

    def __post_init__(self) -> None:
        given = [kind for kind in KINDS if getattr(self, kind)]
        if len(given) != 1:
            raise ConfigurationError(
                f"A source needs exactly one of {', '.join(KINDS)}; it has"
                f" {' and '.join(given) or 'none'}."
            )
        if self.version is not None and self.package is None:
            raise ConfigurationError("A `version` goes with a `package`; write it into an image.")
        # It becomes an argument of the container engine, which must not take it for an option.
        if self.image is not None and not _IMAGE.fullmatch(self.image):
            raise ConfigurationError(f"{self.image!r} is no name of an image.")

    @property
    def name(self) -> str:
        """What kind of system it is, as far as that can be told: faker for airbyte-source-faker."""
        if self.connector is not None:
            return self.connector
        if self.manifest is not None:
            return self.manifest.parent.name if _is_plain(self.manifest) else self.manifest.stem
        if self.command is not None:
            return Path(self.command[0]).name.removeprefix("source-")
        if self.package is not None:
            return self.package.removeprefix("airbyte-").removeprefix("source-")
        image = (self.image or "").rpartition("/")[2]
        return image.partition("@")[0].partition(":")[0].removeprefix("source-")

    @property
    def is_process(self) -> bool:
        """Whether it runs as a process of its own."""
        return self.connector is None and self.manifest is None


def _is_plain(manifest: Path) -> bool:
    """Whether the file's name says nothing, so that its folder must."""
    return manifest.stem == "manifest" and manifest.parent.name not in ("", "..")
