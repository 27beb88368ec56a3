"""Which sources are in force: those of the database, and those of a file that the database has not.

docs/decisions/0021-sources-in-force.md says why in this order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from index.errors import ConfigurationError
from ingestion.workspace.definitions import held_sources, is_migrated
from ingestion.workspace.format import SourceEntry
from ingestion.workspace.references import Vault
from ingestion.workspace.sealing import Seal
from ingestion.workspace.secret_table import sealed_secrets
from ingestion.workspace.source_config import SourceConfig
from ingestion.workspace.workspace_file import load_workspace


@dataclass(frozen=True)
class SourcesInForce:
    """The sources of a tenant at one moment, with what their secrets are fetched from."""

    entries: Mapping[str, SourceEntry]
    hidden: frozenset[str]  # in the file as well, where they have no effect
    vault: Vault
    home: Path
    read_from: tuple[Path, ...] = ()  # files that say more than the database does

    def edited_at(self) -> tuple[int, ...]:
        """When each of these files was written last, in nanoseconds; 0 for one that is gone."""
        return tuple(_written_at(path) for path in self.read_from)

    def entry(self, name: str) -> SourceEntry:
        """A source as it is described. Raises ConfigurationError when there is none of the name."""
        if name not in self.entries:
            known = ", ".join(self.entries) or "none; `remit source add` adds one"
            raise ConfigurationError(f"There is no source {name!r}; configured: {known}.")
        return self.entries[name]

    def config(self, name: str) -> SourceConfig:
        """A source ready to be used, with its secrets fetched now.

        Raises ConfigurationError naming what is missing: the source, a variable, a file or a key.
        """
        entry = self.entry(name)
        origin = entry.origin
        return SourceConfig(
            name,
            origin.name,
            {
                key: self.vault.resolved(value, f"source {name!r}, setting {key!r}")
                for key, value in entry.settings.items()
            },
            origin=origin,
            streams=entry.streams,
            requests_per_minute=entry.requests_per_minute,
            home=self.home,
        )


def sources_in_force(
    connection: Connection,
    tenant: str,
    *,
    home: Path,
    file: Path | None = None,
    seal: Seal | None = None,
) -> SourcesInForce:
    """The sources that are in force now. Raises ConfigurationError when the file is no good."""
    migrated = is_migrated(connection)
    held = held_sources(connection, tenant) if migrated else {}
    defined = {name: source.entry for name, source in held.items() if source.entry is not None}
    filed = read_sources_file(file) if file is not None else {}
    sealed = sealed_secrets(connection, tenant) if migrated else {}
    entries = {**filed, **defined}
    named = (path for entry in entries.values() for path in (entry.manifest, entry.mapping))
    return SourcesInForce(
        entries,
        frozenset(filed.keys() & defined.keys()),
        Vault(tenant, sealed, seal),
        home,
        tuple(path for path in (file, *named) if path is not None),
    )


def read_sources_file(path: Path) -> Mapping[str, SourceEntry]:
    """The sources of a workspace file that is read at each start, and has nothing else in it.

    Raises ConfigurationError for what only `remit apply` brings into force.
    """
    workspace = load_workspace(path)
    unfit = [name for name in ("model", "policies") if getattr(workspace, name) is not None]
    unfit += [f"sources.{name}.schedule" for name, s in workspace.sources.items() if s.schedule]
    if unfit:
        raise ConfigurationError(
            f"{path}: {', '.join(unfit)} takes effect through `remit apply {path}` alone. Unset"
            " REMIT_SOURCES and apply the file, or leave that out of it."
        )
    return workspace.sources


def _written_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
