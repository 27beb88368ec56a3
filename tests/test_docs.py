"""The docs stay true: what they name exists, and what exists is in them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from graphql import parse as parse_graphql
from graphql import validate
from pydantic import BaseModel

import api.errors
from access_policies import PolicyError, RuleError, parse, read_policies
from api.cli.commands import app
from api.settings import PREFIX, Settings
from ingestion.mapping.format import (
    Case,
    Children,
    EntityMapping,
    Join,
    Live,
    Lookup,
    MoneyValue,
    Pages,
    Reference,
    StreamMapping,
    Value,
)
from semantic_layer import SHIPPED_MODEL, load_model
from semantic_layer.resolver import Status
from semantic_layer.schema import build_schema

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
EVERYTHING = "\n".join(TEXTS.values())
MODEL = load_model()

_MAPPING_PARTS = (
    StreamMapping, EntityMapping, Value, Case, MoneyValue, Reference, Live, Children, Pages,
    Lookup, Join,
)  # fmt: skip

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"(\.?[\w-]+(?:/[\w.-]+)*/(?:[\w.-]+)?)(?:::([\w.]+))?")


def _prose(text: str) -> str:
    """A page without its fenced parts."""
    return _FENCE.sub("", text)


def _anchors(text: str) -> set[str]:
    """What a link into the page may name after `#`."""
    headings = re.findall(r"^#+ (.+)$", _prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _fences(language: str) -> list[tuple[str, str]]:
    return [
        (page, content)
        for page, text in TEXTS.items()
        for kind, content in _FENCE.findall(text)
        if kind == language
    ]


def _first_cells(page: str, heading: str) -> list[str]:
    """The code in the first cell of each row of the table under a heading."""
    section = TEXTS[page].split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_somewhere(page: str) -> None:
    for target in _LINK.findall(_prose(TEXTS[page])):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        there = (ROOT / page).parent / name if name else ROOT / page
        assert there.exists(), target
        if anchor:
            assert anchor in _anchors(there.read_text(encoding="utf-8")), target


def _places(text: str) -> Iterator[tuple[str, str]]:
    """Paths of ours in backticks, with the name after `::` if there is one."""
    ours = {entry.name for entry in ROOT.iterdir()} - {".git", ".venv", ".remit"}
    for code in _CODE.findall(_prose(text)):
        found = _PATH.fullmatch(code)
        if found is not None and found[1].split("/")[0] in ours:
            yield found[1], found[2] or ""


@pytest.mark.parametrize("page", TEXTS)
def test_files_and_names_exist(page: str) -> None:
    for path, name in _places(TEXTS[page]):
        # NAME, NNNN and TITLE stand for any.
        pattern = re.sub(r"\b(NAME|NNNN|TITLE)\b", "*", path)
        files = list(ROOT.glob(pattern.rstrip("/")))
        assert files, path
        source = files[0].read_text(encoding="utf-8") if name else ""
        for part in filter(None, name.split(".")):
            assert re.search(rf"(?:def|class) {part}\b", source), f"{path}::{name}"


def test_every_place_has_something_to_check() -> None:
    """A pattern that finds nothing would let everything pass."""
    assert len({place for text in TEXTS.values() for place in _places(text)}) > 50
    assert sum(len(_LINK.findall(text)) for text in TEXTS.values()) > 30


def test_every_command_is_documented() -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        assert f"`remit {name}" in EVERYTHING, name


def test_every_command_of_a_group_is_documented() -> None:
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            assert command.callback is not None
            name = command.name or command.callback.__name__
            assert f"`remit {group.name} {name}" in EVERYTHING, (group.name, name)


def test_every_command_in_the_docs_exists() -> None:
    known = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    known |= {group.name for group in app.registered_groups if group.name}
    named = re.findall(r"(?:`|^\$ |^)remit ([a-z]+)\b", EVERYTHING, re.MULTILINE)
    assert set(named) == known


def test_every_setting_is_documented() -> None:
    for name in Settings.model_fields:
        assert f"`{PREFIX}{name.upper()}`" in EVERYTHING, name


def test_every_error_code_and_status_is_documented() -> None:
    codes = {name for name, value in vars(api.errors).items() if name == value}
    assert codes
    gate = (ROOT / "api" / "middleware.py").read_text(encoding="utf-8")
    codes |= set(re.findall(r'_answer\(send, \d+, "(\w+)"', gate))
    for code in sorted(codes | set(get_args(Status))):
        assert f"`{code}`" in EVERYTHING, code


def test_every_entity_is_documented_with_its_segments() -> None:
    for entity in MODEL.entities.values():
        rows = re.findall(rf"^\| `{entity.name}` \|.*$", EVERYTHING, re.MULTILINE)
        documented = [set(_CODE.findall(row)) for row in rows]
        assert any(set(entity.segments) <= codes for codes in documented), entity.name


def test_every_decision_is_listed_under_its_own_number() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    numbers = [decision.name[:4] for decision in decisions]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    for decision in decisions:
        assert decision.read_text(encoding="utf-8").startswith(f"# {decision.name[:4]} ")
        assert f"]({decision.name})" in TEXTS["docs/decisions/README.md"], decision.name


def _means_something(condition: str) -> None:
    """Parse a condition as a rule on the entity that it begins with, or else on tickets."""
    first = re.search(r"[a-z]+(?=\.)", condition)
    name = first[0] if first and first[0] in MODEL.entities and first[0] != "user" else "ticket"
    parse(condition, MODEL[name].spec, MODEL.specs, MODEL.callers)


@pytest.mark.parametrize("condition", _first_cells("docs/write-a-policy.md", "What can be written"))
def test_what_can_be_written_can_be(condition: str) -> None:
    _means_something(condition)


@pytest.mark.parametrize("condition", _first_cells("docs/write-a-policy.md", "Common mistakes"))
def test_mistakes_are_refused(condition: str) -> None:
    with pytest.raises(RuleError):
        parse(condition, MODEL["ticket"].spec, MODEL.specs, MODEL.callers)


def test_policies_in_the_docs_can_be_used() -> None:
    policies = [text for _, text in _fences("yaml") if "\nrules:" in text]
    assert policies
    for text in policies:
        documents = [("docs.yaml", text)]
        if guarded := re.match(r"guard_rail: (\w+)", text):
            documents.append(("owner.yaml", f"entity: {guarded[1]}\nrules: []"))
        try:
            read_policies(documents, MODEL.specs, MODEL.callers)
        except PolicyError as error:
            pytest.fail(str(error))


def test_the_entity_in_the_docs_can_be_added(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED_MODEL, tmp_path, dirs_exist_ok=True)
    entities = [text for _, text in _fences("yaml") if "\nplural:" in text]
    assert entities
    for number, text in enumerate(entities):
        (tmp_path / f"example_{number}.yaml").write_text(text, encoding="utf-8")
    assert len(load_model(tmp_path).entities) == len(MODEL.entities) + len(entities)


def test_the_mapping_in_the_docs_can_be_used() -> None:
    mappings = [yaml.safe_load(text) for _, text in _fences("yaml") if "\n    live:" in text]
    assert mappings
    for mapping in mappings:
        for stream in mapping["streams"].values():
            StreamMapping.model_validate(stream)


@pytest.mark.parametrize("part", _MAPPING_PARTS, ids=lambda part: part.__name__)
def test_every_key_of_a_mapping_is_documented(part: type[BaseModel]) -> None:
    documented = set(_CODE.findall(TEXTS["docs/add-a-connector.md"]))
    assert {field.alias or name for name, field in part.model_fields.items()} <= documented


def test_other_examples_can_be_read() -> None:
    for page, text in _fences("yaml"):
        assert yaml.safe_load(text), page
    for page, text in _fences("json"):
        assert json.loads(text), page
    schema = build_schema(MODEL)._schema
    for page, text in _fences("graphql"):
        assert not validate(schema, parse_graphql(text)), page
