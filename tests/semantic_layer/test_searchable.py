"""What is near to a vector, for somebody: never a row that they do not see, nor a field that is
masked for them. The vectors are given here; what matters is who finds which."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from access_policies import Principal
from index.chunks import cut_due
from index.embedding import Hit, begin_model, claim, nearest, serving_model, store
from index.errors import ConfigurationError, InvalidRequest
from index.text_tables import chunk, embedding
from semantic_layer import SHIPPED_MODEL, load_model
from semantic_layer.searchable import visible_texts
from tests.semantic_layer.world import TENANT, World

pytestmark = pytest.mark.anyio

EVERYTHING = 1_000


@pytest.fixture(scope="module")
def embedded(world: World) -> World:
    """The furnished world with a vector for each chunk."""
    model = begin_model(world.database, "hand-made", None, 2)
    with world.database.writing() as connection:
        cut_due(connection, world.tables, limit=EVERYTHING)
        taken = claim(connection, world.tables, model, limit=EVERYTHING, lease=timedelta(minutes=1))
        store(connection, model, [(one, f"[1,{one.chunk_id}]") for one in taken])
    return world


async def _found(world: World, principal: Principal, entity: str) -> list[Hit]:
    compiler = world.context(principal).compiler(world.model, world.tables)
    async with world.database.reading(TENANT) as connection:
        model = await serving_model(connection)
        assert model is not None
        visible = visible_texts(compiler, entity)
        return await nearest(connection, visible, model, [1, 0], limit=EVERYTHING)


async def _seen(world: World, principal: Principal) -> dict[str, str]:
    """The ids of all tickets that somebody sees, with their numbers."""
    query = "{ tickets(first: 100) { nodes { id number } } }"
    nodes = (await world.ask(principal, query))["data"]["tickets"]["nodes"]
    return {node["id"]: node["number"] for node in nodes}


async def test_only_rows_that_are_seen_are_found(embedded: World) -> None:
    for region in ("EMEA", "AMER"):
        maya = embedded.principal("maya", department="support", regions=[region])
        found = await _found(embedded, maya, "ticket")
        assert {str(hit.row_id) for hit in found} == set(await _seen(embedded, maya))
        assert found == sorted(found, key=lambda hit: hit.distance)
    nobody = embedded.principal("nobody", department="support", regions=[])
    assert await _found(embedded, nobody, "ticket") == []


async def test_a_masked_field_is_not_searched(embedded: World) -> None:
    maya = embedded.principal("maya", department="support", regions=["EMEA"])
    omar = embedded.principal("omar", department="sales", regions=["EMEA"])
    fields = {hit.field for hit in await _found(embedded, maya, "ticket")}
    assert fields == {"subject", "description"}
    fields = {hit.field for hit in await _found(embedded, omar, "ticket")}
    assert fields == {"subject"}


async def test_a_hidden_ticket_hides_what_is_said_in_it(embedded: World) -> None:
    lena = embedded.principal("lena", department="support", regions=["AMER"])
    query = "{ tickets(first: 100) { nodes { comments(first: 100) { nodes { id } } } } }"
    nodes = (await embedded.ask(lena, query))["data"]["tickets"]["nodes"]
    seen = {comment["id"] for node in nodes for comment in node["comments"]["nodes"]}
    assert seen
    assert {str(hit.row_id) for hit in await _found(embedded, lena, "comment")} == seen


async def test_a_vector_of_another_model_is_refused(embedded: World) -> None:
    maya = embedded.principal("maya", department="support", regions=["EMEA"])
    compiler = embedded.context(maya).compiler(embedded.model, embedded.tables)
    async with embedded.database.reading(TENANT) as connection:
        model = await serving_model(connection)
        assert model is not None
        with pytest.raises(InvalidRequest, match="has 2 numbers, and this one 3"):
            await nearest(connection, visible_texts(compiler, "ticket"), model, [1, 0, 0], limit=1)


async def test_what_a_model_makes_nothing_of_is_near_to_nothing(embedded: World) -> None:
    maya = embedded.principal("maya", department="support", regions=["EMEA"])
    found = await _found(embedded, maya, "ticket")
    (chunk_id,) = await _ids_of(embedded, found[0])
    zeros = update(embedding).where(embedding.c.chunk_id == chunk_id)
    with embedded.database.writing() as connection:
        connection.execute(zeros.values(vector=[0, 0]))
    try:
        assert await _found(embedded, maya, "ticket") == found[1:]
    finally:
        with embedded.database.writing() as connection:
            connection.execute(zeros.values(vector=[1, chunk_id]))


async def _ids_of(world: World, hit: Hit) -> list[int]:
    this = (chunk.c.row_id == hit.row_id, chunk.c.field == hit.field, chunk.c.begins == hit.begins)
    async with world.database.reading(TENANT) as connection:
        return list((await connection.execute(select(chunk.c.chunk_id).where(*this))).scalars())


def test_only_texts_can_be_searched(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED_MODEL, tmp_path, dirs_exist_ok=True)
    ticket = tmp_path / "ticket.yaml"
    ticket.write_text(
        ticket.read_text().replace("  tags: text_list", "  tags: {type: text_list, search: true}")
    )
    with pytest.raises(ConfigurationError, match="'tags' has `search: true`"):
        load_model(tmp_path)


async def test_the_second_wall_stands_around_chunks(embedded: World) -> None:
    count = select(func.count())
    async with embedded.database.reading("theirs") as connection:
        for table in (chunk, embedding):
            rows = count.select_from(table)
            assert (await connection.execute(rows)).scalar_one() == 0
    with pytest.raises(DBAPIError, match="permission denied"):
        async with embedded.database.reading(TENANT) as connection:
            await connection.execute(select(chunk.c.text_hash))
