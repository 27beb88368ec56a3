"""The sources in force, as the database and the settings have them."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from api.secret_key import load_seal
from api.settings import Settings
from index.database import Database
from ingestion.workspace.definitions import fingerprint
from ingestion.workspace.in_force import SourcesInForce, sources_in_force

_log = logging.getLogger("remit.sources")


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


def find_sources(settings: Settings, database: Database) -> SourcesInForce:
    """`sources_of` in a transaction of its own."""
    with database.writing() as connection:
        return sources_of(settings, connection)


def sources_fingerprint(settings: Settings, database: Database) -> str:
    """What is another text when the sources that the database has are others."""
    with database.writing() as connection:
        return fingerprint(connection, settings.tenant)
