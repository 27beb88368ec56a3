"""Settings: environment variables that begin with `REMIT_`, and `settings.env` in the home folder.

They are read when they are asked for, never at import, so that a command can say what is wrong.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from index.errors import ConfigurationError

PREFIX = "REMIT_"
SETTINGS_FILE = "settings.env"
DEFAULT_HOME = Path(".remit")

_DRIVER = "postgresql+psycopg"


class Settings(BaseSettings):
    """What an installation of Remit can be told. A variable wins over the file in `home`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore"
    )

    home: Path = DEFAULT_HOME  # the bundled Postgres and the token key are kept here
    tenant: Annotated[str, Field(min_length=1, max_length=100)] = "main"

    database_url: SecretStr | None = None  # none: the bundled Postgres
    query_database_url: SecretStr | None = None  # a login that can do no more than read

    model: Path | None = None  # none: the shipped one
    policies: Path | None = None  # in force until the first version is published
    sources: Path | None = None

    token_key: SecretStr | None = None
    token_key_file: Path | None = None
    hash_key: SecretStr | None = None  # for masks that hash; another key gives other hashes
    hash_key_file: Path | None = None
    secret_key: SecretStr | None = None  # for sealed secrets; of several the first seals
    secret_key_file: Path | None = None
    recheck: Annotated[float, Field(ge=0, le=1)] = 0.01  # share of reads put before Casbin; 1: all

    # How long what a source has deleted is kept before it goes for good.
    retention_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    worker_concurrency: Annotated[int, Field(ge=1, le=16)] = 2  # syncs at once in a worker

    embedding: bool = True  # workers embed texts, if remit[embeddings] is installed
    embedding_threads: Annotated[int, Field(ge=1, le=64)] = 1  # of the process that embeds

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    public_url: str | None = None  # where clients reach us, if not at host and port

    _configured_tenant: str | None = PrivateAttr(None)

    @property
    def sources_tenant(self) -> str:
        """Whose sources the file `sources` has: the tenant's that is configured beside it, also
        when a command is told to work for another."""
        return self._configured_tenant or self.tenant

    @field_validator("database_url", "query_database_url")
    @classmethod
    def _postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        # Only here: `remit --help` and the completion in shells read no settings.
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(value.get_secret_value())
        except ArgumentError:
            raise ValueError("expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE") from None
        if url.drivername not in ("postgres", "postgresql", _DRIVER):
            raise ValueError("only Postgres will do: postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
        return SecretStr(url.set(drivername=_DRIVER).render_as_string(hide_password=False))

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://")):
            raise ValueError("expected an address such as https://remit.example.com")
        return value.rstrip("/") if value is not None else None

    def required_path(self, name: str) -> Path:
        """The folder or file of a setting that the command cannot do without."""
        path: Path | None = getattr(self, name)
        if path is None:
            raise ConfigurationError(
                f"{PREFIX}{name.upper()} is not set. Set it to the path of your {name}, in the"
                f" environment or in {self.home / SETTINGS_FILE}; `remit demo` makes an example."
            )
        if not path.exists():
            raise ConfigurationError(f"{PREFIX}{name.upper()}: there is nothing at {path}.")
        return path


def load_settings(**given: Any) -> Settings:
    """The settings in force; `given` (from command-line options) wins over all others.

    Raises ConfigurationError that names each variable at fault and never repeats a value.
    """
    home = Path(given.get("home") or os.environ.get(f"{PREFIX}HOME") or DEFAULT_HOME)
    options = {name: value for name, value in given.items() if value is not None}
    settings = _read(home, options)
    if "tenant" in options and "sources" not in options:
        configured = _read(home, {name: options[name] for name in options if name != "tenant"})
        settings._configured_tenant = configured.tenant
    return settings


def _read(home: Path, options: dict[str, Any]) -> Settings:
    try:
        # `_env_file` is an argument of pydantic's that its type does not tell of.
        return Settings(_env_file=home / SETTINGS_FILE, **{**options, "home": home})  # type: ignore[call-arg]
    except ValidationError as error:
        problems = "; ".join(
            f"{PREFIX}{'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"The settings cannot be used: {problems}.") from None
