"""Asking at the terminal for the settings that a connector needs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import typer

from api.cli.screen import printable
from ingestion.workspace.references import SEALED, is_reference
from ingestion.workspace.specification import Schema


@dataclass
class Questions:
    """What was asked for one source. `sealed` are secrets that were typed, by name to be."""

    source: str
    sealed: dict[str, str] = field(default_factory=dict, repr=False)

    def complete(self, schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings with all that is required; asks for what is missing, secrets unseen."""
        return self._object(schema, given, ())

    def _object(
        self, schema: Schema, given: Mapping[str, Any], path: tuple[str, ...]
    ) -> dict[str, Any]:
        if alternatives := schema.get("oneOf"):
            schema = {**schema, **_chosen(alternatives, given, path)}
        properties: Mapping[str, Schema] = schema.get("properties", {})
        required = schema.get("required", ())
        answers = dict(given)
        for name in sorted(properties, key=lambda name: properties[name].get("order", 0)):
            described = properties[name]
            if "const" in described:
                answers.setdefault(name, described["const"])
            elif isinstance(answers.get(name), Mapping):
                answers[name] = self._object(described, answers[name], (*path, name))
            elif name in required and name not in answers:
                answers[name] = self._value(described, (*path, name))
        return answers

    def _value(self, schema: Schema, path: tuple[str, ...]) -> Any:
        if schema.get("type") == "object" or "oneOf" in schema:
            return self._object(schema, {}, path)
        dotted = ".".join(path)
        title = schema.get("title")
        label = printable(f"{title} ({dotted})" if title else dotted)
        if schema.get("airbyte_secret"):
            typed: str = typer.prompt(label, hide_input=True, err=True).strip()
            if is_reference(typed):
                return typed
            name = f"{self.source}.{dotted}"
            self.sealed[name] = typed
            return f"{SEALED}{name}"
        if choices := schema.get("enum"):
            label += printable(f" ({', '.join(map(str, choices))})")
        default = schema.get("default")
        if default is not None:
            label += printable(f" [{default}]")
        answer = typer.prompt(label, default=default, show_default=False, err=True)
        return typed_as(schema, str(answer))


def can_ask() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin.isatty()


def typed_as(schema: Schema | None, text: str) -> Any:
    """A text as the type that the specification wants, and as the text where it does not fit."""
    kinds = (schema or {}).get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if is_reference(text) or "string" in kinds:
        return text
    if "boolean" in kinds and text.lower() in ("true", "yes", "false", "no"):
        return text.lower() in ("true", "yes")
    if "array" in kinds:
        return [part.strip() for part in text.split(",") if part.strip()]
    for kind, make in (("integer", int), ("number", float)):
        if kind in kinds:
            try:
                return make(text)
            except ValueError:
                continue
    return text


def _chosen(alternatives: list[Schema], given: Mapping[str, Any], path: tuple[str, ...]) -> Schema:
    """The alternative whose constants are given already, or all that it requires; or the one that
    is asked for."""
    for each in alternatives:
        constants = {
            name: described["const"]
            for name, described in each.get("properties", {}).items()
            if "const" in described
        }
        if constants and constants.items() <= given.items():
            return each
        if not constants and set(each.get("required", ())) <= given.keys():
            return each
    if len(alternatives) == 1:
        return alternatives[0]
    dotted = ".".join(path) or "one of"
    typer.echo(printable(f"{dotted}:"), err=True)
    for number, each in enumerate(alternatives, 1):
        typer.echo(printable(f"  {number}  {each.get('title', number)}"), err=True)
    number = 0
    while not 1 <= number <= len(alternatives):
        number = typer.prompt("Which number", type=int, default=1, err=True)
    return alternatives[number - 1]
