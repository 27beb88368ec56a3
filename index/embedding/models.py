"""Which models there are: one serves, and another may be built beside it until it is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from index.database import Database
from index.embedding.fingerprint import keep_fingerprint
from index.errors import InvalidRequest
from index.text_tables import embedding_model, embedding_pause

State = Literal["building", "serving", "retired"]

_LOCK = 7_365_142  # of whoever makes or drops an index; that of the migrations is another number
_BATCH = 5_000  # chunks or vectors in one transaction, for which a sync may have to wait


class EmbeddingModel(NamedTuple):
    """A model that texts are embedded by; without a path it comes from an installed package."""

    id: int
    name: str
    path: str | None
    dimensions: int
    state: State


MODEL_COLUMNS = tuple(
    embedding_model.c[name] for name in ("model_id", "name", "path", "dimensions", "state")
)
"""Those that an `EmbeddingModel` is made of."""

# A chunk that is being removed at this moment is passed over, and counted as lacking. Each is
# looked up by itself: a join would go through the whole of a large table for each page.
_NOTE_SOME = text(
    """
    WITH page AS MATERIALIZED (
        SELECT tenant_id, chunk_id FROM remit.chunk
        WHERE (tenant_id, chunk_id) > (:tenant, :chunk)
        ORDER BY tenant_id, chunk_id LIMIT :limit),
    lacking AS MATERIALIZED (
        SELECT tenant_id, chunk_id FROM page
        WHERE (SELECT true FROM remit.embedding AS made WHERE made.model_id = :model
                AND (made.tenant_id, made.chunk_id) = (page.tenant_id, page.chunk_id)) IS NULL
            AND (SELECT true FROM remit.embedding_due AS due WHERE due.model_id = :model
                AND (due.tenant_id, due.chunk_id) = (page.tenant_id, page.chunk_id)) IS NULL),
    held AS (
        SELECT held.tenant_id, held.chunk_id FROM remit.chunk AS held
        JOIN lacking USING (tenant_id, chunk_id) FOR KEY SHARE OF held SKIP LOCKED),
    noted AS (
        INSERT INTO remit.embedding_due (tenant_id, chunk_id, model_id)
        SELECT tenant_id, chunk_id, :model FROM held ON CONFLICT DO NOTHING)
    SELECT tenant_id, chunk_id, (SELECT count(*) FROM lacking) FROM page
    ORDER BY tenant_id DESC, chunk_id DESC LIMIT 1
    """
)


_ARE_THERE = text(
    "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('remit.embedding_model')"
    " AND attname = 'fingerprint')"
)


def has_tables(connection: Connection) -> bool:
    """Whether the database has the tables for embeddings as they are now."""
    return bool(connection.execute(_ARE_THERE).scalar_one())


def all_models(connection: Connection) -> list[EmbeddingModel]:
    """All of them, in the order in which they came."""
    found = connection.execute(select(*MODEL_COLUMNS).order_by(embedding_model.c.model_id))
    return [EmbeddingModel(*row) for row in found]


def active_models(connection: Connection) -> list[EmbeddingModel]:
    """Those that chunks are embedded by: the one that serves, then the one that is being built."""
    active = [model for model in all_models(connection) if model.state != "retired"]
    return sorted(active, key=lambda model: model.state, reverse=True)


def begin_model(
    database: Database,
    name: str,
    path: str | None,
    dimensions: int,
    fingerprint: str | None = None,
) -> EmbeddingModel:
    """Make all texts due for a model, new or retired; it serves at once if no other does.

    Without a fingerprint, that of the first process that embeds counts. Killed anywhere, it can be
    run again. Raises InvalidRequest when another model is being built, or when one of that name is
    of another folder, of other files or of other dimensions.
    """
    with database.writing() as connection:
        model = _register(connection, name, path, dimensions, fingerprint)
    _note_lacking(database, model)
    return model


def _register(
    connection: Connection,
    name: str,
    path: str | None,
    dimensions: int,
    fingerprint: str | None,
) -> EmbeddingModel:
    # Waits for whoever cuts texts: for what they have cut it is not due by itself.
    connection.execute(text("LOCK TABLE remit.embedding_model IN EXCLUSIVE MODE"))
    models = {model.name: model for model in all_models(connection)}
    known = models.get(name)
    if known is not None and (known.path, known.dimensions) != (path, dimensions):
        raise InvalidRequest(
            f"There is a model {name} already, of {known.dimensions} dimensions from"
            f" {known.path or 'a package'}: give this one another name, or drop that one."
        )
    if known is not None and fingerprint is not None:
        held = keep_fingerprint(connection, known.id, fingerprint)
        if held != fingerprint:
            raise InvalidRequest(
                f"There is a model {name} already, of other files than those that are in"
                f" {path or 'the package'} now: give this one another name, or drop that one."
            )
    if known is not None and known.state != "retired":
        return known
    for model in models.values():
        if model.state == "building":
            raise InvalidRequest(
                f"{model.name} is being built already: wait until it is complete, or drop it."
            )
    serves = any(model.state == "serving" for model in models.values())
    state = "building" if serves else "serving"
    row = {
        "name": name,
        "path": path,
        "dimensions": dimensions,
        "state": state,
        "fingerprint": fingerprint,
    }
    begun = upsert(embedding_model).values(**row)
    begun = begun.on_conflict_do_update(index_elements=["name"], set_={"state": state})
    return EmbeddingModel(*connection.execute(begun.returning(*MODEL_COLUMNS)).one())


def _note_lacking(database: Database, model: EmbeddingModel) -> int:
    """Make due what has no vector of the model, some chunks at a time, so that no sync waits for
    it; returns how many there were."""
    tenant, chunk, lacking = "", 0, 0
    while True:
        given = {"model": model.id, "tenant": tenant, "chunk": chunk, "limit": _BATCH}
        with database.writing() as connection:
            page = connection.execute(_NOTE_SOME, given).one_or_none()
        if page is None:
            return lacking
        tenant, chunk, count = page
        lacking += count


def finish_model(database: Database, model: EmbeddingModel) -> bool:
    """Index the vectors of a model of which nothing is due, and let it serve if it was being built.

    Search goes on by the other model until then, and afterwards by this one. Returns whether there
    may be more to do at once: it was swapped, or some chunks had not become due for it.
    """
    if model.state == "building" and _note_lacking(database, model):
        return True
    with _alone_at_indexes(database) as connection:
        if connection is None:
            return False
        if model.id in {active.id for active in active_models(connection)}:
            _index(connection, model)
    if model.state != "building":
        return False
    with database.writing() as connection:
        return _swap(connection, model)


@contextmanager
def _alone_at_indexes(database: Database) -> Iterator[Connection | None]:
    """A connection for making or dropping an index; None while somebody else has one."""
    with database.session() as connection:
        lock = {"lock": _LOCK}
        if not connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), lock).scalar_one():
            yield None
            return
        # Indexes wait for all transactions under way, however long they take.
        connection.execute(text("SET lock_timeout = 0"))
        try:
            yield connection
        finally:
            connection.execute(text("RESET lock_timeout"))
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), lock)


def _index(connection: Connection, model: EmbeddingModel) -> None:
    """Make the index of the model's vectors, while they may be read and written."""
    name = _index_name(model)
    valid = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
    found = connection.execute(valid, {"name": f"remit.{name}"}).scalar_one_or_none()
    if found:
        return
    if found is not None:  # one that was not finished
        connection.execute(text(f"DROP INDEX CONCURRENTLY remit.{name}"))
    connection.execute(
        text(
            f"CREATE INDEX CONCURRENTLY {name} ON remit.embedding"
            f" USING hnsw ((vector::halfvec({model.dimensions})) halfvec_cosine_ops)"
            f" WHERE model_id = {model.id}"
        )
    )


