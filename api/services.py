"""Everything an answer needs, wired once: the only place where the rooms are put together."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio

from access_policies import PoliciesInForce, Principal
from api.auth import Claims, InvalidTokenError, Tokens, load_tokens
from api.directory import find_principal
from api.installation import open_model, open_policies_in_force
from api.limits import limits
from api.policy_desk import Examiner, PolicyDesk
from api.settings import Settings
from api.shadow_sink import ShadowSink
from api.sources import find_sources, sources_fingerprint
from api.sources_in_use import SourcesInUse
from index.database import Database
from index.entity_tables import EntityTables
from index.errors import Unavailable
from ingestion.live.sources import LiveSources
from semantic_layer import Context, Model
from semantic_layer.reader import Reader
from semantic_layer.resolver import Resolver
from semantic_layer.schema import Schemas
from semantic_layer.shadow import Shadow

_DRAIN_SECONDS = 5  # for comparisons with a version on trial


@dataclass(frozen=True, kw_only=True)
class Services:
    """One installation at work. Made by `open_services`, closed with `close`."""

    settings: Settings
    database: Database
    model: Model
    tables: EntityTables
    policies: PoliciesInForce
    examiner: Examiner
    sources: SourcesInUse
    live: LiveSources
    shadow: Shadow
    reader: Reader
    schemas: Schemas
    resolver: Resolver
    tokens: Tokens | None  # none in commands that nobody reaches over the network

    async def context(
        self,
        tenant: str,
        user: str | None,
        agent: str | None = None,
        purpose: str | None = None,
        scopes: frozenset[str] | None = None,
    ) -> Context:
        """Who asks, under the policies in force, now; read in one transaction, so that a request
        never mixes versions. Raises UnknownTenantError, and Unavailable for unusable policies."""
        async with self.database.reading(tenant) as connection:
            principal = await find_principal(
                connection,
                self.model.callers,
                tenant_id=tenant,
                user=user,
                agent=agent,
                purpose=purpose,
                scopes=scopes,
            )
            in_force = await self.policies.of(connection, tenant)
        return Context(
            principal=principal,
            snapshot=in_force.snapshot,
            candidate=in_force.candidate,
            now=datetime.now(UTC),
        )

    async def principal(self, claims: Claims) -> Principal:
        """Who asks, whatever the policies are: also when they cannot be used. Raises
        UnknownTenantError."""
        async with self.database.reading(claims.tenant) as connection:
            return await find_principal(
                connection,
                self.model.callers,
                tenant_id=claims.tenant,
                user=claims.user,
                agent=claims.agent,
                purpose=claims.purpose,
                scopes=claims.scopes,
            )

    def policy_desk(self, tenant: str) -> PolicyDesk:
        """Where the tenant's policies are changed."""
        return PolicyDesk(self.database, self.examiner, tenant)

    def verify(self, token: str) -> Claims:
        """What a token says. Raises InvalidTokenError."""
        if self.tokens is None:
            raise InvalidTokenError("these services take no tokens")
        return self.tokens.verify(token)

    async def close(self) -> None:
        """Wait for what is under way, but not for long, and let go of all connections."""
        await self.live.close()
        with anyio.move_on_after(_DRAIN_SECONDS):
            await self.shadow.drained()
        await self.database.close()


def open_services(settings: Settings, database: Database, *, serving: bool = True) -> Services:
    """Read model, policies and sources, and wire them. Raises ConfigurationError.

    Without `serving` no token key is needed.
    """
    # strawberry logs each error with the values in it; `api.limits` logs what may be logged.
    logging.getLogger("strawberry.execution").disabled = True
    model = open_model(settings)
    tables = EntityTables(model.specs)
    policies = open_policies_in_force(settings, model)
    sources = SourcesInUse(
        lambda: find_sources(settings, database),
        lambda: sources_fingerprint(settings, database),
        model.specs,
        settings.tenant,
    )
    with suppress(Unavailable):
        sources()  # what is wrong with them is said at the start, unless the database is away
    live = LiveSources(database, tables, model, sources, tenant=settings.tenant)
    shadow = Shadow(database, model, tables, ShadowSink(database))
    reader = Reader(
        database,
        model,
        tables,
        live,
        recheck=settings.recheck,
        shadow=shadow,
        feeds=sources.feeds,
    )
    schemas = Schemas(model, limits())
    return Services(
        settings=settings,
        database=database,
        model=model,
        tables=tables,
        policies=policies,
        examiner=Examiner(database, model, tables, policies),
        sources=sources,
        live=live,
        shadow=shadow,
        reader=reader,
        schemas=schemas,
        resolver=Resolver(schemas, reader),
        tokens=load_tokens(settings) if serving else None,
    )
