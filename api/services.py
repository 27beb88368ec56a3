"""Everything an answer needs, wired once: the only place where the rooms are put together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio
from sqlalchemy import Connection

from access_policies import PoliciesInForce, Principal, read_directory
from api.auth import Claims, InvalidTokenError, Tokens, load_tokens
from api.directory import find_principal
from api.hash_key import load_hash_key
from api.limits import limits
from api.policy_desk import Examiner, PolicyDesk
from api.secret_key import load_seal
from api.settings import Settings
from api.shadow_sink import ShadowSink
from api.sources_in_use import SourcesInUse
from index.database import Database
from index.embedded import embedded_database
from index.entity_tables import EntityTables
from index.errors import ConfigurationError, Unavailable
from ingestion import LiveSources, Source, SourcesInForce, sources_in_force
from ingestion.workspace.definitions import fingerprint
from semantic_layer import (
    SHIPPED_MODEL,
    Context,
    Model,
    Reader,
    Resolver,
    Schemas,
    Shadow,
    load_model,
)

POSTGRES_FOLDER = "postgres"

_log = logging.getLogger("remit.services")
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


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The configured database, or the bundled Postgres for as long as the context is open."""
    if settings.database_url is not None:
        query_url = settings.query_database_url
        yield Database(
            settings.database_url.get_secret_value(),
            query_url=query_url.get_secret_value() if query_url is not None else None,
        )
        return
    with embedded_database(settings.home / POSTGRES_FOLDER) as url:
        yield Database(url)


def open_services(settings: Settings, database: Database, *, serving: bool = True) -> Services:
    """Read model, policies and sources, and wire them. Raises ConfigurationError.

    Without `serving` no token key is needed.
    """
    # strawberry logs each error with the values in it; `api.limits` logs what may be logged.
    logging.getLogger("strawberry.execution").disabled = True
    model = open_model(settings)
    tables = EntityTables(model.specs)
    policies = PoliciesInForce(
        model.specs,
        model.callers,
        starting=open_policies(settings),
        hash_key=load_hash_key(settings),
    )
    sources = SourcesInUse(
        lambda: _sources_found(settings, database),
        lambda: _fingerprint(settings, database),
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


def open_model(settings: Settings) -> Model:
    """The configured business model, or the shipped one."""
    return load_model(settings.model or SHIPPED_MODEL)


def open_policies(settings: Settings) -> Mapping[str, str]:
    """The documents that are in force until a tenant publishes its own."""
    documents = read_directory(settings.required_path("policies"))
    if not documents:
        raise ConfigurationError(
            f"{settings.policies} holds no policy, so nobody would see anything. Expected a YAML"
            " file for each entity; docs/write-a-policy.md shows how to write one."
        )
    return documents


def open_sources(settings: Settings, database: Database, model: Model) -> tuple[Source, ...]:
    """The sources in force. Raises ConfigurationError for the first that cannot be used."""
    found = _sources_found(settings, database)
    return tuple(Source(found.config(name), model.specs) for name in found.entries)


def find_source(settings: Settings, database: Database, model: Model, name: str) -> Source:
    """A source as it is configured at this moment. Raises ConfigurationError when it is not."""
    found = _sources_found(settings, database)
    return Source(found.config(name), model.specs)


def sources_of(settings: Settings, connection: Connection) -> SourcesInForce:
    """Which sources there are at this moment; no secret has been fetched yet."""
    file = None
    if settings.sources is not None and settings.sources_tenant == settings.tenant:
        file = settings.required_path("sources")
    elif settings.sources is not None:
        _log.warning(
            "%s is left out: it has the sources of the tenant %s, not of %s.",
            settings.sources,
            settings.sources_tenant,
            settings.tenant,
        )
    return sources_in_force(
        connection, settings.tenant, home=settings.home, file=file, seal=load_seal(settings)
    )


def _sources_found(settings: Settings, database: Database) -> SourcesInForce:
    with database.writing() as connection:
        return sources_of(settings, connection)


def _fingerprint(settings: Settings, database: Database) -> str:
    with database.writing() as connection:
        return fingerprint(connection, settings.tenant)