def _swap(connection: Connection, model: EmbeddingModel) -> bool:
    connection.execute(text("LOCK TABLE remit.embedding_model IN EXCLUSIVE MODE"))
    due = text("SELECT EXISTS (SELECT FROM remit.embedding_due WHERE model_id = :model)")
    held = {each.id: each.state for each in all_models(connection)}
    is_due = connection.execute(due, {"model": model.id}).scalar_one()
    if is_due or held.get(model.id) != "building":
        return False
    states = update(embedding_model)
    connection.execute(states.where(embedding_model.c.state == "serving").values(state="retired"))
    connection.execute(
        states.where(embedding_model.c.model_id == model.id).values(
            state="serving", served_at=text("now()")
        )
    )
    return True


def drop_model(
    database: Database, name: str, progress: Callable[[int], None] | None = None
) -> None:
    """Remove a model with its vectors, a few at a time, so that no sync waits for it.

    Killed anywhere, it can be run again. Raises InvalidRequest for the one that serves, for one
    that is not there, and while an index is being made.
    """
    with _alone_at_indexes(database) as connection:
        if connection is None:
            raise InvalidRequest(
                "Vectors are being indexed at this moment: try again when that is done, which is"
                " when `remit embedding status` says that the model serves."
            )
        model = _retire(database, name)
        connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS remit.{_index_name(model)}"))
    removed = 0
    while (gone := _drop_some(database, model.id)) is not None:
        removed += gone
        if progress is not None:
            progress(removed)
    with database.writing() as writing:
        writing.execute(delete(embedding_model).where(embedding_model.c.model_id == model.id))


