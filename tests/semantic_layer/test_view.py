"""The schema that a caller is served holds what exists for them, and all of it works."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from graphql import (
    GraphQLSchema,
    build_client_schema,
    get_introspection_query,
    get_named_type,
    is_leaf_type,
    print_schema,
)

from access_policies import Principal, Snapshot, parse, read_policies
from index.errors import InvalidRequest, NotPermitted
from semantic_layer import Model, Segment, View, describe
from semantic_layer.names import camel, type_name
from semantic_layer.resolver import Resolver
from semantic_layer.schema import Schemas
from tests.semantic_layer.schema_walk import EveryField, every_argument, members, object_types
from tests.semantic_layer.world import World, row_id

pytestmark = pytest.mark.anyio

_POLICIES = {
    "customer": """
entity: customer
rules: [{id: own, effect: allow, when: customer.region in user.regions}]
masks: [{id: names, fields: [name], mask: hash, when: 'user.department == "audit"'}]
""",
    "account": """
entity: account
rules: [{id: own, effect: allow, when: account.customer.region in user.regions}]
""",
    "contact": """
entity: contact
rules: [{id: support, effect: allow, when: 'user.department == "support"'}]
masks: [{id: mail, fields: [email], mask: partial, when: contact.customer.region == "EMEA"}]
""",
    "ticket": """
entity: ticket
rules: [{id: own, effect: allow, when: ticket.customer.region in user.regions}]
masks:
  - {id: text, fields: [description, status], mask: hide, when: 'user.department != "support"'}
  - {id: some, fields: [subject], mask: hide, when: '"legal" in ticket.tags'}
  - {id: when, fields: [created_at], mask: bucket, to: month, when: 'user.department == "audit"'}
  - {id: what, fields: [number], mask: redact, when: 'user.department == "audit"'}
""",
    "comment": """
entity: comment
rules: [{id: some, effect: allow, when: 'user.department in ["support", "chat"]'}]
""",
    "opportunity": """
