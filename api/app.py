"""The HTTP application: GraphQL to read and GraphQL for policies, and MCP, behind one gate, and two
health checks before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from mcp.server.transport_security import RequestBodyLimitMiddleware
from starlette.middleware import Middleware
from starlette.routing import Route

from api.graphql import GraphQLEndpoint, ReadingDoor
from api.health import Readiness, health
from api.mcp_server import MAX_BODY_BYTES, AgentServer
from api.middleware import ADMIN_PATH, AccessLog, Gate, Incidents, SecurityHeaders
from api.policy_graphql import PolicyDoor
from api.services import Services


def create_app(services: Services) -> FastAPI:
    """The application over open services; whoever opened them closes them.

    No CORS headers are ever sent: agents are not web pages.
    """
    sessions = AgentServer(services).session_manager()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # Without the running manager every MCP call would fail.
        async with sessions.run():
            yield

    return FastAPI(
        title="Remit",
        # The documentation pages load scripts from elsewhere, and describe no GraphQL.
        openapi_url=None,
        lifespan=lifespan,
        routes=[
            Route("/health", health),
            Route("/ready", Readiness(services).__call__),
            Route("/graphql", GraphQLEndpoint(ReadingDoor(services)).__call__, methods=["POST"]),
            Route(ADMIN_PATH, GraphQLEndpoint(PolicyDoor(services)).__call__, methods=["POST"]),
            Route("/mcp", StreamableHTTPASGIApp(sessions), methods=["POST"]),
        ],
        middleware=[
            Middleware(AccessLog),
            Middleware(SecurityHeaders),
            Middleware(Incidents),
            Middleware(Gate, services=services),
            Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_BYTES),
        ],
    )