def _retire(database: Database, name: str) -> EmbeddingModel:
    with database.writing() as connection:
        connection.execute(text("LOCK TABLE remit.embedding_model IN EXCLUSIVE MODE"))
        model = next((each for each in all_models(connection) if each.name == name), None)
        if model is None:
            raise InvalidRequest(f"There is no model {name}; `remit embedding status` lists them.")
        if model.state == "serving":
            raise InvalidRequest(
                f"{name} serves: search stands on it. Use another first, and drop this one when"
                " that one serves."
            )
        retired = update(embedding_model).where(embedding_model.c.model_id == model.id)
        connection.execute(retired.values(state="retired"))
    return model


_DROP_SOME = text(
    """
    WITH due AS (
        DELETE FROM remit.embedding_due WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM remit.embedding_due WHERE model_id = :model
            LIMIT :limit FOR UPDATE SKIP LOCKED))
        RETURNING 1),
    made AS (
        DELETE FROM remit.embedding WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM remit.embedding WHERE model_id = :model
            LIMIT :limit FOR UPDATE SKIP LOCKED))
        RETURNING 1)
    SELECT (SELECT count(*) FROM due) + (SELECT count(*) FROM made)
    """
)

_ANY_LEFT = text(
    """
    SELECT EXISTS (SELECT FROM remit.embedding_due WHERE model_id = :model)
        OR EXISTS (SELECT FROM remit.embedding WHERE model_id = :model)
    """
)


def _drop_some(database: Database, model_id: int) -> int | None:
    """How many were removed; None when there are no more. What a sync removes at this moment is
    left to it, so that neither waits for the other."""
    given = {"model": model_id, "limit": _BATCH}
    with database.writing() as connection:
        removed: int = connection.execute(_DROP_SOME, given).scalar_one()
        left = connection.execute(_ANY_LEFT, {"model": model_id}).scalar_one()
    return removed if removed or left else None


def _index_name(model: EmbeddingModel) -> str:
    return f"embedding_{model.id}_ix"


def pause(connection: Connection) -> None:
    """Let nothing be embedded on any machine until it is resumed; what is under way is finished."""
    connection.execute(upsert(embedding_pause).values(single=1).on_conflict_do_nothing())


def resume(connection: Connection) -> None:
    """Let it go on."""
    connection.execute(delete(embedding_pause))


def is_paused(connection: Connection) -> bool:
    """Whether nothing is to be embedded."""
    return connection.execute(select(embedding_pause)).first() is not None