entity: opportunity
rules: [{id: sales, effect: allow, when: 'user.department == "sales"'}]
masks: [{id: money, fields: [amount, probability], mask: hide, when: 'user.department == "sales"'}]
""",
}


_EVERYWHERE = {"Query", "Money", "PageInfo", "Provenance", "StreamFreshness"}


@dataclass(frozen=True, kw_only=True)
class Exists:
    """What exists for somebody: these types, less some fields."""

    types: str
    absent: str = ""  # null on every row
    masked: str = ""  # on some row, so that nobody may filter or sort by it
    segments: Mapping[str, str]


EXISTS = {
    # A part of some subjects and addresses is masked.
    "support": Exists(
        types="Account Comment Contact Customer Ticket",
        masked="Contact.email Ticket.subject",
        segments={
            "Ticket": "OPEN URGENT PENDING OVERDUE SOLVED",
            "Comment": "INTERNAL",
            "Customer": "ENTERPRISE",
        },
    ),
    # Every segment of tickets reads their status.
    "sales": Exists(
        types="Account Customer Opportunity Ticket",
        absent="Ticket.description Ticket.status Ticket.statusRaw"
        " Opportunity.amount Opportunity.probability",
        masked="Ticket.subject",
        segments={"Opportunity": "OPEN WON LOST", "Customer": "ENTERPRISE"},
    ),
    # What is hashed, redacted or bucketed on every row is there all the same.
    "audit": Exists(
        types="Account Customer Ticket",
        absent="Ticket.description Ticket.status Ticket.statusRaw",
        masked="Customer.name Ticket.subject Ticket.createdAt Ticket.number",
        segments={"Customer": "ENTERPRISE"},
    ),
}

everybody = pytest.mark.parametrize("department", EXISTS)


def _snapshot(model: Model, policies: Mapping[str, str]) -> Snapshot:
    texts = [(f"{entity}.yaml", text) for entity, text in policies.items()]
    return Snapshot(read_policies(texts, model.specs, model.callers), b"a key for hashes")


@pytest.fixture(scope="module")
def own_world(world: World) -> World:
    return replace(world, snapshot=_snapshot(world.model, _POLICIES))


@pytest.fixture(scope="module")
def schemas(own_world: World) -> Schemas:
    return Schemas(own_world.model)


def _who(world: World, department: str) -> Principal:
    return world.principal(department, department=department, regions=["EMEA", "AMER"])


def _view(world: World, who: Principal) -> View:
    return View.of(world.model, world.context(who).visibility)


def _served(world: World, schemas: Schemas, who: Principal) -> World:
    """The world as somebody is served it."""
    return replace(world, schema=schemas.of(_view(world, who)))


async def _introspected(world: World, who: Principal) -> GraphQLSchema:
    answer = await world.ask(who, get_introspection_query())
    assert "errors" not in answer
    return build_client_schema(answer["data"])


@everybody
async def test_introspection_shows_what_exists_for_the_caller_and_nothing_else(
    own_world: World, schemas: Schemas, department: str
) -> None:
    who, exists = _who(own_world, department), EXISTS[department]
    offered = await _introspected(_served(own_world, schemas, who), who)
    whole = await _introspected(own_world, who)  # the schema of the whole model
    types = exists.types.split()
    kept = {*types, *(f"{name}Connection" for name in types)}
    gone = object_types(whole) - kept - _EVERYWHERE
    assert object_types(offered) & gone == set()
    assert kept <= object_types(offered)
    for name in types:
        absent, masked = _named(name, exists.absent), _named(name, exists.masked)
        leading_away = {
            field
            for field, member in members(whole, name).items()
            if get_named_type(member.type).name in gone
        }
        assert _names(offered, name) == _names(whole, name) - absent - leading_away
        where, order = f"{name}Where", f"{name}Order"
        assert _names(offered, where) == _names(whole, where) - absent - masked
        lost = {f"{_snake(f)}_{way}" for f in absent | masked for way in ("ASC", "DESC")}
        assert _names(offered, order) == _names(whole, order) - lost
        assert _names(offered, f"{name}Segment") == set(exists.segments.get(name, "").split())
    text = print_schema(offered).lower()
    assert [name for name in gone if name.lower() in text] == []


def _names(schema: GraphQLSchema, name: str) -> set[str]:
    return set(members(schema, name))


def _named(name: str, paths: str) -> set[str]:
    """`{"subject"}` of `Ticket` in `Ticket.subject Contact.email`."""
    return {path.partition(".")[2] for path in paths.split() if path.startswith(f"{name}.")}


def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).upper()


@everybody
async def test_whatever_the_caller_can_read_exists_for_them(
    own_world: World, schemas: Schemas, department: str
) -> None:
    """Asked of the whole model's schema, whatever is not null is in their own schema as well."""
    who = _who(own_world, department)
    offered = schemas.of(_view(own_world, who))._schema
    for entity in own_world.model.entities.values():
        name, plural = type_name(entity), camel(entity.plural)
        fields = members(own_world.schema._schema, name).items()
        leaves = [field for field, member in fields if is_leaf_type(get_named_type(member.type))]
        page = f"{plural}(first: 100) {{ nodes {{ {' '.join(leaves)} }} }}"
        if entity.within is None:
            rows = (await own_world.ask(who, f"{{ {page} }}"))["data"][plural]["nodes"]
        else:
            answer = await own_world.ask(who, f"{{ tickets {{ nodes {{ {page} }} }} }}")
            rows = [n for t in answer["data"]["tickets"]["nodes"] for n in t[plural]["nodes"]]
        read = {field for row in rows for field in leaves if row[field] is not None}
        assert read <= _names(offered, name)


@everybody
async def test_every_field_that_is_offered_can_be_queried(
    own_world: World, schemas: Schemas, department: str
) -> None:
    who = _who(own_world, department)
    served = _served(own_world, schemas, who)
    offered = await _introspected(served, who)
    every = EveryField(offered, str(row_id("t1")))
    answer = await served.ask(who, every.document)
    assert "errors" not in answer, answer["errors"]
    assert answer["data"]["accounts"]["nodes"]  # the rest hangs below
    assert every.walked == object_types(offered)


