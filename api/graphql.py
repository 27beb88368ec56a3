"""`POST /graphql`: one operation a request, answered as JSON; and the same for other doors.

Our own few lines in place of strawberry's router, which also brings sockets, streams, uploads,
batches and an editor page from another host, none of which an agent needs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from api.errors import INVALID_REQUEST
from api.limits import public_error
from api.services import Services
from index.errors import InvalidRequest, NotPermitted
from semantic_layer import Context, View
from semantic_layer.splice import Question

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What a caller asks to have executed."""

    query: str
    variables: dict[str, Any] | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The answer to an operation; `data` may hold parts that are JSON already."""

    data: dict[str, Any] | None
    errors: tuple[GraphQLError, ...] = ()

    def json(self) -> bytes:
        """The answer as GraphQL over HTTP has it."""
        answer: dict[str, Any] = {"data": self.data}
        if self.errors:
            answer["errors"] = [error.formatted for error in self.errors]
        return orjson.dumps(answer)


async def execute(services: Services, context: Context, operation: Operation) -> Outcome:
    """Execute an operation for whoever asks; whatever goes wrong is in the outcome."""
    try:
        view = View.of(services.model, context.visibility)
        result = await services.schemas.of(view).execute(
            operation.query,
            variable_values=operation.variables,
            operation_name=operation.name,
            context_value=Question(services.reader, context),
        )
    except MissingQueryError:
        return refused("The query is empty.")
    except (CannotGetOperationTypeError, InvalidOperationTypeError):
        return refused("There is no such operation in the query, or no single one to choose.")
    except NotPermitted as error:  # nothing exists for the caller, so there is no schema
        return Outcome(data=None, errors=(public_error(GraphQLError("", original_error=error)),))
    return Outcome(
        data=result.data, errors=tuple(public_error(error) for error in result.errors or ())
    )


class ReadingDoor:
    """Executes operations that read; the gate has put the context into the request."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def execute(self, request: Request, operation: Operation) -> Outcome:
        """The outcome of one operation."""
        return await execute(self._services, request.state.context, operation)


class Door(Protocol):
    """Executes the operations of one endpoint."""

    async def execute(self, request: Request, operation: Operation) -> Outcome:
        """The outcome of one operation; whatever goes wrong is in it."""
        ...


class GraphQLEndpoint:
    """A door as Starlette calls it: one operation a request, as JSON, and its outcome."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, request: Request) -> Response:
        try:
            operation = _read(request.headers.get("content-type", ""), await request.body())
        except InvalidRequest as error:
            return _json(refused(str(error)), 400)
        if operation.name is not None and _NAME.fullmatch(operation.name):
            request.state.operation = operation.name
        return _json(await self._door.execute(request, operation))


def _read(content_type: str, body: bytes) -> Operation:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise InvalidRequest("Send the operation as JSON, with content-type application/json.")
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidRequest("The body is not valid JSON.") from None
    if not isinstance(content, dict):
        raise InvalidRequest('Send one operation, as {"query": "...", "variables": {...}}.')
    query, variables, name = (content.get(key) for key in ("query", "variables", "operationName"))
    if not isinstance(query, str):
        raise InvalidRequest('"query" must be the text of a GraphQL operation.')
    if variables is not None and not isinstance(variables, dict):
        raise InvalidRequest('"variables" must be an object.')
    if name is not None and not isinstance(name, str):
        raise InvalidRequest('"operationName" must be a text.')
    return Operation(query=query, variables=variables, name=name)


def refused(message: str) -> Outcome:
    """The outcome of an operation that cannot be begun."""
    error = GraphQLError(message, extensions={"code": INVALID_REQUEST})
    return Outcome(data=None, errors=(error,))


def _json(outcome: Outcome, status: int = 200) -> Response:
    return Response(outcome.json(), status, media_type="application/json")
