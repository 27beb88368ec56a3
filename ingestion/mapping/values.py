"""The value expressions of a mapping, compiled once into plain functions of a record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from ingestion.mapping.conversion import to_text
from ingestion.mapping.document import document_text
from ingestion.mapping.format import ANY_VALUE, Condition, Paths, Value

Record = Mapping[str, Any]
Getter = Callable[[Record], Any]


def compile_paths(paths: Paths) -> Getter:
    """The value at the path; of several paths, the first that is neither null nor empty."""
    if isinstance(paths, str):
        return _compile_path(paths)
    getters = [_compile_path(path) for path in paths]

    def first(record: Record) -> Any:
        for get in getters:
            value = get(record)
            if value is not None and value != "":
                return value
        return None

    return first


def compile_condition(condition: Condition) -> Callable[[Record], bool]:
    """Whether every path of the condition has one of the values it asks for."""
    tests: list[tuple[Getter, tuple[Any, ...] | None]] = [
        (
            _compile_path(path),
            None if wanted == ANY_VALUE else wanted if isinstance(wanted, tuple) else (wanted,),
        )
        for path, wanted in condition.items()
    ]

    def holds(record: Record) -> bool:
        for get, wanted in tests:
            value = get(record)
            if value is None if wanted is None else value not in wanted:
                return False
        return True

    return holds


def compile_value(value: Value) -> Getter:
    """What the expression gives for a record, before it is converted to the field's type."""
    get = _origin(value)
    if value.transform == "document":
        get = _document(get)
    elif value.transform is not None:
        get = _each(get, _TRANSFORMS[value.transform])
    if value.matching is not None:
        get = _each(get, _matching(re.compile(value.matching)))
    if value.translation is not None:
        get = _translated(get, value.translation)
    if value.prefix is not None:
        prefix = value.prefix
        get = _each(get, lambda text: f"{prefix}{text}")
    return get


def _compile_path(path: str) -> Getter:
    return compile_names(path.split("."))


def compile_names(names: Sequence[str]) -> Getter:
    """The value that these names lead to, each taken as it stands."""
    if len(names) == 1:
        (only,) = names
        return lambda record: record.get(only)

    def walk(record: Record) -> Any:
        value: Any = record
        for name in names:
            if isinstance(value, Mapping):
                value = value.get(name)
            elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
                value = value[int(name)]
            else:
                return None
        return value

    return walk


def entries(answer: Any, path: str) -> list[Any]:
    """All values at the path, through the lists on its way and that at its end."""
    found = [answer]
    for name in path.split("."):
        found = _flat(value.get(name) for value in found if isinstance(value, Mapping))
    return [value for value in found if value is not None]


def _origin(value: Value) -> Getter:
    if value.path is not None:
        return compile_paths(value.path)
    if value.join is not None:
        names = [_compile_path(path) for path in value.join]
        return lambda record: " ".join(
            text for text in (to_text(get(record)) for get in names) if text
        )
    if value.parts is not None:
        parts = [compile_value(part) for part in value.parts]
        return lambda record: _flat(get(record) for get in parts)
    cases = [(compile_condition(case.when), case.then) for case in value.choose or ()]
    return lambda record: next((then for holds, then in cases if holds(record)), None)


def _flat(values: Any) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        flat += value if isinstance(value, list) else [value]
    return flat


def _each(get: Getter, change: Callable[[str], str | None]) -> Getter:
    """Change a text, or every text of a list; what is missing stays missing."""

    def changed(record: Record) -> Any:
        value = get(record)
        if isinstance(value, list):
            return [change(text) for text in map(to_text, value) if text is not None]
        text = to_text(value)
        return None if text is None else change(text)

    return changed


def _document(get: Getter) -> Getter:
    return lambda record: document_text(get(record))


def _translated(get: Getter, translation: Mapping[str, str]) -> Getter:
    """Ours for theirs; of a list (such as tags), the first that is known."""

    def translate(record: Record) -> str | None:
        value = get(record)
        for item in value if isinstance(value, list) else [value]:
            found = translation.get(to_text(item) or "")
            if found is not None:
                return found
        return None

    return translate


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda text: text if pattern.fullmatch(text) else None


def _host(address: str) -> str | None:
    """The lower-case host of a web address, with or without scheme; `www.` says nothing."""
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return None
    host = (host or "").strip(".").removeprefix("www.")
    return host if "." in host and " " not in host else None


def _email_host(address: str) -> str | None:
    _, at, host = address.rpartition("@")
    return _host(host.rstrip("> ")) if at else None


def _percent(share: str) -> str:
    """0.2 as 20."""
    try:
        return f"{Decimal(share) * 100:f}"
    except ArithmeticError:
        return share  # which is then found to be no number


_TRANSFORMS: Mapping[str, Callable[[str], str | None]] = {
    "upper": str.upper,
    "lower": str.lower,
    "host": _host,
    "email_host": _email_host,
    "percent": _percent,
}
