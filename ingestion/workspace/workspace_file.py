"""Reading `remit.yaml`: strict, with the place of each problem, and never a value of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from index.errors import ConfigurationError
from ingestion.workspace.document import Document, Location, read_document
from ingestion.workspace.format import SourceEntry, Workspace, known_keys
from ingestion.workspace.references import anchored

WORKSPACE_FILE = "remit.yaml"

# A name that is safe to repeat: `api_token:hunter2`, which lacks a space, is a key to YAML.
_PLAIN_KEY = re.compile(r"[A-Za-z$][A-Za-z0-9_.\-]{0,39}")
_WORDS = {
    "missing": "this is missing",
    "string_type": "this must be a text; put it into quotes",
    "dict_type": "this must have keys of its own",
    "model_type": "this must have keys of its own",
    "model_attributes_type": "this must have keys of its own",
    "tuple_type": "this must be a list",
    "path_type": "this must be a path",
    "too_short": "this is empty; leave it out, or say what is meant",
}


def load_workspace(path: Path) -> Workspace:
    """Read a workspace file; relative paths in it begin at its folder.

    Raises ConfigurationError with all problems, each with its line and the way out.
    """
    document = read_document(path)
    content = {} if document.content is None else document.content
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: expected `sources:`, and below it the sources by name.")
    return _anchored(_checked(document, content), path.parent)


def read_entry(name: str, content: Mapping[str, Any]) -> SourceEntry:
    """One source as the file would have it, with relative paths from here.

    Raises ConfigurationError as for a file, without lines.
    """
    whole = {"sources": {name: dict(content)}}
    document = Document(Path(f"source {name}"), whole, {})
    return _anchored(_checked(document, whole), Path()).sources[name]


def _checked(document: Document, content: dict[str, Any]) -> Workspace:
    problems = [*_odd_settings(document, content)]
    try:
        workspace = Workspace.model_validate(content)
    except ValidationError as error:
        problems += [
            _told(document, problem["loc"], problem["type"], problem["msg"])
            for problem in error.errors(include_input=False, include_url=False)
        ]
    if problems:
        raise ConfigurationError("\n".join(dict.fromkeys(problems)))
    return workspace


def _told(document: Document, location: Location, kind: str, said: str) -> str:
    place = document.place(location)
    if kind == "extra_forbidden":
        return f"{place}: {_unknown_key(location)}."
    words = _WORDS.get(kind) or said.removeprefix("Value error, ")
    where = ".".join(str(part) for part in location)
    named = where if all(_repeatable(part) for part in location) else "this part"
    return f"{place}: {named}: {words}." if where else f"{place}: {words}."


def _unknown_key(location: Location) -> str:
    *around, key = location
    known = known_keys(tuple(around))
    if not _repeatable(key):
        return "a key here is unknown; if it is a value, a space is missing after its colon"
    near = difflib.get_close_matches(str(key).lower(), known, n=1)
    hint = f": did you mean `{near[0]}`" if near else ""
    where = ".".join(str(part) for part in around if _repeatable(part))
    place = f" in {where}" if where else ""
    return f"there is no key `{key}`{place}{hint}. Known are {', '.join(known)}"


def _repeatable(part: str | int) -> bool:
    return isinstance(part, int) or _PLAIN_KEY.fullmatch(part) is not None


def _odd_settings(document: Document, content: dict[str, Any]) -> list[str]:
    """Names of settings that hold a value: found here, before anything repeats them."""
    sources = content.get("sources")
    if not isinstance(sources, dict):
        return []
    return [
        f"{document.place(('sources', name, 'settings', key))}: a setting's name is expected here;"
        " if it is a value, a space is missing after its colon."
        for name, source in sources.items()
        if isinstance(source, dict) and isinstance(source.get("settings"), dict)
        for key in source["settings"]
        if ":" in key or "=" in key
    ]


def _anchored(workspace: Workspace, folder: Path) -> Workspace:
    sources = {name: _anchored_source(entry, folder) for name, entry in workspace.sources.items()}
    return workspace.model_copy(
        update={
            "sources": sources,
            "model": _absolute(workspace.model, folder),
            "policies": _absolute(workspace.policies, folder),
        }
    )


def _anchored_source(entry: SourceEntry, folder: Path) -> SourceEntry:
    command = entry.command
    # A program without a slash is looked for on the PATH.
    if command is not None and "/" in command[0]:
        command = (str(_absolute(Path(command[0]), folder)), *command[1:])
    return entry.model_copy(
        update={
            "command": command,
            "manifest": _absolute(entry.manifest, folder),
            "mapping": _absolute(entry.mapping, folder),
            "settings": anchored(entry.settings, folder),
        }
    )


def _absolute(path: Path | None, folder: Path) -> Path | None:
    return None if path is None else (folder.absolute() / path)
