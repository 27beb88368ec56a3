"""Erasing one person: what is theirs leaves the index for good, with a receipt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import (
    ARRAY,
    Connection,
    Uuid,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from index.chunks import count_chunks
from index.database import Database
from index.entity_tables import EntityTables
from index.errors import InvalidRequest
from index.tables import erased_row, erasure, record, rejected_record
from index.tables import tenant as tenant_table
from ingestion.blotting import address_pattern, blot_out, paths_to, without_path, without_words
from ingestion.mapping.format import RAW_RECORD
from ingestion.source import Source
from semantic_layer.model import Model

PEOPLE = ("contact", "user")
"""The entities whose rows are persons."""

WRITTEN = {"comment": "author_id"}
"""What a person wrote and nobody needs without them, with the column that names the writer."""

OPENED = {"ticket": ("requester_id", "description")}
"""What stays without the words of the person who opened it: who that was, and the words."""

_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


@dataclass(frozen=True)
class Receipt:
    """Proof of an erasure. It names nobody, but an address that is guessed can be checked by it."""

    erasure_id: UUID
    subject_hash: str
    at: datetime
    removed: Mapping[str, Any]


@dataclass(frozen=True)
class ErasedRow:
    """A row that goes, and the record it was made of."""

    entity: str
    id: UUID
    source: str
    stream: str
    key: str


@dataclass(frozen=True)
class Erased:
    """What an erasure removes: the rows it takes for the person's, and how much of each kind."""

    people: Sequence[ErasedRow]
    removed: Mapping[str, Any]


def erase(
    database: Database,
    tables: EntityTables,
    model: Model,
    *,
    tenant: str,
    subject: str,
    actor: str,
    reason: str,
    sources: Iterable[Source] = (),
) -> Receipt:
    """Erase a person, named by an e-mail address or by the id of a contact or user row.

    Their contact and user rows, the comments they wrote and the records of both are removed, and no
    sync and no live read writes them again. A ticket stays, without its requester and description.
    Elsewhere, also in rejected records' stead, their address is blotted out. It is all done or none
    of it. The directory is left alone, and so is the source: what changes there comes again.

    The mappings of `sources` say where in its record a description comes from; for a source that is
    not among them, only texts that say the same as the row are found. Everyone who has the address
    counts as the person: `preview_erasure` tells who that is.

    Raises InvalidRequest when the subject is neither, and Unavailable when the database does not
    answer.
    """
    with database.writing() as connection:
        connection.execute(upsert(tenant_table).values(tenant_id=tenant).on_conflict_do_nothing())
        erased = _Erasure(connection, tables, model, tenant, subject, sources).carry_out()
        receipt = insert(erasure).values(
            tenant_id=tenant,
            erasure_id=uuid4(),
            subject_hash=subject_hash(tenant, subject),
            actor=actor,
            reason=reason,
            removed=erased.removed,
        )
        kept = connection.execute(receipt.returning(erasure)).one()
        return Receipt(kept.erasure_id, kept.subject_hash, kept.at, kept.removed)


def preview_erasure(
    database: Database,
    tables: EntityTables,
    model: Model,
    *,
    tenant: str,
    subject: str,
    sources: Iterable[Source] = (),
) -> Erased:
    """What `erase` would remove now: it is done and rolled back. Raises as `erase` does."""
    with database.writing() as connection:
        erased = _Erasure(connection, tables, model, tenant, subject, sources).carry_out()
        connection.rollback()
    return erased


def subject_hash(tenant: str, subject: str) -> str:
    """What a receipt has in place of the subject: who knows or guesses it can find the receipt."""
    return sha256(f"{tenant}\x1f{subject.strip().lower()}".encode()).hexdigest()


