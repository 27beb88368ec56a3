"""`remit policy list`, `show` and `history`: what there is, and how it came about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from access_policies.versions.history import Event
from api.cli.policy.seat import open_desk
from api.cli.screen import output, printable, remark, tell
from api.settings import Settings
from index.errors import InvalidRequest


def run_list(settings: Settings, user: str | None, limit: int) -> None:
    """Print the newest versions, one a line."""
    with open_desk(settings, user) as seat:
        versions = seat.desk.listed(seat.editor, limit)
        in_force, _ = seat.desk.documents(seat.editor)
    rows: list[tuple[str, ...]] = [
        (str(each.number), str(each.state), each.author, _day(each.created_at), each.reason)
        for each in versions
    ]
    tell(_columns(rows))
    if in_force is None:
        remark(
            f"The tenant {settings.tenant} has published nothing: what {settings.policies} says is"
            " in force."
        )


def run_show(settings: Settings, user: str | None, number: int | None, name: str | None) -> None:
    """Print the documents of a version as a stream of YAML, or one of them as it is."""
    with open_desk(settings, user) as seat:
        found, documents = seat.desk.documents(seat.editor, number)
    version = "what a tenant starts with" if found is None else f"version {found}"
    if name is None:
        for each, text in sorted(documents.items()):
            tell([f"--- # {version}: {each}", text.rstrip("\n")])
        return
    if name not in documents:
        raise InvalidRequest(
            f"There is no document {name!r} in {version}; it has {', '.join(sorted(documents))}."
        )
    output.print(printable(documents[name]), end="")


def run_history(
    settings: Settings, user: str | None, number: int | None, limit: int, *, as_json: bool
) -> None:
    """Print the newest events, the newest first: in short, or all of them as JSON."""
    with open_desk(settings, user) as seat:
        if number is not None:
            seat.desk.version(seat.editor, number)
        events = seat.desk.history(seat.editor, limit, number)
    if as_json:
        # ASCII: what cannot be printed is written out.
        output.print(json.dumps([_plain(event) for event in events], indent=2))
        return
    for event in events:
        tell(_told(event))


def _told(event: Event) -> Iterator[str]:
    kind = event.kind.replace("_", " ")
    via = event.evidence.get("via")
    by = f"by {event.actor}" + (f", {via}" if via else "")
    yield f"{_moment(event.at)}  version {event.version} {kind} {by}"
    yield from (f"    {line}" for line in event.reason.splitlines())
    yield from (f"    {line}" for line in _found(event))


def _found(event: Event) -> Iterator[str]:
    """The evidence in short, as far as the reader may see it."""
    evidence = event.evidence
    match event.kind:
        case "tested" if evidence:
            covered = "" if evidence.get("complete") else ", not all rules covered"
            yield f"{evidence.get('cases')} tests passed{covered}"
        case "previewed" | "published" if isinstance(found := evidence.get("preview"), Mapping):
            widens = evidence.get("widens")
            yield "shows somebody more" if widens else "proven to show nobody more"
            yield f"{found.get('gained'):,} rows gained, {found.get('lost'):,} lost"
        case "rolled_back" if evidence.get("base"):
            yield f"in place of version {evidence['base']}"
    agreed = evidence.get("approved_by")
    if isinstance(agreed, list) and agreed:
        yield f"approved by {', '.join(map(str, agreed))}"


def _plain(event: Event) -> dict[str, object]:
    return {
        "id": event.id,
        "version": event.version,
        "kind": event.kind,
        "actor": event.actor,
        "at": event.at.astimezone(UTC).isoformat(),
        "reason": event.reason,
        "evidence": dict(event.evidence),
    }


def _columns(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """The rows below each other, each on one line whatever is in them."""
    cells = [[" ".join(printable(cell).split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
