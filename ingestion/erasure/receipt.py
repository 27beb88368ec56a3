"""The receipt of an erasure: what was done, and what is still to be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, insert, select, update

from index.tables import erasure
from ingestion.erasure.tenant_rows import HeldRow

_UNFINISHED = "unfinished"


@dataclass(frozen=True)
class Unsearched:
    """Records of a source in which words of the person may be left, for a reason."""

    source: str
    why: str
    records: int


@dataclass(frozen=True)
class Receipt:
    """Proof of an erasure. It names nobody, but an address that is guessed can be checked by it."""

    erasure_id: UUID
    subject_hash: str
    at: datetime
    removed: Mapping[str, Any]
    left: Mapping[str, Any]  # because others have the address as well
    unsearched: Sequence[Unsearched]


def subject_hash(tenant: str, subject: str) -> str:
    """What a receipt has in place of the subject: who knows or guesses it can find the receipt."""
    return sha256(f"{tenant}\x1f{subject.strip().lower()}".encode()).hexdigest()


def gathered(rows: Iterable[tuple[HeldRow, str]]) -> list[Unsearched]:
    """Rows whose record was not searched, by source and reason."""
    counts: dict[tuple[str, str], int] = {}
    for row, why in rows:
        counts[row.source, why] = counts.get((row.source, why), 0) + 1
    return [Unsearched(source, why, count) for (source, why), count in sorted(counts.items())]


def keep_receipt(
    connection: Connection,
    tenant: str,
    subject: str,
    *,
    actor: str,
    reason: str,
    removed: Mapping[str, Any],
    left: Mapping[str, Any],
    unsearched: Sequence[tuple[HeldRow, str]],
) -> Receipt:
    """Write the receipt, with what the next erasure of the same subject has to finish."""
    missing = gathered(unsearched)
    rest = {
        "left": left,
        "unsearched": [asdict(one) for one in missing],
        _UNFINISHED: [[str(part) for part in astuple(row)] for row, _ in unsearched],
    }
    row = insert(erasure).values(
        tenant_id=tenant,
        erasure_id=uuid4(),
        subject_hash=subject_hash(tenant, subject),
        actor=actor,
        reason=reason,
        removed={**removed, **{name: value for name, value in rest.items() if value}},
    )
    kept = connection.execute(row.returning(erasure)).one()
    return Receipt(kept.erasure_id, kept.subject_hash, kept.at, removed, left, missing)


def take_unfinished(connection: Connection, tenant: str, subject: str) -> list[HeldRow]:
    """The rows that earlier erasures of the same subject did not finish: now it is for this one.

    Which rows these are then leaves their receipts, which go on saying how many there were.
    """
    of_subject = (
        erasure.c.tenant_id == tenant,
        erasure.c.subject_hash == subject_hash(tenant, subject),
        erasure.c.removed.has_key(_UNFINISHED),
    )
    query = select(erasure.c.removed[_UNFINISHED]).where(*of_subject)
    found = connection.execute(query).scalars().all()
    taken = update(erasure).where(*of_subject).values(removed=erasure.c.removed - _UNFINISHED)
    connection.execute(taken)
    return [
        HeldRow(entity, UUID(identity), source, stream, key)
        for rows in found
        for entity, identity, source, stream, key in rows
    ]
