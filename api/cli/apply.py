"""`remit apply`: the workspace file comes into force, after a look at what that changes."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from access_policies import read_directory, read_policies
from access_policies.versions import store
from api.cli.migrated import open_migrated
from api.cli.screen import agreed, errors, log_to_stderr, remark, tell
from api.installation import open_model
from api.settings import PREFIX, SETTINGS_FILE, Settings
from api.settings_file import remember
from index.entity_tables import EntityTables
from index.errors import ConfigurationError, InvalidRequest
from index.schema_plan import SchemaPlan, apply, plan
from ingestion.workspace.definitions import lock_definitions
from ingestion.workspace.difference import Difference, bring_into_force, difference
from ingestion.workspace.format import Workspace
from ingestion.workspace.readiness import problems_of
from ingestion.workspace.secret_table import sealed_secrets
from ingestion.workspace.workspace_file import load_workspace
from semantic_layer import Model


@dataclass(frozen=True)
class _Changes:
    """All that applying would do."""

    sources: Difference
    schema: SchemaPlan
    settings: Mapping[str, Path]  # to be remembered for the commands that follow
    hints: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.sources or self.schema.additions or self.settings)

    def lines(self) -> list[str]:
        return [
            *self.sources.lines(),
            *(f"model {line}" for line in self.schema.describe()),
            *(f"setting {PREFIX}{name.upper()}: {path}" for name, path in self.settings.items()),
            *self.hints,
        ]


def run_apply(
    settings: Settings,
    file: Path,
    *,
    yes: bool,
    dry_run: bool,
    prune: bool,
    same_account: bool = False,
) -> bool:
    """Bring a workspace file into force; returns whether it is. Raises ConfigurationError with all
    that is wrong with it, and then changes nothing."""
    log_to_stderr()
    workspace = load_workspace(file)
    remembered = _to_remember(settings, workspace)
    adopted = settings.model_copy(update=dict(remembered))
    model = open_model(adopted)
    documents = _policies(workspace, model)
    tables = EntityTables(model.specs)
    with open_migrated(settings) as database:

        def changes(connection: Connection) -> _Changes:
            hints, unfit = _policy_hints(connection, settings, workspace, documents)
            return _Changes(
                difference(
                    connection,
                    settings.tenant,
                    workspace.sources,
                    prune=prune,
                    same_account=same_account,
                ),
                plan(connection, tables),
                {name: path for name, path in remembered.items() if name not in unfit},
                hints,
            )

        with database.writing() as connection:
            secrets = sealed_secrets(connection, settings.tenant)
        _require_ready(settings, workspace, model, secrets)
        with database.writing() as connection:
            shown = changes(connection)
        tell(shown.lines())
        if not shown:
            tell(["Nothing to change: what the file says is in force."])
            return True
        if dry_run:
            tell(["Nothing was changed. `remit apply` without --dry-run would do this."])
            return True
        if not agreed("Bring this into force?", yes=yes):
            return False
        with database.writing() as connection:
            lock_definitions(connection, settings.tenant)
            found = changes(connection)
            if found.lines() != shown.lines():
                raise InvalidRequest(
                    "Somebody changed something meanwhile, so that this would do something else"
                    " than was shown. Nothing was changed: look at it again."
                )
            if found.schema.additions:
                apply(connection, tables)
            bring_into_force(connection, settings.tenant, workspace.sources, found.sources)
        remember(settings.home, found.settings)
    tell(["In force."])
    for remark_ in _next_steps(settings, found):
        remark(remark_)
    return True


def _to_remember(settings: Settings, workspace: Workspace) -> dict[str, Path]:
    """Model and policies that the file names and the settings do not have yet."""
    wanted: dict[str, Path] = {}
    for name in ("model", "policies"):
        path: Path | None = getattr(workspace, name)
        if path is None:
            continue
        if not path.is_dir():
            raise ConfigurationError(f"{name}: there is no folder {path}.")
        if _same(getattr(settings, name), path):
            continue
        variable = f"{PREFIX}{name.upper()}"
        if os.environ.get(variable):
            raise ConfigurationError(
                f"The file names {path} as {name}, and the environment another with {variable}."
                f" Unset {variable}, or leave `{name}` out of the file."
            )
        wanted[name] = path
    return wanted


def _same(held: Path | None, wanted: Path) -> bool:
    return held is not None and held.resolve() == wanted.resolve()


def _policies(workspace: Workspace, model: Model) -> Mapping[str, str]:
    """The documents of the file's policies. Raises PolicyError when they cannot be used."""
    if workspace.policies is None:
        return {}
    documents = read_directory(workspace.policies)
    if not documents:
        raise ConfigurationError(
            f"policies: {workspace.policies} holds none, so nobody would see anything."
        )
    read_policies(documents.items(), model.specs, model.callers)
    return documents


def _require_ready(
    settings: Settings, workspace: Workspace, model: Model, secrets: Collection[str]
) -> None:
    with errors.status("Asking the connectors what settings they take"):
        problems = problems_of(workspace.sources, model.specs, home=settings.home, secrets=secrets)
    if problems:
        raise ConfigurationError("\n".join(problems))


def _policy_hints(
    connection: Connection,
    settings: Settings,
    workspace: Workspace,
    documents: Mapping[str, str],
) -> tuple[tuple[str, ...], set[str]]:
    """What is to be said of policies, and which setting stays as it is.

    Policies that nobody has looked at come into force here only where there are none: after that,
    the way is a version with its tests, its preview and its second person.
    """
    if workspace.policies is None:
        return (), set()
    number = store.in_force(connection, settings.tenant)
    push = f"`remit policy push {workspace.policies} --reason ...`"
    if number is not None:
        held = store.find(connection, settings.tenant, number).documents
        if store.hash_of(documents) == store.hash_of(held):
            return (), {"policies"}
        return (
            f"policies: version {number} is in force, and the folder differs; propose it: {push}",
        ), {"policies"}
    if settings.policies is not None and not _same(settings.policies, workspace.policies):
        return (
            f"policies: {settings.policies} is in force, and not the file's; propose that: {push}",
        ), {"policies"}
    return (), set()


def _next_steps(settings: Settings, done: _Changes) -> list[str]:
    steps = []
    if done.sources.added:
        steps.append(f"Next: `remit source check {done.sources.added[0]}`, then `remit sync`.")
    if done.settings:
        steps.append(
            f"{settings.home / SETTINGS_FILE} remembers model and policies on this machine; others"
            " need the same. Restart `remit serve`."
        )
    mapped_anew = [name for name, parts in done.sources.changed.items() if "mapping" in parts]
    if done.schema.additions:
        steps.append("Fill what is new in the model from what is held: `remit source reproject`.")
    elif mapped_anew:
        # Not done here: it may take long, and has to wait for a sync that is under way.
        steps.append(
            "What is held stays as the mapping of before made it, raw records too, until"
            f" `remit source reproject {' '.join(mapped_anew)}`."
        )
    return steps
