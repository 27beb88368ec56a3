"""A small world for tests of answers: three customers in two regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import orjson
import strawberry

from access_policies import Principal, Snapshot, load_policies
from index.database import Database
from index.entity_rows import upsert_rows
from index.entity_tables import EntityTables
from index.writer import register_source
from semantic_layer import Context, Model, resolve_customers
from semantic_layer.reader import Reader
from semantic_layer.splice import Question

TENANT = "acme-test"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
_IDS = UUID("6f0a4a70-0000-5000-8000-000000000000")

TICKETS = 36
STATUSES = ["NEW", "OPEN", "PENDING", "SOLVED", "CLOSED", "ON_HOLD"]
PRIORITIES = ["LOW", None, "URGENT", "NORMAL", "HIGH"]

_REGIONAL = "{entity}.customer.region in user.regions"
POLICIES = {
    "customer": {"rules": ["allow: customer.region in user.regions"]},
    "account": {"rules": [f"allow: {_REGIONAL.format(entity='account')}"]},
    "contact": {
        "rules": [f"allow: {_REGIONAL.format(entity='contact')}"],
        "masks": ['partial email: user.department != "support"'],
    },
    "ticket": {
        "rules": [
            f"allow: {_REGIONAL.format(entity='ticket')}",
            'deny: "legal" in ticket.tags and user.department != "legal"',
        ],
        "masks": ['hide description,status: user.department != "support"'],
    },
    "comment": {"rules": ['allow: comment.public == true or user.department == "support"']},
    "opportunity": {
        "rules": [f"allow: {_REGIONAL.format(entity='opportunity')}"],
        "masks": ['hide amount: user.department != "sales"'],
    },
}


def row_id(name: str) -> UUID:
    """The id of a row of this world, by its name."""
    return uuid5(_IDS, name)


def write_policies(directory: Path, policies: Mapping[str, Mapping[str, list[str]]]) -> Path:
    """Write policies given as `EFFECT [FIELDS]: WHEN` lines into files."""
    directory.mkdir(exist_ok=True)
    for entity, parts in policies.items():
        lines = [f"entity: {entity}", "rules:"]
        for number, rule in enumerate(parts["rules"]):
            effect, when = rule.split(": ", 1)
            lines.append(f"  - {{id: r{number}, effect: {effect}, when: '{when}'}}")
        if parts.get("masks"):
            lines.append("masks:")
        for number, mask in enumerate(parts.get("masks", [])):
            head, when = mask.split(": ", 1)
            kind, fields = head.split(" ")
            lines.append(f"  - {{id: m{number}, fields: [{fields}], mask: {kind}, when: '{when}'}}")
        (directory / f"{entity}.yaml").write_text("\n".join(lines) + "\n")
    return directory


@dataclass
class World:
    """The index with its rows, and the way to ask it as somebody."""

    database: Database
    model: Model
    tables: EntityTables
    schema: strawberry.Schema
    snapshot: Snapshot
    reader: Reader
    tenant: str = TENANT

    def principal(self, user: str = "somebody", **attributes: Any) -> Principal:
        return Principal.create(
            tenant=self.tenant,
            user=user,
            agent=None,
            purpose=None,
            user_attributes=attributes,
            agent_attributes={},
            declared=self.model.callers,
        )

    def context(self, principal: Principal) -> Context:
        return Context(principal=principal, snapshot=self.snapshot, now=NOW)

    async def ask(self, principal: Principal, query: str, **variables: Any) -> dict[str, Any]:
        """The response as a client would get it: `data`, and `errors` as messages."""
        return dict(orjson.loads(await self.ask_bytes(principal, query, **variables)))

    async def ask_bytes(self, principal: Principal, query: str, **variables: Any) -> bytes:
        """The response in its exact bytes."""
        result = await self.schema.execute(
            query,
            variable_values=variables,
            context_value=Question(self.reader, self.context(principal)),
        )
        response: dict[str, Any] = {"data": result.data}
        if result.errors:
            response["errors"] = [error.message for error in result.errors]
        return orjson.dumps(response)

    def put(self, entity: str, key: str, /, **values: Any) -> None:
        """Write one row; what is not given is empty."""
        self.put_all(entity, {key: values})

    def put_all(self, entity: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Write rows, by their names."""
        empty = {str(c.name): None for c in self.tables[entity].columns}
        given = [
            {
                **empty,
                "tenant_id": self.tenant,
                "id": row_id(key),
                "source": "desk",
                "stream": entity,
                "remote_id": key,
                "synced_at": NOW - timedelta(hours=1),
                "custom": {},
                **values,
            }
            for key, values in rows.items()
        ]
        with self.database.writing() as connection:
            register_source(connection, self.tenant, "desk", "zendesk")
            upsert_rows(connection, self.tables, entity, given)

    def resolve(self) -> None:
        with self.database.writing() as connection:
            resolve_customers(connection, self.tables, self.model, self.tenant, None)


def load_snapshot(directory: Path, model: Model) -> Snapshot:
    return Snapshot(load_policies(directory, model.specs, model.callers))


def furnish(world: World) -> None:
    """Acme and Globex in EMEA, Acme Foods in AMER, and what belongs to them."""
    world.put_all(
        "account",
        {
            "acme": {"name": "Acme Corporation", "region": "EMEA", "domains": ["acme.example"]},
            "acme-desk": {"name": "ACME Corp.", "domains": ["acme.example"]},
            "globex": {"name": "Globex", "region": "EMEA", "domains": ["globex.example"]},
            "foods": {"name": "Acme Foods", "region": "AMER", "domains": ["foods.example"]},
        },
    )
    world.put_all("contact", {f"p{n}": _contact(n) for n in range(TICKETS)})
    world.put_all("ticket", {f"t{n}": _ticket(n) for n in range(TICKETS)})
    world.put_all(
        "comment",
        {
            f"t{n}c{c}": {"body": f"body {n}.{c}", "public": c != 1, "ticket_id": row_id(f"t{n}")}
            for n in range(TICKETS)
            for c in range(3)
        },
    )
    world.put_all(
        "opportunity",
        {
            f"o{number}": {
                "name": f"Deal {number}",
                "amount_minor": 123456,
                "amount_currency": currency,
                "probability": 12.5,
                "account_id": row_id("globex"),
            }
            for number, currency in enumerate(["USD", "JPY", "BHD"])
        },
    )
    world.resolve()


def account_of(number: int) -> str:
    """Whose the ticket is: every fourth is Acme Foods', which is in AMER."""
    return ("acme", "acme-desk", "globex", "foods")[number % 4]


def due_at(number: int) -> datetime | None:
    return NOW + timedelta(hours=number - 18) if number % 3 else None


def _contact(number: int) -> dict[str, Any]:
    return {
        "name": f"P {number}",
        "email": f"p{number}@x.example",
        "account_id": row_id(account_of(number)),
    }


def _ticket(number: int) -> dict[str, Any]:
    return {
        "number": str(number),
        "subject": f"Subject {number % 5}",
        "description": f"secret {number}",
        "status": STATUSES[number % 6],
        "status_raw": STATUSES[number % 6].lower(),
        "priority": PRIORITIES[number % 5],
        "tags": ["legal"] if number % 9 == 0 else ["vip", "o'brien%_"],
        "created_at": NOW - timedelta(days=number % 7),
        "due_at": due_at(number),
        "account_id": row_id(account_of(number)),
        "requester_id": row_id(f"p{number}"),
    }
