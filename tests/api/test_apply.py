"""`remit apply`: what a workspace file changes, and what it must not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from api.cli import apply as apply_command
from api.cli import screen
from api.settings_file import remember
from semantic_layer import SHIPPED_MODEL
from tests.api.site import EXAMPLES
from tests.api.workshop import Workshop, opened_workshop

ZENDESK = """
sources:
  zendesk-emea:
    connector: zendesk
    settings:
      base_url: https://acme.zendesk.com
      email: integration@acme.example
      api_token: env:ZENDESK_TOKEN
    schedule:
      every: 15m
      streams:
        users: {cron: "0 3 * * *"}
"""
STRIPE = """
  stripe-eu:
    connector: stripe
    settings: {base_url: "https://api.stripe.com", api_key: "env:STRIPE_KEY"}
"""


@pytest.fixture
def workshop(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workshop]:
    with opened_workshop(tmp_path, database_url, monkeypatch) as workshop:
        yield workshop


def _rows(workshop: Workshop, query: str) -> list[tuple[object, ...]]:
    engine = create_engine(workshop.variables["REMIT_DATABASE_URL"] or "")
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def _standing(workshop: Workshop) -> list[tuple[object, ...]]:
    """All that a file can change, with what tells a rewritten row."""
    return [
        *_rows(workshop, "SELECT xmin::text, name, definition, paused_at FROM remit.source"),
        *_rows(workshop, "SELECT xmin::text, source, stream, next_at FROM remit.schedule"),
    ]


def test_sources_and_schedules_come_into_force_and_stay_as_they_are_when_repeated(
    workshop: Workshop,
) -> None:
    workshop.write(ZENDESK)
    shown = workshop.done("apply", "--yes")
    assert "source zendesk-emea: new" in shown
    assert "schedule of zendesk-emea: every 0:15:00" in shown
    assert "schedule of zendesk-emea, users: cron 0 3 * * * UTC" in shown
    assert "reconcile of zendesk-emea: every 7 days" in shown
    ((definition,),) = _rows(workshop, "SELECT definition::text FROM remit.source")
    assert "env:ZENDESK_TOKEN" in str(definition)
    before = _standing(workshop)
    assert len(before) == 4  # the source, its schedule, that of its users, and its reconciles
    assert "Nothing to change" in workshop.done("apply", "--yes")
    assert _standing(workshop) == before


def test_a_dry_run_shows_the_same_and_changes_nothing(workshop: Workshop) -> None:
    workshop.write(ZENDESK)
    shown = workshop.done("apply", "--dry-run")
    assert "source zendesk-emea: new" in shown
    assert _standing(workshop) == []


def test_nobody_is_asked_where_nobody_can_answer(workshop: Workshop) -> None:
    workshop.write(ZENDESK)
    assert "--yes" in workshop.refused("apply", typed="y\n")
    assert _standing(workshop) == []


def test_changes_are_named_by_setting_and_never_shown(workshop: Workshop) -> None:
    workshop.write(ZENDESK)
    workshop.done("apply", "--yes")
    changed = ZENDESK.replace("acme.zendesk", "other.zendesk").replace("15m", "1h")
    workshop.write(
        changed.replace('        users: {cron: "0 3 * * *"}', "        tickets: {every: 5m}")
    )
    shown = workshop.done("apply", "--yes").splitlines()
    assert shown == [
        "source zendesk-emea: changed (settings.base_url)",
        "schedule of zendesk-emea: every 1:00:00",
        "schedule of zendesk-emea, tickets: every 0:05:00",
        "schedule of zendesk-emea, users: none any more",
        "In force.",
    ]


def test_what_is_not_in_the_file_is_left_unless_pruned(workshop: Workshop) -> None:
    workshop.write(ZENDESK + STRIPE)
    workshop.done("apply", "--yes")
    workshop.write(ZENDESK)
    assert "stripe-eu: not in the file, left in force" in workshop.done("apply", "--yes")
    assert len(_rows(workshop, "SELECT FROM remit.source WHERE definition IS NOT NULL")) == 2
    assert "stripe-eu: no longer in force" in workshop.done("apply", "--yes", "--prune")
    assert _rows(workshop, "SELECT name FROM remit.source WHERE definition IS NOT NULL") == [
        ("zendesk-emea",)
    ]
    # It is there still, with what it brought.
    assert len(_rows(workshop, "SELECT FROM remit.source")) == 2


def test_a_paused_source_stays_paused(workshop: Workshop) -> None:
    workshop.write(ZENDESK)
    workshop.done("apply", "--yes")
    workshop.done("source", "pause", "zendesk-emea")
    workshop.write(ZENDESK.replace("15m", "20m"))
    assert "paused, stays so until `remit source resume" in workshop.done("apply", "--yes")
    assert _rows(workshop, "SELECT FROM remit.source WHERE paused_at IS NOT NULL")


def test_a_name_cannot_become_another_kind_of_system(workshop: Workshop) -> None:
    workshop.write(ZENDESK)
    workshop.done("apply", "--yes")
    before = _standing(workshop)
    workshop.write("sources:" + STRIPE.replace("stripe-eu", "zendesk-emea"))
    assert "has been a zendesk" in workshop.refused("apply", "--yes")
    assert _standing(workshop) == before


CANARY = "c4nary-in-the-coal-mine"
# What is wrong with a file that can be read, and what is said.
UNREADY = {
    "a secret in clear": (ZENDESK.replace("env:ZENDESK_TOKEN", CANARY), "remit secret set"),
    "no such sealed secret": (
        ZENDESK.replace("env:ZENDESK_TOKEN", "sealed:not-set"),
        "remit secret set not-set",
    ),
    "a missing setting": (ZENDESK.replace("      email:", "      emial:"), "email` is missing"),
    "an unknown setting": (ZENDESK.replace("      email:", "      emial:"), "did you mean `email`"),
    "an unknown connector": (ZENDESK.replace("connector: zendesk", "connector: fax"), "fax"),
    "a manifest that is not there": (
        "sources: {a: {manifest: nowhere.yaml}}",
        "nowhere.yaml",
    ),
    "a mapping that is not there": (
        ZENDESK.replace("connector: zendesk", "connector: zendesk\n    mapping: nowhere.yaml"),
        "nowhere.yaml",
    ),
    "a secret in clear of a connector that is not there to ask": (
        f"sources: {{a: {{command: [/nowhere/source-x], settings: {{api_key: {CANARY}}}}}}}",
        "`api_key` is a secret",
    ),
    "no such folder of a model": ("model: nowhere", "there is no folder"),
    "no such folder of policies": ("policies: nowhere", "there is no folder"),
    "a folder without policies": ("policies: .", "nobody would see anything"),
}


@pytest.mark.parametrize(("content", "said"), UNREADY.values(), ids=UNREADY.keys())
def test_what_could_not_be_used_is_not_put_in_force(
    workshop: Workshop, content: str, said: str
) -> None:
    path = workshop.write(content)
    if content == "policies: .":
        path = workshop.write("policies: ./none", "other.yaml")
        (workshop.folder / "none").mkdir()
    message = workshop.refused("apply", path, "--yes")
    assert said in message
    assert CANARY not in message
    assert _standing(workshop) == []


def test_a_file_that_is_not_there(workshop: Workshop) -> None:
    assert "remit.yaml cannot be read" in workshop.refused("apply", "--yes")


def test_the_database_has_to_be_migrated_first(workshop: Workshop, cluster: str) -> None:
    workshop.variables["REMIT_DATABASE_URL"] = cluster
    workshop.write(ZENDESK)
    assert "remit migrate" in workshop.refused("apply", "--yes")


def test_one_bad_source_keeps_all_out(workshop: Workshop) -> None:
    workshop.write(ZENDESK + STRIPE.replace("env:STRIPE_KEY", CANARY))
    workshop.refused("apply", "--yes")
    assert _standing(workshop) == []


def test_a_model_of_ones_own_gets_its_tables_and_is_remembered(workshop: Workshop) -> None:
    shutil.copytree(SHIPPED_MODEL, workshop.folder / "model")
    entity = workshop.folder / "model" / "ticket.yaml"
    entity.write_text(entity.read_text().replace("fields:\n", "fields:\n  mood: {type: text}\n", 1))
    workshop.write("model: model")
    assert "model new: column ticket.mood" in workshop.done("apply", "--dry-run")
    shown = workshop.done("apply", "--yes")
    assert f"setting REMIT_MODEL: {workshop.folder / 'model'}" in shown
    assert _rows(workshop, "SELECT mood FROM entity.ticket") == []
    remembered = (workshop.folder / "home" / "settings.env").read_text()
    assert remembered == f'REMIT_MODEL="{workshop.folder / "model"}"\n'
    assert "Nothing to change" in workshop.done("apply", "--yes")
    workshop.variables["REMIT_MODEL"] = str(SHIPPED_MODEL)
    assert "Unset REMIT_MODEL" in workshop.refused("apply", "--yes")


def test_what_was_remembered_before_stays(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_text("# mine\nREMIT_PORT=1\nREMIT_MODEL=old\n")
    remember(tmp_path, {"model": Path("/new")})
    assert (tmp_path / "settings.env").read_text() == '# mine\nREMIT_PORT=1\nREMIT_MODEL="/new"\n'
    assert (tmp_path / "settings.env").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["settings.env"]


def test_the_first_policies_come_into_force_and_all_others_go_to_the_desk(
    workshop: Workshop,
) -> None:
    shutil.copytree(EXAMPLES / "policies", workshop.folder / "policies")
    workshop.write("policies: policies")
    assert "setting REMIT_POLICIES" in workshop.done("apply", "--yes")
    # From here on there is something that a change could widen.
    shutil.copytree(EXAMPLES / "policies", workshop.folder / "others")
    workshop.write("policies: others")
    shown = workshop.done("apply", "--yes")
    assert "remit policy push" in shown
    assert "others" not in (workshop.folder / "home" / "settings.env").read_text()


def test_somebody_elses_change_in_between_is_not_overwritten(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.write(ZENDESK)
    found = screen.agreed

    def meanwhile(question: str, *, yes: bool) -> bool:
        with monkeypatch.context() as patch:
            patch.setattr(apply_command, "agreed", found)
            workshop.write(ZENDESK.replace("15m", "2h"), "other.yaml")
            workshop.done("apply", "other.yaml", "--yes")
        return True

    monkeypatch.setattr(apply_command, "agreed", meanwhile)
    assert "meanwhile" in workshop.refused("apply", "--yes")
    assert _rows(workshop, "SELECT every_seconds FROM remit.schedule WHERE NOT reconcile") == [
        (7200,),
        (None,),
    ]
