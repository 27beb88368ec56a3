"""Business requests in plain words, resolved to GraphQL without a language model.

"Acme's open tickets" names an entity (tickets), a segment of it (open) and a customer (Acme). Every
word must be accounted for: what is left over, or fits two things, is answered with options, because
an agent can choose and a guess can not be seen to be one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
import strawberry

from index.errors import RemitError
from index.specs import FieldType
from semantic_layer.context import Context
from semantic_layer.model import Entity, Model
from semantic_layer.names import camel
from semantic_layer.phrases import Reading, Vocabulary
from semantic_layer.reader import Reader
from semantic_layer.schema import Schemas
from semantic_layer.splice import Ambiguous, Question
from semantic_layer.view import View

_MOST_OPTIONS = 5

Status = Literal["ANSWERED", "AMBIGUOUS", "NOT_FOUND", "NOT_UNDERSTOOD"]


@dataclass(frozen=True)
class Option:
    """A request that would be answered, in words that can be asked as they are."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came of a request: `data` is the GraphQL answer, `message` what to do without one."""

    status: Status
    interpretation: str = ""
    entity: str | None = None
    graphql: str = ""
    variables: Mapping[str, Any]
    data: dict[str, Any] | None = None
    options: tuple[Option, ...] = ()
    message: str = ""


class Resolver:
    """Turns business requests into GraphQL and answers them through the one reader.

    Requests are read in words of what exists for the caller; for the rest there are none.
    """

    def __init__(self, schemas: Schemas, reader: Reader) -> None:
        self._schemas = schemas
        self._reader = reader

    async def ask(self, context: Context, text: str) -> Asked:
        """Answer a request, or say what it could have meant.

        Raises RemitError when it was understood and may not, or cannot now, be answered, and when
        there is nothing that the caller may see.
        """
        view = View.of(self._reader.model, context.visibility)
        part = view.part(self._reader.model)
        vocabulary = Vocabulary(part)
        readings = vocabulary.read(text)
        if not readings:
            return _not_understood(vocabulary, part, text)
        if len(readings) > 1:
            options = tuple(Option(reading.words()) for reading in readings)
            return Asked(
                status="AMBIGUOUS",
                variables={},
                options=options,
                message="The request can be read in several ways; ask one of these.",
            )
        return await self._answer(context, self._schemas.of(view), part, readings[0])

    async def _answer(
        self, context: Context, schema: strawberry.Schema, part: Model, reading: Reading
    ) -> Asked:
        graphql, variables = compose(part, reading)
        asked = Asked(
            status="ANSWERED",
            interpretation=reading.words(),
            entity=reading.entity.name,
            graphql=graphql,
            variables=variables,
        )
        question = Question(self._reader, context)
        result = await schema.execute(graphql, variable_values=variables, context_value=question)
        for error in result.errors or ():
            original = error.original_error
            if isinstance(original, Ambiguous):
                options = tuple(Option(reading.of(name).words()) for name in original.candidates)
                return _without_data(
                    asked, "AMBIGUOUS", f"{reading.customer!r} fits several customers.", options
                )
            raise original if isinstance(original, RemitError) else error
        data = orjson.loads(orjson.dumps(result.data))
        if reading.customer is not None and data["customer"] is None:
            near = question.near.get("customer", ())[:_MOST_OPTIONS]
            return _without_data(
                asked,
                "NOT_FOUND",
                f"There is no customer {reading.customer!r} that you may see. Give its full name or"
                " its domain; words that are no name were not understood.",
                tuple(Option(reading.of(name).words()) for name in near),
            )
        return Asked(**{**vars(asked), "data": data})


def _not_understood(vocabulary: Vocabulary, part: Model, text: str) -> Asked:
    unknown = vocabulary.unknown(text)
    named = sorted(
        entity.plural_words for entity in part.entities.values() if entity.within is None
    )
    return Asked(
        status="NOT_UNDERSTOOD",
        variables={},
        options=tuple(Option(phrase) for phrase in vocabulary.examples(unknown)),
        message=(
            f"Not understood: {unknown!r}. A request names one of {', '.join(named)}, such as"
            f" {vocabulary.sample().words()!r}. For anything finer use GraphQL."
        ),
    )


def compose(model: Model, reading: Reading) -> tuple[str, dict[str, Any]]:
    """The GraphQL of a reading, with its variables; `model` is what exists for the caller."""
    entity = reading.entity
    fields = " ".join(_brief(entity))
    if entity.resolved_from is not None and reading.customer is not None:
        fields += " " + " ".join(_counts(model, entity))
        row = f"customer(name: $customer) {{ {fields} hiddenFields provenance {{ source asOf }} }}"
        return f"query($customer: String!) {{ {row} }}", {"customer": reading.customer}
    segments = ", ".join(segment.name.upper() for segment in reading.segments)
    arguments = f"(segment: [{segments}])" if segments else ""
    page = (
        f"totalCount nodes {{ {fields} hiddenFields provenance {{ source asOf }} }}"
        " pageInfo { hasNextPage endCursor }"
    )
    listing = f"{camel(entity.plural)}{arguments} {{ {page} }}"
    if reading.customer is None:
        return f"{{ {listing} }}", {}
    return (
        f"query($customer: String!) {{ customer(name: $customer) {{ name {listing} }} }}",
        {"customer": reading.customer},
    )


def _brief(entity: Entity) -> Iterator[str]:
    if not entity.brief:
        yield "id"
    for name in entity.brief:
        is_money = entity.spec.fields[name].type is FieldType.MONEY
        yield f"{camel(name)} {{ amount currency }}" if is_money else camel(name)


def _counts(model: Model, customer: Entity) -> Iterator[str]:
    """How many open things a customer has: what one wants to know of it first."""
    for relation in customer.spec.relations.values():
        if relation.kind == "many" and "open" in model[relation.target].segments:
            name = camel(relation.name)
            yield f"open{name[0].upper()}{name[1:]}: {name}(segment: OPEN) {{ totalCount }}"


def _without_data(
    asked: Asked, status: Status, message: str, options: tuple[Option, ...] = ()
) -> Asked:
    return Asked(**{**vars(asked), "status": status, "message": message, "options": options})
