"""`remit policy explain`: why somebody sees a row or not."""

from __future__ import annotations

import asyncio
from uuid import UUID

from access_policies import Explanation
from api.cli.policy.seat import open_desk
from api.cli.screen import tell
from api.services import open_services
from api.settings import Settings
from index.errors import InvalidRequest


def run_explain(
    settings: Settings,
    entity: str,
    id: str,
    *,
    user: str | None,
    agent: str | None,
    purpose: str | None,
    asker: str | None,
) -> None:
    """Print which rules decide about a row. Raises InvalidRequest when there is no such row.

    To the operator it shows every value, to an asker those that they may see.
    """
    try:
        row_id = UUID(id)
    except ValueError:
        raise InvalidRequest(
            f"{id!r} is no id of a row. Ids look like 0191d6a0-4c1e-5b9e-8a56-3b2f6d0c9e11; GraphQL"
            " gives them as `id`."
        ) from None
    if user is None and agent is None:
        raise InvalidRequest("Name whose view is to be explained: --user, --agent, or both.")
    with open_desk(settings, asker) as seat:
        seat.desk.require(seat.editor, "explain", entity)

        async def why() -> Explanation | None:
            services = open_services(settings, seat.database, serving=False)
            try:
                context = await services.context(settings.tenant, user, agent, purpose)
                reader, eyes = services.reader, seat.editor.principal
                return await reader.explain(context, entity, row_id, asker=eyes)
            finally:
                await services.close()  # within the loop that the connections belong to

        explanation = asyncio.run(why())
    if explanation is None:
        raise InvalidRequest(f"There is no {entity} with the id {id}.")
    tell(explanation.lines())
