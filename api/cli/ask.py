"""`remit ask` and `remit explain`: what a user would be answered, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import orjson

from api.answer_text import answer_text
from api.cli.screen import log_to_stderr, output
from api.directory import UnknownTenantError
from api.services import Services, open_database, open_services
from api.settings import PREFIX, Settings
from index.errors import ConfigurationError, InvalidRequest
from semantic_layer import Asked, Context

_Result = TypeVar("_Result")


def run_ask(
    settings: Settings,
    request: str,
    user: str,
    agent: str | None,
    purpose: str | None,
    *,
    as_json: bool,
) -> bool:
    """Print the answer to a business request; returns whether there was one."""

    async def answer(services: Services, context: Context) -> Asked:
        return await services.resolver.ask(context, request)

    asked = _as_user(settings, user, agent, purpose, answer)
    output.print(orjson.dumps(asked).decode() if as_json else answer_text(asked))
    return asked.status == "ANSWERED"


def run_explain(
    settings: Settings, entity: str, id: str, user: str, agent: str | None, purpose: str | None
) -> None:
    """Print which rules decide about a row. Raises InvalidRequest when there is no such row."""
    try:
        row_id = UUID(id)
    except ValueError:
        raise InvalidRequest(
            f"{id!r} is no id of a row. Ids look like 0191d6a0-4c1e-5b9e-8a56-3b2f6d0c9e11; GraphQL"
            " gives them as `id`."
        ) from None

    async def why(services: Services, context: Context) -> str | None:
        explanation = await services.reader.explain(context, entity, row_id)
        return str(explanation) if explanation is not None else None

    explained = _as_user(settings, user, agent, purpose, why)
    if explained is None:
        raise InvalidRequest(f"There is no {entity} with the id {id}.")
    output.print(explained)


def _as_user(
    settings: Settings,
    user: str,
    agent: str | None,
    purpose: str | None,
    question: Callable[[Services, Context], Awaitable[_Result]],
) -> _Result:
    """Put a question as a user. It is the operator's machine, so no token is asked for."""
    log_to_stderr()

    async def put(services: Services) -> _Result:
        try:
            context = await services.context(settings.tenant, user, agent, purpose)
            return await question(services, context)
        except UnknownTenantError:
            raise ConfigurationError(
                f"There is no data of the tenant {settings.tenant!r}: run `remit sync`, or set"
                f" {PREFIX}TENANT to one that is there."
            ) from None
        finally:
            await services.close()

    with open_database(settings) as database:
        return asyncio.run(put(open_services(settings, database, serving=False)))