class _Erasure:
    """One erasure, in one transaction."""

    def __init__(
        self,
        connection: Connection,
        tables: EntityTables,
        model: Model,
        tenant: str,
        subject: str,
        sources: Iterable[Source],
    ) -> None:
        self._connection = connection
        self._tables = {name: tables[name] for name in tables}
        self._model = model
        self._tenant = tenant
        self._subject = subject.strip()
        self._mapped = {source.name: source.mapped for source in sources}

    def carry_out(self) -> Erased:
        people, addresses = self._people()
        ids = [row.id for row in people]
        gone = [*people, *self._written_by(ids)]
        pattern = address_pattern(addresses)
        gone += self._raw_records([row.id for row in gone], pattern)
        self._lock(gone, pattern)
        removed = {
            "chunks": self._chunks([row.id for row in gone], ids),
            "rows": self._remove_rows(gone),
            "records": self._remove_records(gone),
            "rejected": self._remove_rejected([row.id for row in gone], pattern),
            "silenced": self._silence(ids),
            "cleared": self._clear_references(ids),
            "redacted": self._blot_out(pattern) if pattern is not None else {},
        }
        return Erased(people, removed)

    def _people(self) -> tuple[list[ErasedRow], set[str]]:
        """The rows of the person, and the addresses by which others may name them."""
        identity = _as_id(self._subject)
        if identity is None and _ADDRESS.fullmatch(self._subject) is None:
            raise InvalidRequest(
                "Name the person by a whole e-mail address, or by the id of a contact or user row."
            )
        addresses = {self._subject.lower()} if identity is None else self._addresses_of(identity)
        found: list[ErasedRow] = []
        for entity, table in self._named(PEOPLE).items():
            theirs = or_(table.c.id == identity, func.lower(table.c.email).in_(addresses))
            found += self._rows(entity, theirs)
        return found, addresses

    def _addresses_of(self, identity: UUID) -> set[str]:
        addresses: set[str] = set()
        for table in self._named(PEOPLE).values():
            query = select(func.lower(table.c.email)).where(
                table.c.tenant_id == self._tenant, table.c.id == identity, table.c.email != ""
            )
            addresses |= set(self._connection.execute(query).scalars())
        # What a source has in place of an address, such as "none", stands for nobody.
        return {address for address in addresses if _ADDRESS.fullmatch(address)}

    def _written_by(self, people: Sequence[UUID]) -> list[ErasedRow]:
        return [
            row
            for entity, table in self._named(WRITTEN).items()
            for row in self._rows(entity, _among(table.c[WRITTEN[entity]], people))
        ]

    def _raw_records(self, gone: Sequence[UUID], pattern: str | None) -> list[ErasedRow]:
        """What was made of their records before these were mapped and still stands, and records
        that go by an address of theirs, which cannot be blotted out of a key."""
        found: list[ErasedRow] = []
        for entity, table in self._named([RAW_RECORD]).items():
            theirs: Any = _among(table.c.id, gone)
            if pattern is not None:
                theirs = or_(theirs, table.c.remote_id.op("~*")(pattern))
            found += self._rows(entity, theirs)
        return found

    def _rows(self, entity: str, condition: Any) -> list[ErasedRow]:
        table = self._tables[entity]
        columns = (table.c.id, table.c.source, table.c.stream, table.c.remote_id)
        query = select(*columns).where(table.c.tenant_id == self._tenant, condition)
        return [ErasedRow(entity, *row) for row in self._connection.execute(query)]

    def _lock(self, gone: Iterable[ErasedRow], pattern: str | None) -> None:
        """Lock every record that is to change in the order of their keys, as all writers do."""
        self._connection.execute(
            text(
                """
                SELECT FROM remit.record AS held
                WHERE tenant_id = :tenant
                    AND (data::text ~* :pattern OR (source, stream, key) IN (
                        SELECT source, stream, key FROM json_to_recordset(CAST(:gone AS json))
                            AS r(source text, stream text, key text)))
                ORDER BY source, stream, key FOR UPDATE
                """
            ),
            {"tenant": self._tenant, "pattern": pattern, "gone": _records_of(gone)},
        )

    def _chunks(self, gone: Sequence[UUID], people: Sequence[UUID]) -> int:
        """How many parts of their texts can be searched; they leave with the texts."""
        count = count_chunks(self._connection, self._tenant, gone)
        for entity, table in self._named(OPENED).items():
            opener, words = (table.c[name] for name in OPENED[entity])
            opened = [row.id for row in self._rows(entity, _among(opener, people))]
            count += count_chunks(self._connection, self._tenant, opened, fields=[words.name])
        return count

    def _remove_rows(self, gone: Iterable[ErasedRow]) -> dict[str, int]:
        by_entity: dict[str, list[UUID]] = {}
        for row in gone:
            by_entity.setdefault(row.entity, []).append(row.id)
        for entity, ids in by_entity.items():
            table = self._tables[entity]
            self._connection.execute(
                delete(table).where(table.c.tenant_id == self._tenant, _among(table.c.id, ids))
            )
        for ids in by_entity.values():
            kept = select(literal(self._tenant), func.unnest(_array(ids)))
            self._connection.execute(
                upsert(erased_row)
                .from_select(["tenant_id", "row_id"], kept)
                .on_conflict_do_nothing()
            )
        return {entity: len(ids) for entity, ids in by_entity.items()}

    def _remove_records(self, gone: Iterable[ErasedRow]) -> int:
        return self._connection.execute(
            text(
                """
                DELETE FROM remit.record AS held
                USING json_to_recordset(CAST(:gone AS json))
                    AS r(source text, stream text, key text)
                WHERE held.tenant_id = :tenant AND held.source = r.source
                    AND held.stream = r.stream AND held.key = r.key
                """
            ),
            {"tenant": self._tenant, "gone": _records_of(gone)},
        ).rowcount

    def _remove_rejected(self, ids: Sequence[UUID], pattern: str | None) -> int:
        # What is set aside has the id that its row would have.
        theirs: Any = _among(rejected_record.c.rejected_id, ids)
        if pattern is not None:
            theirs = or_(theirs, rejected_record.c.raw.op("~*")(pattern))
        gone = delete(rejected_record).where(rejected_record.c.tenant_id == self._tenant, theirs)
        return self._connection.execute(gone).rowcount

    def _silence(self, people: Sequence[UUID]) -> dict[str, int]:
        """Take their words out of what they opened: out of the row, and out of its record."""
        counts: dict[str, int] = {}
        for entity, table in self._named(OPENED).items():
            opener, words = (table.c[name] for name in OPENED[entity])
            opened = (table.c.tenant_id == self._tenant, _among(opener, people), words.is_not(None))
            columns = (table.c.source, table.c.stream, table.c.remote_id, words)
            for source, stream, key, said in self._connection.execute(
                select(*columns).where(*opened)
            ).all():
                mapping = self._mapped.get(source, {}).get(stream)
                paths = paths_to(words.name, entity, mapping) if mapping is not None else []
                self._silence_record(source, stream, key, said, paths)
            silenced = update(table).where(*opened).values({words: None})
            counts[entity] = self._connection.execute(silenced).rowcount
        return {entity: count for entity, count in counts.items() if count}

    def _silence_record(
        self, source: str, stream: str, key: str, said: str, paths: Iterable[Sequence[str]]
    ) -> None:
        this = (
            record.c.tenant_id == self._tenant,
            record.c.source == source,
            record.c.stream == stream,
            record.c.key == key,
        )
        data = self._connection.execute(select(record.c.data).where(*this)).scalar_one_or_none()
        data = without_words(data, said)
        for path in paths:  # the same in HTML, for instance, need not say just the same
            data = without_path(data, path)
        # The hash stays, so that only a change at the source brings it again.
        self._connection.execute(update(record).where(*this).values(data=data))

    def _clear_references(self, people: Sequence[UUID]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for entity, table in self._tables.items():
            relations = self._model.specs[entity].relations.values()
            columns = {
                relation.column
                for relation in relations
                if relation.kind == "one" and relation.target in PEOPLE and relation.column != "id"
            }
            for name in sorted(columns):
                cleared = (
                    update(table)
                    .where(table.c.tenant_id == self._tenant, _among(table.c[name], people))
                    .values({name: None})
                )
                counts[f"{entity}.{name}"] = self._connection.execute(cleared).rowcount
        return {place: count for place, count in counts.items() if count}

    def _blot_out(self, pattern: str) -> dict[str, int]:
        """Their address leaves wherever else it stands."""
        return blot_out(self._connection, self._tables, self._tenant, pattern)

    def _named(self, entities: Iterable[str]) -> dict[str, Any]:
        """The tables of those of the entities that the model has."""
        return {name: self._tables[name] for name in entities if name in self._tables}


def _as_id(subject: str) -> UUID | None:
    try:
        return UUID(subject)
    except ValueError:
        return None


def _among(column: Any, ids: Sequence[UUID]) -> Any:
    """Whether it is one of the ids; one parameter for all, for Postgres takes 65,535 at most."""
    return column == func.any(_array(ids))


def _array(ids: Sequence[UUID]) -> Any:
    return literal(list(ids), ARRAY(Uuid))


def _records_of(rows: Iterable[ErasedRow]) -> str:
    keys = [{"source": row.source, "stream": row.stream, "key": row.key} for row in rows]
    return orjson.dumps(keys).decode()
