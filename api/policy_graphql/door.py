"""`POST /admin/graphql`: operations on policies, for who bears a token with the scope `policy`."""

from __future__ import annotations

import strawberry
from graphql import GraphQLError
from starlette.requests import Request
from strawberry.exceptions import MissingQueryError
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from api.graphql import Operation, Outcome, refused
from api.limits import limits, public_error
from api.policy_desk import Editor
from api.policy_graphql.change_types import COUNT, Count
from api.policy_graphql.desk_at_work import DeskAtWork
from api.policy_graphql.mutations import Mutation
from api.policy_graphql.queries import Query
from api.services import Services
from index.errors import NotPermitted

_VIA = "GraphQL"

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    extensions=limits(),
    config=StrawberryConfig(scalar_map={Count: COUNT}),
)


class PolicyDoor:
    """Executes operations on policies; the gate has put the principal into the request."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def execute(self, request: Request, operation: Operation) -> Outcome:
        """The outcome of one operation. Without the right token there is not even a schema."""
        principal = request.state.principal
        try:
            editor = Editor.of_token(principal, _VIA)
        except NotPermitted as error:
            problem = GraphQLError("", original_error=error)
            return Outcome(data=None, errors=(public_error(problem),))
        try:
            result = await schema.execute(
                operation.query,
                variable_values=operation.variables,
                operation_name=operation.name,
                context_value=DeskAtWork(self._services, editor, principal),
            )
        except MissingQueryError:
            return refused("The query is empty.")
        except (CannotGetOperationTypeError, InvalidOperationTypeError):
            return refused("There is no such operation in the query, or no single one to choose.")
        return Outcome(
            data=result.data, errors=tuple(public_error(error) for error in result.errors or ())
        )
