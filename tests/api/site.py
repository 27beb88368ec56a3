"""A whole installation for tests: simulated vendors, a synced database, the service over HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from api.cli.serve import server
from api.cli.sync import sync_all
from api.services import Services, open_services
from api.settings import Settings
from index.database import Database
from ingestion.simulator import Company, Simulator
from tests.plain_http import NO_AUTHORITIES

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "demo"
KEY = "a-key-for-tests-that-is-long-enough-to-sign-with"
TENANT = "main"
SECONDS = 60

MODERN = "2026-07-28"
LEGACY = "legacy"


@dataclass(frozen=True)
class Site:
    """A running service with what stands behind it."""

    url: str
    services: Services
    simulator: Simulator
    settings: Settings = field(repr=False)

    def token(self, user: str, agent: str | None = None) -> str:
        assert self.services.tokens is not None
        return self.services.tokens.issue(
            tenant=TENANT, user=user, agent=agent, lifetime=timedelta(hours=1)
        )

    def post(self, path: str, user: str, content: Any) -> httpx.Response:
        """A JSON request as a user."""
        headers = {"authorization": f"Bearer {self.token(user)}"}
        with httpx.Client(timeout=SECONDS, trust_env=False, verify=NO_AUTHORITIES) as client:
            return client.post(self.url + path, json=content, headers=headers)

    def graphql(self, user: str, query: str, **variables: Any) -> Any:
        """The answer to a query as a user: `data` and perhaps `errors`."""
        return self.post("/graphql", user, {"query": query, "variables": variables}).json()

    def data(self, user: str, query: str, **variables: Any) -> Any:
        """The data of an answer without errors."""
        answer = self.graphql(user, query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def sync(self) -> None:
        """What the next sync of all sources does."""
        services = self.services
        sync_all(self.settings, services.database, services.model, services.sources())

    def tool(
        self, user: str, name: str, arguments: dict[str, Any], mode: str = MODERN
    ) -> CallToolResult:
        """Call an MCP tool with the official client."""
        return asyncio.run(self._tool(user, name, mode, arguments))

    def tool_text(self, user: str, name: str, arguments: dict[str, Any]) -> str:
        """What a tool that did not fail says."""
        result = self.tool(user, name, arguments)
        text = said(result)
        assert not result.is_error, text
        return text

    def connect(self, user: str, mode: str) -> Client:
        """An official client, to be entered, that speaks as a user."""
        import httpx2

        headers = {"authorization": f"Bearer {self.token(user)}"}
        client = httpx2.AsyncClient(
            timeout=SECONDS, trust_env=False, verify=NO_AUTHORITIES, headers=headers
        )
        return Client(streamable_http_client(f"{self.url}/mcp", http_client=client), mode=mode)

    async def _tool(
        self, user: str, name: str, mode: str, arguments: dict[str, Any]
    ) -> CallToolResult:
        async with self.connect(user, mode) as client:
            return await client.call_tool(name, arguments)


def said(result: CallToolResult) -> str:
    """The one text of a tool's result, which must hold nothing else."""
    (content,) = result.content
    assert content.type == "text"
    assert result.structured_content is None
    return content.text


def rename_acme_foods(site: Site, company: Company) -> None:
    """Give two customers names that differ in their legal form alone."""
    for account in company.customer("acme-foods").accounts:
        site.simulator.change("salesforce", "Account", account, Name="Acme Ltd")
    site.sync()


def write_sources(path: Path, simulator: Simulator) -> Path:
    """The sources file for the simulator's vendors."""
    credentials = simulator.credentials
    zendesk, salesforce = credentials["zendesk"], credentials["salesforce"]
    sources = {
        "salesforce": {
            "base_url": simulator.salesforce_url,
            "client_id": salesforce["client_id"],
            "client_secret": salesforce["client_secret"],
        },
        "zendesk": {
            "base_url": simulator.zendesk_url,
            "email": zendesk["email"],
            "api_token": zendesk["api_token"],
        },
        "stripe": {
            "base_url": simulator.stripe_url,
            "api_key": credentials["stripe"]["api_key"],
        },
    }
    content = {
        name: {"connector": name, "settings": settings} for name, settings in sources.items()
    }
    path.write_text(yaml.safe_dump({"sources": content}), encoding="utf-8")
    return path


def settings_for(home: Path, database_url: str, simulator: Simulator) -> Settings:
    """The settings of an installation in `home` with the example's policies."""
    return Settings(
        home=home,
        tenant=TENANT,
        database_url=database_url,  # type: ignore[arg-type]
        policies=EXAMPLES / "policies",
        sources=write_sources(home / "sources.yaml", simulator),
        token_key=KEY,  # type: ignore[arg-type]
        port=0,
    )


@contextmanager
def running(settings: Settings, simulator: Simulator) -> Iterator[Site]:
    """Serve over HTTP in a thread for as long as the context is open."""
    assert settings.database_url is not None
    services = open_services(settings, Database(settings.database_url.get_secret_value()))
    web = server(services)
    started = threading.Event()

    async def serve() -> None:
        serving = asyncio.create_task(web.serve())
        while not web.started and not serving.done():
            await asyncio.sleep(0.01)
        started.set()
        await serving
        await services.close()

    web.config.port = 0
    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(SECONDS)
    (listening,) = web.servers[0].sockets
    host, port = listening.getsockname()[:2]
    try:
        yield Site(f"http://{host}:{port}", services, simulator, settings)
    finally:
        web.should_exit = True
        thread.join(SECONDS)
