"""What the settings name, each opened by itself: the database, the model and the policies.

Commands open no more than they need; `api.services` wires all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from access_policies import PoliciesInForce, read_directory
from api.hash_key import load_hash_key
from api.settings import Settings
from index.database import Database
from index.embedded import embedded_database
from index.errors import ConfigurationError
from semantic_layer import SHIPPED_MODEL, Model, load_model

POSTGRES_FOLDER = "postgres"


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


def open_policies_in_force(settings: Settings, model: Model) -> PoliciesInForce:
    """The policies of every tenant as they are at each moment."""
    return PoliciesInForce(
        model.specs,
        model.callers,
        starting=open_policies(settings),
        hash_key=load_hash_key(settings),
    )
