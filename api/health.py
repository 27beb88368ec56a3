"""Whether the process lives, and whether it can answer; for load balancers, so without a token."""

from __future__ import annotations

import asyncio

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from access_policies import UnusablePolicies
from api.services import Services
from index.errors import RemitError

_SECONDS = 3


async def health(_request: Request) -> Response:
    """The process lives."""
    return JSONResponse({"status": "alive"})


class Readiness:
    """The process can answer: the database does, and policies are in force."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, _request: Request) -> Response:
        database, tenant = self._services.database, self._services.settings.tenant
        try:
            async with asyncio.timeout(_SECONDS), database.reading(tenant) as connection:
                await connection.execute(text("SELECT 1"))
                in_force = await self._services.policies.of(connection, tenant)
        except UnusablePolicies:
            return JSONResponse({"status": "unavailable", "missing": "policies"}, 503)
        except (RemitError, SQLAlchemyError, TimeoutError):
            return JSONResponse({"status": "unavailable", "missing": "database"}, 503)
        return JSONResponse(
            {
                "status": "ready",
                "policies": in_force.snapshot.version[:12],
                # Answers withheld since the start, as SQL and Casbin differed; the log says why.
                "disagreements": self._services.reader.disagreements,
            }
        )
