"""A manifest as it is run: resolved, completed with what the CDK leaves open, of known code.

The CDK applies no timeout unless a requester names one, and none at all when it fetches an OAuth
token; a request without a timeout can hold a worker for ever. It finds the records of a page by
walking through all of it, and reads a page that repeats for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from index.errors import ConfigurationError
from ingestion.airbyte.cdk import ManifestComponentTransformer, ManifestReferenceResolver
from ingestion.airbyte.extractor import PathExtractor
from ingestion.airbyte.oauth import CONNECT_SECONDS, READ_SECONDS, OAuthWithTimeout
from ingestion.airbyte.pagination import (
    WatchfulCursor,
    WatchfulOffsetIncrement,
    WatchfulPageIncrement,
)

_OAUTH_CLASS = f"{OAuthWithTimeout.__module__}.{OAuthWithTimeout.__qualname__}"
_EXTRACTOR_CLASS = f"{PathExtractor.__module__}.{PathExtractor.__qualname__}"
_PAGINATION_CLASSES = {
    kind: f"{strategy.__module__}.{strategy.__qualname__}"
    for kind, strategy in (
        ("CursorPagination", WatchfulCursor),
        ("PageIncrement", WatchfulPageIncrement),
        ("OffsetIncrement", WatchfulOffsetIncrement),
    )
}
_OF_A_PAGINATOR = ("page_token_option", "pagination_strategy")
_OUR_CLASSES = (_OAUTH_CLASS, _EXTRACTOR_CLASS, *_PAGINATION_CLASSES.values())


def complete(manifest: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The manifest of that file as it is run.

    Raises ConfigurationError when it has Python code of its own, which would run with all that this
    process knows, when it signs in by a way that is not taken here, and when the CDK cannot use it.
    """
    if (path.parent / "components.py").exists():
        raise _foreign(str(path), "components.py")
    refuse_unfit(manifest, str(path))
    try:
        resolved = ManifestReferenceResolver().preprocess_manifest(manifest)
        typed = ManifestComponentTransformer().propagate_types_and_parameters("", resolved, {})
    except Exception as error:
        # The CDK raises what it finds: KeyError, ValueError, errors of its own.
        raise ConfigurationError(f"{path} cannot be used: {error}") from error
    ready: Mapping[str, Any] = _completed(typed)
    return ready


def refuse_unfit(manifest: Any, place: str) -> None:
    """Raise ConfigurationError when a part of a manifest asks for code that is not ours or the
    CDK's, which imports and calls whatever a `class_name` names, or signs in by a way that is not
    taken here."""
    waiting = [manifest]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if "class_name" in part and part["class_name"] not in _OUR_CLASSES:
                raise _foreign(place, str(part["class_name"]))
            if part.get("refresh_token_updater") is not None:
                # The CDK would print the new one too, with all other settings, to standard output.
                raise ConfigurationError(
                    f"{place} signs in with a refresh token that each use replaces"
                    " (`refresh_token_updater`), and the new one is not kept, so that the next run"
                    " could not sign in. Let it sign in another way that the vendor has, such as"
                    " with a key."
                )
            if part.get("type") == "LegacySessionTokenAuthenticator":
                raise ConfigurationError(
                    f"{place} signs in by a LegacySessionTokenAuthenticator, whose requests have no"
                    " timeout and follow the source to any host. Let it use a"
                    " SessionTokenAuthenticator."
                )
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _foreign(place: str, code: str) -> ConfigurationError:
    return ConfigurationError(
        f"{place} has Python code of its own ({code}), which is not run in this process. Use the"
        " connector as a process: a source with `package`, `command` or `image`."
    )


def _completed(component: Any) -> Any:
    if isinstance(component, list):
        return [_completed(item) for item in component]
    if not isinstance(component, Mapping):
        return component
    completed = {name: _completed(value) for name, value in component.items()}
    kind = completed.get("type")
    if kind == "HttpRequester":
        completed.setdefault("connect_timeout_in_seconds", CONNECT_SECONDS)
        completed.setdefault("read_timeout_in_seconds", READ_SECONDS)
    if kind == "OAuthAuthenticator":
        completed |= {"type": "CustomAuthenticator", "class_name": _OAUTH_CLASS}
        completed.setdefault("$parameters", {})
    # Without a path it is left to the CDK to refuse.
    if kind == "DpathExtractor" and "*" not in completed.get("field_path", "*"):
        completed |= {"type": "CustomRecordExtractor", "class_name": _EXTRACTOR_CLASS}
        completed.setdefault("$parameters", {})
    if kind == "DefaultPaginator":
        option, strategy = (completed.get(name) for name in _OF_A_PAGINATOR)
        if isinstance(option, dict) and isinstance(strategy, dict):
            strategy["is_path"] = option.get("type") == "RequestPath"
    # In a JSON schema, a type may be a list.
    if isinstance(kind, str) and kind in _PAGINATION_CLASSES:
        completed |= {
            "type": "CustomPaginationStrategy",
            "class_name": _PAGINATION_CLASSES[kind],
        }
        completed.setdefault("$parameters", {})
    return completed
