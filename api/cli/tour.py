"""What the demo says when it is ready: one question, three answers, and what to try next."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import orjson

from api.auth import MAX_LIFETIME
from api.cli.screen import output
from api.services import Services
from api.settings import DEFAULT_HOME, PREFIX
from index.errors import ConfigurationError
from ingestion.simulator import Simulator

USERS = {"maya": "support, EMEA", "omar": "sales, EMEA", "lena": "support, AMER"}
QUESTION = (
    '{customer(name:"Acme"){name tickets(segment:OPEN)'
    "{totalCount nodes{number subject hiddenFields}}}}"
)
FRESH = '{customer(name:"Acme"){tickets(segment:OPEN,maxAge:0){totalCount nodes{number subject}}}}'
_IDS = '{customer(name:"Acme"){tickets(segment:OPEN){nodes{number subject provenance{remoteId}}}}}'

_LIFETIME = min(timedelta(hours=12), MAX_LIFETIME)
_SECONDS = 30


@dataclass(frozen=True)
class _Visitor:
    """A sample user at the door."""

    name: str
    token: str
    url: str

    async def ask(self, query: str) -> dict[str, Any]:
        """The data of the answer, asked the way an agent would."""
        headers = {"authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            answer = await client.post(
                f"{self.url}/graphql", json={"query": query}, headers=headers
            )
        content: dict[str, Any] = answer.raise_for_status().json()
        if content.get("errors"):
            reason = content["errors"][0]["message"]
            raise ConfigurationError(f"The demo's own question was not answered: {reason}")
        data: dict[str, Any] = content["data"]
        return data


async def show_tour(services: Services, simulator: Simulator, url: str) -> None:
    """Ask the question as each user, and print it all so that it can be pasted."""
    visitors = [_Visitor(name, _token(services, name), url) for name in USERS]
    answers = [summary(await visitor.ask(QUESTION)) for visitor in visitors]
    maya = visitors[0]
    ticket = (await maya.ask(_IDS))["customer"]["tickets"]["nodes"][0]
    lines = (
        f"\nRemit answers at {url}\n\nThe same question, asked by three users:\n",
        f"  {QUESTION}\n",
        *(
            f"  {visitor.name:<5} ({USERS[visitor.name]}): {answer}"
            for visitor, answer in zip(visitors, answers, strict=True)
        ),
        f"\n# To paste; the tokens are good for {_LIFETIME // timedelta(hours=1)} hours.",
        *(f"export {visitor.name.upper()}={visitor.token}" for visitor in visitors),
        f"\n{_curl(url, 'MAYA', QUESTION)}",
        "\n# The same in plain words, from another shell:",
        f'{_command(services)} ask --user maya "Acme\'s open tickets"',
        "\n# For an agent, as MCP clients take it:",
        _client_configuration(maya),
        f"\n# Close ticket {ticket['number']} at the vendor, and see it gone at once:",
        f"curl -s -X PATCH {simulator.zendesk_url}/_simulator/records/ticket/"
        f'{ticket["provenance"]["remoteId"]} -d \'{{"status":"solved"}}\'',
        _curl(url, "MAYA", FRESH),
        "\nCtrl-C stops everything.",
    )
    output.print("\n".join(lines))


def _token(services: Services, user: str) -> str:
    assert services.tokens is not None  # noqa: S101  the demo serves
    tenant = services.settings.tenant
    return services.tokens.issue(tenant=tenant, user=user, lifetime=_LIFETIME)


def _client_configuration(visitor: _Visitor) -> str:
    headers = {"Authorization": f"Bearer {visitor.token}"}
    server = {"type": "http", "url": f"{visitor.url}/mcp", "headers": headers}
    return orjson.dumps({"mcpServers": {"remit": server}}).decode()


def summary(data: dict[str, Any]) -> str:
    """An answer to the question in a few words."""
    if data["customer"] is None:
        return "there is no such customer"
    tickets = data["customer"]["tickets"]
    hidden = sorted({name for node in tickets["nodes"] for name in node["hiddenFields"]})
    told = f"{tickets['totalCount']} open tickets of {data['customer']['name']}"
    return f"{told}, {', '.join(hidden)} hidden" if hidden else told


def _curl(url: str, variable: str, query: str) -> str:
    body = shlex.quote(orjson.dumps({"query": query}).decode())
    return (
        f'curl -s {url}/graphql -H "authorization: Bearer ${variable}"'
        f" -H 'content-type: application/json' -d {body}"
    )


def _command(services: Services) -> str:
    """How this command is called from another shell in the same folder."""
    program = "remit" if shutil.which("remit") else shlex.quote(sys.argv[0])
    home = services.settings.home
    return program if home == DEFAULT_HOME else f"{PREFIX}HOME={shlex.quote(str(home))} {program}"
