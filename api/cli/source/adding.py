"""`remit source add`: a source by answering what its connector asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from api.cli.migrated import open_migrated
from api.cli.screen import log_to_stderr, remark, tell
from api.cli.source.questions import Questions, can_ask, typed_as
from api.installation import open_model
from api.secret_key import require_seal
from api.settings import Settings
from api.sources import sources_of
from index.errors import ConfigurationError, InvalidRequest
from ingestion.schedule.schedules import set_schedule
from ingestion.workspace.account import require_same_account
from ingestion.workspace.connector_spec import connector_spec
from ingestion.workspace.definitions import define, held_sources, lock_definitions
from ingestion.workspace.format import SourceEntry
from ingestion.workspace.readiness import problems_of
from ingestion.workspace.references import SEALED
from ingestion.workspace.secret_table import sealed_secrets, set_secret
from ingestion.workspace.specification import Schema, missing_settings
from ingestion.workspace.workspace_file import read_entry


def run_add(
    settings: Settings,
    name: str,
    described: Mapping[str, Any],
    given: Sequence[str],
    *,
    same_account: bool = False,
) -> None:
    """Put a new source in force, as described; asks for settings that are not given.

    Raises ConfigurationError or InvalidRequest with what is wrong with it, and never a value.
    """
    log_to_stderr()
    origin = read_entry(name, described).origin
    schema = connector_spec(origin, settings.home)
    answers = _parsed(given, schema)
    questions = Questions(name)
    if missing := missing_settings(schema or {}, answers):
        if not can_ask():
            raise InvalidRequest(_not_given(name, missing))
        require_seal(settings)  # before anything is typed
        answers = questions.complete(schema or {}, answers)
    entry = read_entry(name, {**described, "settings": answers})
    model = open_model(settings)
    with open_migrated(settings) as database:
        with database.writing() as connection:
            _require_new(settings, connection, name, entry, same_account=same_account)
            secrets = {*sealed_secrets(connection, settings.tenant), *questions.sealed}
        problems = problems_of({name: entry}, model.specs, home=settings.home, secrets=secrets)
        if problems:
            raise ConfigurationError("\n".join(problems))
        with database.writing() as connection:
            lock_definitions(connection, settings.tenant)
            _require_new(settings, connection, name, entry, same_account=same_account)
            for secret, text in questions.sealed.items():
                set_secret(connection, require_seal(settings), settings.tenant, secret, text)
            define(connection, settings.tenant, name, entry)
            for slot, rhythm in entry.schedules(name).items():
                set_schedule(
                    connection,
                    settings.tenant,
                    name,
                    slot.stream,
                    rhythm,
                    reconcile=slot.reconcile,
                )
    tell([f"The source {name} is in force.", *(f"  {SEALED}{name}" for name in questions.sealed)])
    remark(f"Next: `remit source check {name}`. For a remit.yaml: `remit source show {name}`.")


def _require_new(
    settings: Settings,
    connection: Connection,
    name: str,
    entry: SourceEntry,
    *,
    same_account: bool,
) -> None:
    if name in sources_of(settings, connection).entries:
        raise InvalidRequest(
            f"There is a source {name!r} already. Choose another name, or change that one in your"
            " remit.yaml and run `remit apply`."
        )
    held = held_sources(connection, settings.tenant).get(name)
    if held is None:
        return
    if held.connector != entry.origin.name:
        raise InvalidRequest(
            f"There are still data of a {held.connector} that was called {name!r}. Choose another"
            f" name, or remove them: `remit source remove {name} --with-data`."
        )
    if not same_account:
        require_same_account(connection, settings.tenant, held, entry)


def _parsed(given: Sequence[str], schema: Schema | None) -> dict[str, Any]:
    """`--set credentials.auth_type=token` as settings."""
    answers: dict[str, Any] = {}
    for text in given:
        dotted, equals, value = text.partition("=")
        path = dotted.split(".")
        if not equals or not all(path):
            # Not repeated: it may be a secret with its name left out.
            raise InvalidRequest("--set takes NAME=VALUE, as in --set base_url=https://...")
        place = answers
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise InvalidRequest(f"--set {dotted}: {part} has a value of its own already.")
        place[path[-1]] = typed_as(_described(schema, path), value)
    return answers


def _described(schema: Schema | None, path: Sequence[str]) -> Schema | None:
    found = [schema] if schema is not None else []
    for part in path:
        found = [inner for each in found for inner in _properties(each, part)]
    return found[0] if found else None


def _properties(schema: Schema, name: str) -> Iterator[Schema]:
    for each in (schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if name in each.get("properties", {}):
            yield each["properties"][name]


def _not_given(name: str, missing: Mapping[str, bool]) -> str:
    options = " ".join(
        f"--set {setting}={SEALED}{name}.{setting}" if secret else f"--set {setting}=..."
        for setting, secret in missing.items()
    )
    return (
        f"The source {name!r} needs {', '.join(missing)}, and there is no terminal to ask at. Give"
        f" them: {options}. Secrets are set before, with `remit secret set NAME`, or come from"
        " env:NAME or file:PATH."
    )
