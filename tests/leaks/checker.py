"""Asks two installations that differ only in what is withheld, and tells what gives it away."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson
from graphql import GraphQLSchema, build_client_schema, get_introspection_query

from semantic_layer.names import camel, pascal
from tests.leaks.installation import Installation, Log, Question, Reply, recorded
from tests.leaks.questions import KINDS, Offered, graphql
from tests.leaks.withheld import Withheld, WithheldField

# Hashes of different values differ, and are meant to: they say which rows hold the same.
_HASH = re.compile(rb"#[0-9a-f]{20}\b")

_INCIDENT = re.compile(rb"Internal error [0-9a-f]{8}")

_IN_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")


@dataclass(frozen=True)
class Leak:
    """What tells a caller, or the reader of a log, of something that is withheld."""

    what: str
    question: Question | None = None

    def __str__(self) -> str:
        return f"{self.what}" + (f"\n  asked: {self.question}" if self.question else "")


@dataclass(frozen=True)
class Pair:
    """Two installations over clones of one database."""

    one: Installation
    other: Installation

    def leaks(
        self,
        withheld: Sequence[Withheld],
        part: int = 0,
        parts: int = 1,
        kinds: Collection[str] = KINDS,
        about: str | None = None,
    ) -> list[Leak]:
        """All that gives away one of these, when they are withheld at once; `kinds` and `about`
        (an entity) are for asking less than everything."""
        return self.leaks_as_it_stands(withheld, self.withhold(withheld), part, parts, kinds, about)

    def leaks_as_it_stands(
        self,
        withheld: Sequence[Withheld],
        traces: Collection[str],
        part: int = 0,
        parts: int = 1,
        kinds: Collection[str] = KINDS,
        about: str | None = None,
    ) -> list[Leak]:
        """The same of what has been withheld already."""
        with recorded():
            schema = graphql(get_introspection_query())
            one, other = (each.ask(schema) for each in (self.one, self.other))
            if one != other:
                return [Leak("the schemas differ", schema)]
            offered = build_client_schema(orjson.loads(one.body)["data"])
            found = list(_offered_though_withheld(offered, withheld))
            asked = Offered(self.one.services.model, offered, withheld, part, parts)
            questions = [q for q in asked.questions(kinds) if about is None or about in q.about]
            return found + list(self._compared(questions, traces))

    def withhold(self, withheld: Sequence[Withheld]) -> frozenset[str]:
        """Withhold these things from the caller, in each installation with contents of its own.
        Returns the traces by which both would be known."""
        return self.one.withhold(withheld, "one") | self.other.withhold(withheld, "other")

    def culprits(self, withheld: Sequence[Withheld], part: int, parts: int) -> list[Withheld]:
        """Which of the withheld things are given away, each on its own; when all together only,
        all of them."""
        if not self.leaks(withheld, part, parts):
            return []
        half = len(withheld) // 2
        found: list[Withheld] = []
        for some in (withheld[:half], withheld[half:]) if half else ():
            found += self.culprits(some, part, parts)
        return found or list(withheld)

    def compared(self, questions: Sequence[Question], traces: Collection[str]) -> list[Leak]:
        """What gives something away in the replies to certain questions, and in the logs."""
        with recorded():
            return list(self._compared(questions, traces))

    def _compared(self, questions: Sequence[Question], traces: Collection[str]) -> Iterator[Leak]:
        for each in (self.one, self.other):
            each.log = Log()
        asked = list(questions)
        while asked:
            one, other = (each.ask_all(asked) for each in (self.one, self.other))
            for question, *replies in zip(asked, one, other, strict=True):
                yield from _given_away(question, replies, traces)
            pages = [(q.following(reply.body)) for q, reply in zip(asked, one, strict=True)]
            asked = [question for question in pages if question is not None]
        logs = [each.log.compared() for each in (self.one, self.other)]
        if logs[0] != logs[1]:
            differing = sorted(set(logs[0]) ^ set(logs[1]))
            yield Leak(f"the logs differ in {differing[:3]}")
        for each in (self.one, self.other):
            for line in each.log.lines:
                if told(line.encode(), traces):
                    yield Leak(f"the log holds {line!r}")


def _offered_though_withheld(schema: GraphQLSchema, withheld: Sequence[Withheld]) -> Iterator[Leak]:
    """What a caller is offered to do with a field that they do not read in the clear."""
    for each in withheld:
        if not isinstance(each, WithheldField):
            continue
        row, name = pascal(each.entity), camel(each.field)
        orders = {f"{each.field.upper()}_{way}" for way in ("ASC", "DESC")}
        for kind, members in (
            (row, {name, name + "Raw"} if each.gone else set()),
            (row + "Where", {name}),
            (row + "Order", orders),
        ):
            definition = schema.type_map.get(kind)
            has = getattr(definition, "fields", None) or getattr(definition, "values", {})
            for member in sorted(members & set(has)):
                yield Leak(f"{kind}.{member} is offered, though {each}")


def _given_away(
    question: Question, replies: Sequence[Reply], traces: Collection[str]
) -> Iterator[Leak]:
    one, other = replies
    if _comparable(one) != _comparable(other):
        yield Leak(f"answers differ:\n  {one.body!r}\n  {other.body!r}", question)
    said = orjson.dumps(dict(question.content))  # by the caller, who may hear it again
    for reply in replies:
        if heard := sorted(told(reply.body, traces) - told(said, traces)):
            yield Leak(f"the answer holds {heard}: {reply.body!r}", question)
        if _INCIDENT.search(reply.body) or reply.status >= 500:
            yield Leak(f"an unexpected error: {reply.body!r}", question)


def _comparable(reply: Reply) -> Reply:
    return Reply(reply.status, reply.headers, _HASH.sub(b"#", reply.body))


def told(text: bytes, traces: Collection[str]) -> set[str]:
    """The traces that a text holds, also within what is encoded in it."""
    readable = b"\n".join([text, *_decoded(_IN_BASE64.findall(text))])
    return {trace for trace in traces if trace.encode() in readable}


def _decoded(words: Iterable[bytes]) -> Iterator[bytes]:
    for word in words:
        try:
            yield base64.b64decode(word, validate=True)
        except binascii.Error:
            continue
