"""Whether a source is still the account that its records are of.

Keys of two accounts are alike, and a STATE says of one alone up to where it was read: under one
name, records of both would be mixed up or skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, exists, or_, select

from index.errors import InvalidRequest
from index.tables import record, stream_state
from ingestion.workspace.definitions import HeldSource
from ingestion.workspace.format import SourceEntry

_TELLS_APART = re.compile(
    r"(^|_)(url|uri|host|hostname|server|domain|subdomain|site|shop|store|account|portal|workspace"
    r"|organi[sz]ation|org|company|tenant|realm|project|instance|region|environment|database"
    r"|dataset|schema|bucket)(_|$)",
    re.IGNORECASE,
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TAG = re.compile(r"(:[^:/@]+)?(@.*)?$")


def require_same_account(
    connection: Connection, tenant: str, held: HeldSource, entry: SourceEntry
) -> None:
    """Raises InvalidRequest where records are held and the source, defined like this, could be
    another account than the one that they are of."""
    if held.entry is None:
        reason = "and it is no longer known which account they are of"
    elif changed := _differing(_telling(held.entry), _telling(entry)):
        reason = f"and another {', '.join(changed)} may be another account"
    else:
        return
    if _has_data(connection, tenant, held.name):
        raise InvalidRequest(
            f"There are records of the source {held.name!r}, {reason}: those of two would be mixed"
            " up. Give the new one another name, or remove the old one first:"
            f" `remit source remove {held.name} --with-data`. If it is the same account, add"
            " --same-account."
        )


def _telling(entry: SourceEntry) -> Mapping[str, object]:
    """The parts of a definition that tell accounts apart; versions do not."""
    origin = entry.origin
    return {
        "connector": origin.connector,
        "manifest": origin.manifest,
        "command": origin.command,
        "package": origin.package,
        "image": _TAG.sub("", origin.image) if origin.image is not None else None,
        **dict(_addresses(entry.settings, "settings")),
    }


def _addresses(settings: Mapping[str, Any], place: str) -> Iterator[tuple[str, object]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _addresses(value, f"{place}.{name}")
        elif _TELLS_APART.search(_HUMP.sub("_", name)):
            same = value.rstrip("/").lower() if isinstance(value, str) else value
            yield f"{place}.{name}", same


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return [
        name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name)
    ]


def _has_data(connection: Connection, tenant: str, name: str) -> bool:
    """Whether there is a record of the source, or a STATE."""
    records, states = record.c, stream_state.c
    found = or_(
        exists().where(records.tenant_id == tenant, records.source == name),
        exists().where(
            states.tenant_id == tenant, states.source == name, states.state.is_not(None)
        ),
    )
    return bool(connection.execute(select(found)).scalar_one())
