"""`remit ask`: what a user would be answered."""

from __future__ import annotations

import asyncio

import orjson

from api.answer_text import answer_text
from api.cli.screen import log_to_stderr, output
from api.directory import UnknownTenantError
from api.installation import open_database
from api.services import Services, open_services
from api.settings import PREFIX, Settings
from index.errors import ConfigurationError
from semantic_layer.resolver import Asked


def run_ask(
    settings: Settings,
    request: str,
    user: str,
    agent: str | None,
    purpose: str | None,
    *,
    as_json: bool,
) -> bool:
    """Print the answer to a business request; returns whether there was one.

    It is the operator's machine, so no token is asked for.
    """
    log_to_stderr()

    async def ask(services: Services) -> Asked:
        try:
            context = await services.context(settings.tenant, user, agent, purpose)
            return await services.resolver.ask(context, request)
        except UnknownTenantError:
            raise ConfigurationError(
                f"There is no data of the tenant {settings.tenant!r}: run `remit sync`, or set"
                f" {PREFIX}TENANT to one that is there."
            ) from None
        finally:
            await services.close()

    with open_database(settings) as database:
        asked = asyncio.run(ask(open_services(settings, database, serving=False)))
    output.print(orjson.dumps(asked).decode() if as_json else answer_text(asked))
    return asked.status == "ANSWERED"
