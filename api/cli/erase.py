"""The `remit erase` command: whom it takes and what goes with them is shown before it is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from api.cli.migrated import open_migrated
from api.cli.screen import agreed, log_to_stderr, remark, require_consent, tell
from api.installation import open_model
from api.settings import Settings
from api.sources import sources_of
from index.database import Database
from index.entity_tables import EntityTables
from index.errors import ConfigurationError
from index.specs import EntitySpecs
from ingestion.erasure import (
    Erased,
    HeldRow,
    Mapped,
    Unsearched,
    erase,
    known_sources,
    preview_erasure,
    read_mappings,
)


def run_erase(
    settings: Settings, subject: str, *, actor: str, reason: str, yes: bool, dry_run: bool
) -> bool:
    """Show what an erasure of one person takes, ask, erase it and print the receipt; with `dry_run`
    only show it, with `yes` only do it. Returns False when it was done and is not finished."""
    if not dry_run:
        require_consent(yes)
    log_to_stderr()
    model = open_model(settings)
    with open_migrated(settings) as database:
        index = (database, EntityTables(model.specs), model)
        tenant = settings.tenant
        sources, unreadable = _mappings(settings, database, model.specs)
        if dry_run or not yes:
            preview = preview_erasure(
                *index, tenant=tenant, subject=subject, sources=sources, unreadable=unreadable
            )
            tell(_previewed(preview))
            for line in _unsearched(preview.unsearched):
                remark(line)
        if dry_run:
            remark("Nothing was changed. `remit erase` without --dry-run would do this.")
            return True
        if not agreed("Erase all this for good? It cannot be taken back.", yes=yes):
            return True
        receipt = erase(
            *index,
            tenant=tenant,
            subject=subject,
            actor=actor,
            reason=reason,
            sources=sources,
            unreadable=unreadable,
        )
    tell([f"receipt {receipt.erasure_id}", *_counts(receipt.removed)])
    tell(_left(receipt.left))
    remark("What the sources hold is untouched: erase the person there as well.")
    for line in _unsearched(receipt.unsearched):
        remark(line)
    if receipt.unsearched:
        remark(
            "All else is erased. Mend these sources, or remove them with their data, and erase the"
            " same person again, named in the same words: that finishes it."
        )
    return not receipt.unsearched


def _mappings(
    settings: Settings, database: Database, specs: EntitySpecs
) -> tuple[Sequence[Mapped], dict[str, str]]:
    """The mappings of the sources in force, and of the others why not: none of it is a reason not
    to erase what is here."""
    with database.writing() as connection:
        try:
            entries = sources_of(settings, connection).entries
        except ConfigurationError as error:
            return [], dict.fromkeys(known_sources(connection, settings.tenant), str(error))
    return read_mappings({name: entry.origin for name, entry in entries.items()}, specs)


def _previewed(preview: Erased) -> Iterator[str]:
    """Whose rows go, without their names, and how much of each kind goes and stays."""
    yield f"rows taken for the person's: {len(preview.people):,}"
    yield from _listed(preview.people)
    counts = list(_counts(preview.removed))
    yield f"what is removed or changed{':' if counts else ': nothing'}"
    yield from counts
    if preview.others:
        yield f"rows with the same address, which stay: {len(preview.others):,}"
        yield from _listed(preview.others)
    yield from _left(preview.left)


def _listed(rows: Iterable[HeldRow]) -> Iterator[str]:
    """The rows as they can be named for an erasure, and where they come from."""
    return (f"  {row.entity}:{row.id}, from {row.source}, {row.stream}, {row.key}" for row in rows)


def _left(left: object) -> Iterator[str]:
    counts = list(_counts(left))
    if counts:
        yield "what is left because others have the same address:"
        yield from counts


def _unsearched(unsearched: Iterable[Unsearched]) -> Iterator[str]:
    """Where words of the person may be left, and why."""
    return (
        f"{one.source}: {one.records:,} records of tickets that they opened cannot be searched for"
        f" other forms of the description: {one.why.removesuffix('.')}."
        for one in unsearched
    )


def _counts(removed: object, place: str = "") -> Iterable[str]:
    if isinstance(removed, dict):
        for name, inner in removed.items():
            yield from _counts(inner, f"{place} {name}".strip())
    elif removed:
        yield f"  {place}: {removed}"