@everybody
async def test_every_filter_order_and_segment_that_is_offered_works(
    own_world: World, schemas: Schemas, department: str
) -> None:
    who = _who(own_world, department)
    served = _served(own_world, schemas, who)
    offered = await _introspected(served, who)
    used = set()
    for document, name in every_argument(offered):
        answer = await served.ask(who, document)
        assert "errors" not in answer, (document, answer["errors"])
        used.add(name)
    assert used == {n for n in offered.type_map if n.endswith(("Where", "Order", "Segment"))}


@pytest.mark.parametrize(
    ("query", "hidden", "invented"),
    [
        ("{ NAME { totalCount } }", "contacts", "kontacts"),  # an entity
        ("{ NAME(id: 1) { id } }", "contact", "kontact"),
        ("{ tickets { nodes { NAME } } }", "description", "descripsion"),  # a field
        ("{ tickets { nodes { NAME } } }", "statusRaw", "stetusRaw"),
        ("{ tickets { nodes { NAME { totalCount } } } }", "comments", "komments"),  # a relation
        ("{ tickets { nodes { NAME { id } } } }", "requester", "requestor"),
        ("{ tickets(where: {NAME: {isNull: true}}) { totalCount } }", "subject", "zubject"),
        ("{ tickets(orderBy: [NAME_ASC]) { totalCount } }", "SUBJECT", "ZUBJECT"),
        ("{ tickets(NAME: [OPEN]) { totalCount } }", "segment", "zegment"),  # none is left
        ("query($w: NAME) { tickets(where: $w) { totalCount } }", "ContactWhere", "KontactWhere"),
        ("query($o: [NAME!]) { __typename }", "ContactOrder", "KontactOrder"),
        ("query($s: NAME) { __typename }", "TicketStatus", "TicketSdatus"),
        ("{ ... on NAME { id } }", "Contact", "Kontact"),
        ('{ __type(name: "NAME") { name } }', "Contact", "Kontact"),
        ('{ __type(name: "NAME") { name } }', "TicketSegment", "TicketZegment"),
    ],
)
async def test_what_is_hidden_answers_like_what_nobody_has(
    own_world: World, schemas: Schemas, query: str, hidden: str, invented: str
) -> None:
    sales = _who(own_world, "sales")
    served = _served(own_world, schemas, sales)
    answers = [
        await served.ask_bytes(sales, query.replace("NAME", name)) for name in (hidden, invented)
    ]
    assert answers[0] == answers[1].replace(invented.encode(), hidden.encode())
    assert b"Did you mean" not in answers[0]
    # The schema of the whole model has it, so that the pair does compare hidden and invented.
    there = await own_world.ask_bytes(sales, query.replace("NAME", hidden))
    assert there != answers[0]


async def test_a_hidden_sort_in_a_variable_answers_like_an_invented_one(
    own_world: World, schemas: Schemas
) -> None:
    sales = _who(own_world, "sales")
    served = _served(own_world, schemas, sales)
    query = "query($o: [TicketOrder!]) { tickets(orderBy: $o) { totalCount } }"
    hidden = await served.ask_bytes(sales, query, o=["SUBJECT_ASC"])
    invented = await served.ask_bytes(sales, query, o=["ZUBJECT_ASC"])
    assert hidden == invented.replace(b"ZUBJECT", b"SUBJECT")


async def test_callers_of_different_views_never_share_a_verdict(
    own_world: World, schemas: Schemas
) -> None:
    """The same text is parsed once for all; it is valid for some and not for others."""
    query = "{ tickets(first: 1) { nodes { description } } }"
    allowed = {"support": True, "sales": False, "audit": False}
    for department in [*allowed, *reversed(allowed), *allowed]:
        who = _who(own_world, department)
        answer = await _served(own_world, schemas, who).ask(who, query)
        assert ("errors" not in answer) == allowed[department]


