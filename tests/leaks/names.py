"""Finds where a field is named that does not exist for the caller."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import orjson
from graphql import build_client_schema, get_introspection_query

from semantic_layer.names import camel
from tests.leaks.checker import Leak, Pair
from tests.leaks.installation import Question
from tests.leaks.questions import Offered, aliased, graphql, tool
from tests.leaks.withheld import WithheldField

_NAMED = re.compile(rb'hiddenFields\W{1,6}\["')


def named_though_gone(pair: Pair, gone: Sequence[WithheldField]) -> Iterator[Leak]:
    """Ask for hidden fields in rows, filters and orders, which is to be answered as for fields that
    nobody has; and look at what answers say of themselves."""
    pair.withhold(gone)
    one = pair.one
    schema = one.ask(graphql(get_introspection_query())).body
    offered = Offered(one.services.model, build_client_schema(orjson.loads(schema)["data"]), gone)
    # Of the same shape, as errors say where in the document they are.
    invented = {each: re.sub("[a-z]", "q", each.field) for each in gone}
    hidden = [_use(offered, each.entity, each.field) for each in gone]
    nobodys = [_use(offered, each.entity, name) for each, name in invented.items()]
    replies = zip(gone, hidden, one.ask_all(hidden), one.ask_all(nobodys), strict=True)
    for each, question, reply, other in replies:
        expected = other.body.decode()
        for spelled in (camel, str.upper):
            expected = expected.replace(spelled(invented[each]), spelled(each.field))
        if reply.body.decode() != expected or reply.body.count(b"INVALID_REQUEST") < 3:
            yield Leak(f"{each} is not answered as what nobody has: {reply.body!r}", question)
        if b"Did you mean" in reply.body:
            yield Leak(f"a name is proposed: {reply.body!r}", question)
    for entity in {each.entity for each in gone}:
        described = one.services.model[entity]
        if described.within is None:
            rows = graphql(f"{{ {camel(described.plural)} {{ nodes {{ id hiddenFields }} }} }}")
            words = tool("ask", request=described.plural)
            for question, sign in ((rows, _NAMED), (words, re.compile(b"hidden from you"))):
                body = one.ask(question).body
                if sign.search(body):
                    yield Leak(f"hidden fields are named: {body!r}", question)


def _use(offered: Offered, entity: str, name: str) -> Question:
    place = offered.place(entity)
    assert place is not None
    around, page = place
    return graphql(
        aliased(
            around,
            [
                page.replace("ARGUMENTS", "").replace("{ id }", f"{{ {camel(name)} }}"),
                page.replace("ARGUMENTS", f"(where: {{{camel(name)}: {{isNull: true}}}})"),
                page.replace("ARGUMENTS", f"(orderBy: [{name.upper()}_ASC])"),
            ],
        )
    )
