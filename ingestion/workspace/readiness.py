"""Whether sources could be used as they are described, as far as that shows before any is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from index.errors import ConfigurationError
from index.specs import EntitySpecs
from ingestion.mapping.loading import load_mapping
from ingestion.workspace.connector_spec import connector_spec
from ingestion.workspace.format import SourceEntry
from ingestion.workspace.references import sealed_names
from ingestion.workspace.specification import masked_command, plain_secrets, setting_problems


def problems_of(
    entries: Mapping[str, SourceEntry],
    specs: EntitySpecs,
    *,
    home: Path,
    secrets: Collection[str],
) -> list[str]:
    """What has to be mended before these sources are put in force, a sentence each.

    Installed connectors are below `home`, and `secrets` are the names of the sealed ones. What
    comes from the environment or a file is not looked for: it may be with the workers alone.
    """
    return [
        f"source {name}: {problem}."
        for name, entry in entries.items()
        for problem in _problems(name, entry, specs, home, secrets)
    ]


def _problems(
    name: str, entry: SourceEntry, specs: EntitySpecs, home: Path, secrets: Collection[str]
) -> Iterator[str]:
    try:
        schema = connector_spec(entry.origin, home)
        if entry.mapping is not None:
            load_mapping(entry.mapping, specs)
    except ConfigurationError as error:
        yield str(error).removesuffix(".")
        return
    if schema is not None:
        yield from setting_problems(schema, entry.settings)
    for setting in plain_secrets(schema, entry.settings):
        yield (
            f"the setting `{setting}` is a secret and stands there in clear. Seal it with `remit"
            f" secret set {name}.{setting}` and write `sealed:{name}.{setting}` in its place, or"
            " `env:NAME` or `file:PATH`; and change it at the vendor if others have seen the file"
        )
    if entry.command is not None and masked_command(entry.command) != list(entry.command):
        yield (
            "a word of its `command` is a secret by its name, and all users of the machine read"
            " it there. Hand it over as a setting, by reference"
        )
    for secret in dict.fromkeys(sealed_names(entry.settings)):
        if secret not in secrets:
            yield f"there is no sealed secret `{secret}`: set it with `remit secret set {secret}`"
