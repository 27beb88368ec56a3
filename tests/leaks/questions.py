"""Every question that a caller can ask, made from the schema that they are served.

Nothing here knows an entity or a field: what is there is read from introspection, and what is
withheld is asked for by its name besides.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_list_type,
)

from access_policies import Mask
from api.limits import MAX_ALIASES
from index.specs import FieldSpec, FieldType
from semantic_layer.model import Model
from semantic_layer.names import camel, type_name
from semantic_layer.schema_types import FILTERS
from tests.leaks.company import ROWS, row_id
from tests.leaks.installation import Question
from tests.leaks.values import CANARY, pair, plain
from tests.leaks.withheld import Withheld, WithheldField, WithheldRows

_ENUM_TESTS = ("eq", "ne", "in", "notIn", "isNull")


KINDS = (
    "everything",
    "nested",
    "pages",
    "filters",
    "lookups",
    "in_words",
    "mistakes",
    "withheld_names",
)
"""The methods of `Offered` that make questions."""


def graphql(query: str, *about: str, **variables: Any) -> Question:
    return Question("/graphql", {"query": query, "variables": variables}, frozenset(about))


def tool(name: str, /, *about: str, **arguments: Any) -> Question:
    params = {"name": name, "arguments": arguments}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return Question("/mcp", call, frozenset(about))


@dataclass(frozen=True)
class Offered:
    """What a caller is offered, and what is withheld from them.

    Of the many filters and orders, `part` of `parts` is asked; passes take turns.
    """

    model: Model
    schema: GraphQLSchema
    withheld: Sequence[Withheld]
    part: int = 0
    parts: int = 1

    def questions(self, kinds: Iterable[str] = KINDS) -> Iterator[Question]:
        """All of these kinds; each question stands for itself."""
        for kind in kinds:
            yield from getattr(self, kind)()

    def everything(self) -> Iterator[Question]:
        """Each list with all fields of its rows, and by aliases and fragments too."""
        lists = list(self._lists())
        twice = self._share(lists)
        for entity, root in lists:
            name = type_name(self.model[entity])
            row = self._leaves(name)
            aliased = [f"x{number}: {leaf}" for number, leaf in enumerate(row[: MAX_ALIASES - 5])]
            again = (
                f"again: {root}(first: $n) {{ stale staleReason nodes {{ ... on {name}"
                f" {{ {' '.join(aliased)} }} }} }}"
            )
            yield graphql(
                f"query($n: Int! = 4) {{ {root}(first: $n) {{ ...Page }}"
                f" {again if (entity, root) in twice else ''} }}"
                f" fragment Page on {name}Connection {{ __typename totalCount nodes {{ ...Row }}"
                " pageInfo { hasNextPage endCursor } }"
                f" fragment Row on {name} {{ __typename {' '.join(row)} }}",
                entity,
            )

    def nested(self) -> Iterator[Question]:
        """From each entity all it leads to; from some of them two steps on."""
        lists = list(self._lists())
        two_steps = self._share(lists)
        for entity, root in dict.fromkeys([*two_steps, *lists[self.part % 4 :: 4]]):
            steps = 2 if (entity, root) in two_steps else 1
            below = self._below(type_name(self.model[entity]), steps)
            if below:
                yield graphql(f"{{ {root}(first: 6) {{ nodes {{ id {below} }} }} }}", entity)

    def pages(self) -> Iterator[Question]:
        """Page by page, in the entity's own order and by each field there is, one way or both."""
        for entity, root in self._half():
            orders = self._enum(f"{type_name(self.model[entity])}Order")
            ways = [*zip(orders[::2], orders[1::2], strict=True)]
            given = [order for place, way in enumerate(ways) for order in self._turn(way, place)]
            for chunk in _chunks(["", *(f"orderBy: [{order}], " for order in given)]):
                yield _page(root, entity, chunk, [""] * len(chunk))

    def filters(self) -> Iterator[Question]:
        """By each field there is, with one test or all, and by each segment.

        All where fields of the type are too few for every test to have its turn.
        """
        types = Counter(
            FILTERS[field.type].name
            for entity in self.model.entities.values()
            for field in entity.spec.fields.values()
            if field.type in FILTERS
        )
        for entity, root in self._half():
            where = self.schema.type_map.get(f"{type_name(self.model[entity])}Where")
            fields = where.fields if isinstance(where, GraphQLInputObjectType) else {}
            asked: list[str] = []
            for place, (name, field) in enumerate(fields.items()):
                if name in ("and", "or", "not"):
                    continue
                tests = [
                    f"where: {{{name}: {{{test}: {value}}}}}"
                    for test, operand in get_named_type(field.type).fields.items()
                    for value in self._values(entity, name, operand.type)
                ]
                rare = types.get(get_named_type(field.type).name, len(tests)) < len(tests)
                asked += tests if rare else self._turn(tests, place)
            asked += [f"where: {{not: {one.removeprefix('where: ')}}}" for one in asked[:2]]
            asked += [
                f"segment: [{segment}]"
                for segment in self._enum(f"{type_name(self.model[entity])}Segment")
            ]
            yield from self._several(
                [f"{root}({each}) {{ totalCount nodes {{ id }} }}" for each in asked], entity
            )

    def lookups(self) -> Iterator[Question]:
        """One row by its id, there, hidden or not there; customers by any name as well."""
        query = self.schema.query_type
        assert query is not None
        for entity in self._share(list(self.model.entities)):
            root = query.fields.get(camel(entity))
            if root is None:
                continue
            row = " ".join(self._leaves(type_name(self.model[entity])))
            live, below = (", maxAge: 0", self._fresh(root)) if self._live(entity) else ("", "")
            for at in (0, 4, ROWS):
                yield graphql(
                    f"query($id: ID!) {{ {camel(entity)}(id: $id{live}) {{ {row} {below} }} }}",
                    entity,
                    id=str(row_id(entity, at)),
                )
            if "name" in root.args:
                for name in self._titles(entity):
                    yield graphql(
                        f"query($name: String!) {{ {camel(entity)}(name: $name) {{ {row} }} }}",
                        entity,
                        name=name,
                    )

    def in_words(self) -> Iterator[Question]:
        """What agents ask, by the tools that they have."""
        for name in ("tools/list", "server/discover"):
            yield Question("/mcp", {"jsonrpc": "2.0", "id": 1, "method": name, "params": {}})
        yield Question("/admin/graphql", {"query": "{ __typename }"})
        yield tool("describe")
        for entity in self._share(list(self.model.entities.values())):
            yield tool("describe", entity.name, name=entity.name)
            yield tool("ask", entity.name, request=entity.plural)
            yield tool("query", entity.name, graphql=f"{{ {camel(entity.plural)} {{ stale }} }}")
            for segment in entity.segments:
                yield tool("ask", entity.name, request=f"{segment} {entity.plural}")
            if entity.resolved_from is not None:
                for title in self._titles(entity.name):
                    yield tool("ask", entity.name, request=f"{entity.name} {title}")

    def mistakes(self) -> Iterator[Question]:
        """Questions that are wrong, of which the answer says why."""
        for entity, root in self._share(list(self._lists())):
            for wrong in (
                "first: 0",
                "first: 201",
                'after: "x"',
                "where: {or: [{}], not: {}}",
                "orderBy: []",
                "segment: [NONE]",
                "where: {createdAt: {eq: null}}",
                'where: {createdAt: {gt: "9999-12-31T23:59:59-12:00"}}',
                'where: {createdAt: {gt: "soon"}}',
                "where: {createdAt: {gt: 1}}",
                "orderBy: [CREATED_AT_ASC, CREATED_AT_DESC]",
            ):
                yield graphql(f"{{ {root}({wrong}) {{ totalCount nodes {{ id }} }} }}", entity)

    def withheld_names(self) -> Iterator[Question]:
        """What is withheld, asked for by its name: in every test that its type could have, with
        exactly the contents that it has, in orders, in cursors, and with a letter missing."""
        turns: dict[str, int] = defaultdict(lambda: self.part)
        for each in self.withheld:
            if isinstance(each, WithheldField):
                yield from self._withheld_field(each, turns[each.entity])
                turns[each.entity] += 1

    def _withheld_field(self, each: WithheldField, turn: int) -> Iterator[Question]:
        entity, field = each.entity, self.model[each.entity].spec.fields[each.field]
        place = self.place(entity)
        if place is None:
            return
        around, page = place
        asked = [page.replace("ARGUMENTS", f"({one})") for one in _uses(field, each.mask)]
        if self.parts == 1 or turn % 9 == 0:
            for chunk in _chunks(asked):
                yield graphql(aliased(around, chunk), entity)
        # A document is refused as a whole, so each is asked alone too.
        for cursor in _made_up_cursors(field, row_id(entity, 2)):
            asked.append(page.replace("ARGUMENTS", f'(after: "{cursor}")'))
        name = camel(field.name)
        for wrong in (name, name[:-1], name + "s", name + " { amountMinor }", name + "Raw"):
            asked.append(page.replace("ARGUMENTS", "").replace("{ id }", f"{{ {wrong} }}"))
        for one in asked if self.parts == 1 else asked[5 * turn % len(asked) :][: turn % 3 % 2]:
            yield graphql(aliased(around, [one]), entity)

    def place(self, entity: str) -> tuple[str, str] | None:
        """Where a list of the entity stands: what is around it, with HERE in it, and the list
        itself, with ARGUMENTS in it; None where the caller has no way to it."""
        roots = dict(self._lists())
        page = "ARGUMENTS { totalCount nodes { id } pageInfo { hasNextPage endCursor } }"
        if entity in roots:
            return "HERE", roots[entity] + page
        owner = self.model[entity].within
        if owner not in roots:
            return None
        ways = self.model[owner].spec.relations.values()
        offered = self._fields(type_name(self.model[owner]))
        names = (camel(way.name) for way in ways if way.target == entity)
        name = next((name for name in names if name in offered), None)
        return None if name is None else (f"{roots[owner]} {{ nodes {{ HERE }} }}", name + page)

    # What the schema has

    def _lists(self) -> Iterator[tuple[str, str]]:
        """The entities that have a list at the root, with its name."""
        query = self.schema.query_type
        assert query is not None
        for entity in self.model.entities.values():
            if camel(entity.plural) in query.fields:
                yield entity.name, camel(entity.plural)

    def _fields(self, name: str) -> dict[str, GraphQLField]:
        kind = self.schema.type_map.get(name)
        return kind.fields if isinstance(kind, GraphQLObjectType) else {}

    def _leaves(self, name: str) -> list[str]:
        """All of a row but what it leads to."""
        found = []
        for member, field in self._fields(name).items():
            kind = get_named_type(field.type)
            if is_leaf_type(kind):
                found.append(member)
            elif isinstance(kind, GraphQLObjectType) and not kind.fields.keys() & {"id", "nodes"}:
                found.append(f"{member} {{ {' '.join(kind.fields)} }}")
        return found

    def _below(self, name: str, steps: int) -> str:
        """All that rows lead to, so many steps on."""
        if not steps:
            return ""
        parts = []
        for member, field in self._fields(name).items():
            kind = get_named_type(field.type)
            if not isinstance(kind, GraphQLObjectType):
                continue
            if "nodes" in kind.fields:
                row = get_named_type(kind.fields["nodes"].type).name
                inner = f"{' '.join(self._leaves(row))} {self._below(row, steps - 1)}"
                parts.append(
                    f"{member}(first: 3) {{ totalCount nodes {{ {inner} }} pageInfo"
                    " { hasNextPage endCursor } }"
                )
            elif "id" in kind.fields:
                row = kind.name
                inner = f"{' '.join(self._leaves(row))} {self._below(row, steps - 1)}"
                parts.append(f"{member} {{ {inner} }}")
        return " ".join(parts)

    def _fresh(self, root: GraphQLField) -> str:
        """The lists directly below a row, to be read live."""
        kind = get_named_type(root.type)
        assert isinstance(kind, GraphQLObjectType)
        return " ".join(
            f"{member}(maxAge: 0, first: 2) {{ totalCount stale staleReason nodes {{ id }} }}"
            for member, field in kind.fields.items()
            if "maxAge" in field.args
        )

    def _live(self, entity: str) -> bool:
        """Whether to have rows of the entity read live, which fails here.

        Not customers while accounts are hidden: that a system holds an account of one shows when
        this system does not answer (docs/leaks.md).
        """
        members = self.model[entity].resolved_from
        return not any(isinstance(w, WithheldRows) and w.entity == members for w in self.withheld)

    def _enum(self, name: str) -> list[str]:
        kind = self.schema.type_map.get(name)
        return list(kind.values) if isinstance(kind, GraphQLEnumType) else []

    def _values(self, entity: str, name: str, kind: Any) -> Iterator[str]:
        """Values to compare an offered field with: what some row holds."""
        field = next(f for f in self.model[entity].spec.fields.values() if camel(f.name) == name)
        if get_named_type(kind).name == "Boolean" and field.type is not FieldType.BOOLEAN:
            yield "true"  # isNull
            return
        for row in (1, 4)[self.part % 2 :: self.parts]:
            value = plain(field, row)[field.name]
            literal = _literal(field, value)
            yield f"[{literal}]" if is_list_type(kind) else literal

    def _titles(self, entity: str) -> list[str]:
        """Names to ask for: of rows that are there, of withheld ones, and of none."""
        title = self.model[entity].spec.fields["name"]
        there = [plain(title, row)["name"] for row in (0, 4)]
        hidden = [pair(title, each.mask, 0).one["name"] for each in self.withheld[:1]]
        return [*there, *hidden, f"{there[0]} inc", f"{CANARY} zero", "nobody at all"]

    def _share(self, all_of_them: Sequence[Any]) -> Sequence[Any]:
        return all_of_them[self.part % self.parts :: self.parts]

    def _half(self) -> Sequence[tuple[str, str]]:
        """Half of the lists, or all."""
        lists = list(self._lists())
        return lists if self.parts == 1 else lists[self.part // 2 % 2 :: 2]

    def _turn(self, ways: Sequence[str], place: int) -> Sequence[str]:
        """One of several ways to use what stands at a place, another in each pass; or all."""
        if self.parts == 1:
            return ways
        return [ways[(place + 3 * self.part) % len(ways)]]

    def _several(self, fields: Sequence[str], entity: str) -> Iterator[Question]:
        for chunk in _chunks(fields):
            yield graphql(aliased("HERE", chunk), entity)


def _page(root: str, entity: str, given: Sequence[str], cursors: Sequence[str]) -> Question:
    """The pages of several lists; with the reply it leads to the pages after them."""
    wanted = "first: 3) { totalCount nodes { id } pageInfo { hasNextPage endCursor } }"
    lists = [f"{root}({one}{at}{wanted}" for one, at in zip(given, cursors, strict=True)]

    def following(reply: bytes) -> Question | None:
        data = json.loads(reply).get("data") or {}
        ends = [data[f"a{place}"]["pageInfo"] for place in range(len(given)) if data]
        if not any(end["hasNextPage"] for end in ends):
            return None
        after = [f"after: {json.dumps(end['endCursor'])}, " for end in ends]
        return _page(root, entity, given, after)

    asked = graphql(aliased("HERE", lists), entity)
    return replace(asked, following=following)


def _uses(field: FieldSpec, mask: Mask) -> Iterator[str]:
    """The arguments of a list that would use a withheld field, if that could be: with exactly what
    stands in it, on the one side and on the other."""
    name, both = camel(field.name), pair(field, mask, 0)
    column = f"{field.name}_minor" if field.type is FieldType.MONEY else field.name
    values = [_literal(field, side[column]) for side in (both.one, both.other)]
    for way in ("ASC", "DESC"):
        yield f"orderBy: [{field.name.upper()}_{way}]"
    for test in _tests(field):
        operands = ["true", "false"] if test == "isNull" else values
        for value in operands:
            operand = f"[{value}]" if test in ("in", "notIn") else value
            yield f"where: {{{name}: {{{test}: {operand}}}}}"
            yield f"where: {{not: {{{name}: {{{test}: {operand}}}}}}}"


def _made_up_cursors(field: FieldSpec, row: UUID) -> Iterator[str]:
    """Cursors that nobody was given: of the field, of no field, and of no order."""
    for position in ([field.name, CANARY], [f"-{field.name}", None], [""]):
        yield base64.b64encode(json.dumps([*position, str(row)]).encode()).decode()


def aliased(around: str, fields: Sequence[str]) -> str:
    """A document that asks for all of these fields at one place."""
    inside = " ".join(f"a{number}: {field}" for number, field in enumerate(fields))
    return "{ " + around.replace("HERE", inside) + " }"


def _chunks(fields: Sequence[str]) -> Iterator[Sequence[str]]:
    rest = iter(fields)
    while chunk := list(itertools.islice(rest, MAX_ALIASES - 2)):
        yield chunk


def _tests(field: FieldSpec) -> Iterable[str]:
    """The tests that the whole model's schema has for the type."""
    if field.type is FieldType.ENUM:
        return _ENUM_TESTS
    if field.type is FieldType.MONEY:
        return ("eq", "gt", "isNull")  # there are none for anybody
    return list(FILTERS[field.type].fields)


def _literal(field: FieldSpec, value: Any) -> str:
    """A value as GraphQL writes it."""
    if value is None:
        return "null"
    if field.type is FieldType.ENUM:
        return str(value)
    if field.type is FieldType.TEXT_LIST:
        return json.dumps(value[0])
    if field.type is FieldType.TIMESTAMP:
        return json.dumps(value.isoformat())
    return json.dumps(value, default=str)