def test_callers_of_equal_views_share_a_schema(own_world: World, schemas: Schemas) -> None:
    one = own_world.principal("one", department="sales", regions=["EMEA"])
    other = own_world.principal("other", department="sales", regions=["AMER"])
    assert schemas.of(_view(own_world, one)) is schemas.of(_view(own_world, other))
    assert schemas.of(_view(own_world, one)) is not schemas.of(
        _view(own_world, _who(own_world, "support"))
    )


async def test_whoever_may_see_nothing_is_told_so(own_world: World, schemas: Schemas) -> None:
    nobody = own_world.context(own_world.principal("nobody"))
    view = View.of(own_world.model, nobody.visibility)
    for attempt in (schemas.of, lambda view: describe(view.part(own_world.model))):
        with pytest.raises(NotPermitted, match="There is nothing here that you may see"):
            attempt(view)
    with pytest.raises(NotPermitted, match="There is nothing here that you may see"):
        await Resolver(schemas, own_world.reader).ask(nobody, "open tickets")


def test_what_is_reached_only_through_a_hidden_entity_is_hidden(own_world: World) -> None:
    chat = own_world.principal("chat", department="chat")  # comments, but no tickets
    assert _view(own_world, chat).seen == ()


def test_an_entity_of_which_nothing_is_clear_can_still_be_listed(own_world: World) -> None:
    fields = ", ".join(own_world.model["user"].spec.fields)
    policy = f"""
entity: user
rules: [{{id: support, effect: allow, when: user.department == "support"}}]
masks: [{{id: all, fields: [{fields}], mask: hide, when: user.department == "support"}}]
"""
    world = replace(own_world, snapshot=_snapshot(own_world.model, {"user": policy}))
    schema = Schemas(world.model).of(_view(world, _who(world, "support")))._schema
    assert _names(schema, "User") == {"id", "hiddenFields", "provenance"}
    assert set(members(schema, "Query")["users"].args) == {"first", "after"}


@pytest.mark.parametrize(
    ("when", "departments"),
    [
        ("ticket.tags == null", "support sales audit"),
        ('ticket.customer.name == "x"', "support sales"),  # masked for audit
        ('ticket.account.customer.name == "x"', "support sales"),
        ('ticket.requester.phone == "x"', "support"),  # contacts are for support
        ('ticket.requester.email == "x"', ""),  # masked on some row
        ("any(ticket.comments, comment.public == true)", "support"),
        ('any(ticket.comments, comment.contact.email == "x")', ""),
        ("any(ticket.comments, true)", "support"),  # whether there are any tells something too
        ('ticket.assignee.name == "x"', ""),  # nobody sees our own people
    ],
)
def test_a_segment_exists_for_those_who_read_all_that_it_reads(
    own_world: World, when: str, departments: str
) -> None:
    model = own_world.model
    ticket = model["ticket"]
    predicate = parse(when, ticket.spec, model.specs, {})
    segment = Segment(name="special", when=predicate, text=when)
    model = replace(
        model, entities={**model.entities, "ticket": replace(ticket, segments={"special": segment})}
    )
    seeing = [d for d in EXISTS if "special" in _part(own_world, d, model)["ticket"].segments]
    assert seeing == departments.split()


def _part(world: World, department: str, model: Model | None = None) -> Model:
    return _view(world, _who(world, department)).part(model or world.model)


def test_describe_tells_of_what_exists_and_of_nothing_else(own_world: World) -> None:
    sales, audit = _part(own_world, "sales"), _part(own_world, "audit")
    overview = describe(sales)
    assert "opportunities [open, won, lost]" in overview
    assert "customer(name|id" in overview
    assert [name for name in ("contact", "comment", "tickets [") if name in overview] == []
    detail = describe(sales, "tickets")
    assert "priority(LOW|" in detail
    assert [n for n in ("description", "status", "segments", "comments") if n in detail] == []
    assert "customer(name" not in describe(audit)
    for name in ("contact", "zontact"):
        with pytest.raises(InvalidRequest) as caught:
            describe(sales, name)
        assert str(caught.value) == (
            f"There is no entity {name!r}; there are account, customer, opportunity, ticket."
        )
