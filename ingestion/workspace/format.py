"""What `remit.yaml` may say.

    model: ./model                # left out: the shipped business model
    policies: ./policies          # what is in force until a version is published
    sources:
      zendesk-emea:
        connector: zendesk        # or manifest, command, package (with version), image
        settings:
          base_url: https://acme.zendesk.com
          email: integration@acme.example
          api_token: sealed:zendesk-emea.api_token      # or env:NAME, file:PATH
        streams: [tickets, users]                       # left out: all
        requests_per_minute: 400                        # left out: what the vendor documents
        schedule:
          every: 15m
          reconcile: 7d           # or a cron expression, or never
          streams:
            users: {cron: "0 3 * * *"}

A source stands in the database as it stands here, without its schedule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from index.errors import ConfigurationError
from ingestion.airbyte.origin import KINDS, Origin
from ingestion.request_budget import LEAST
from ingestion.schedule.schedules import Cron, Every, Rhythm, Slot

NEVER = "never"
RECONCILE = Every(7 * 86_400)
"""How often what a source announces no deletions of is read whole, unless a schedule says it."""

_DURATION = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Strict(BaseModel):
    """A part of the file in which every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Times(Strict):
    """`every: 15m`, or `cron: "0 3 * * *"` in UTC; and when everything is read: `reconcile: 7d`."""

    every: str | None = None
    cron: str | None = None
    reconcile: str | None = None

    @field_validator("every")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            _refuse(lambda: Every(_seconds(value)))
        return value

    @field_validator("cron")
    @classmethod
    def _moments(cls, value: str | None) -> str | None:
        if value is not None:
            _refuse(lambda: Cron(value))
        return value

    @field_validator("reconcile")
    @classmethod
    def _duration_or_moments(cls, value: str | None) -> str | None:
        if value is not None and value != NEVER:
            _refuse(lambda: _rhythm(value))
        return value

    @property
    def rhythm(self) -> Rhythm | None:
        if self.every is not None:
            return Every(_seconds(self.every))
        return Cron(self.cron) if self.cron is not None else None

    @property
    def reconciles(self) -> Rhythm | None:
        return None if self.reconcile in (None, NEVER) else _rhythm(str(self.reconcile))


class TimesEntry(_Times):
    """When one stream is read."""

    @model_validator(mode="after")
    def _one_of_both(self) -> TimesEntry:
        if self.every is not None and self.cron is not None:
            raise ValueError("give exactly one of every, cron")
        if self.rhythm is None and self.reconcile is None:
            raise ValueError("give exactly one of every, cron; or reconcile alone")
        if self.reconcile == NEVER:
            raise ValueError(
                "`reconcile: never` is said of a whole source; its streams that are to be"
                " reconciled all the same have times of their own"
            )
        return self


class ScheduleEntry(_Times):
    """When a source is read: all of its streams alike, but for those in `streams`."""

    streams: dict[str, TimesEntry] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something(self) -> ScheduleEntry:
        if (self.every is None) == (self.cron is None) and not (self.streams and not self.every):
            raise ValueError("give exactly one of every, cron; or times for some `streams` alone")
        return self

    def rhythms(self, source: str, reconcile: Rhythm | None) -> Mapping[Slot, Rhythm]:
        """All of a source's schedules; `reconcile` is the one it has if nothing is said."""
        whole = self.reconciles if self.reconcile is not None else reconcile
        times: dict[Slot, Rhythm | None] = {
            Slot(source): self.rhythm,
            Slot(source, reconcile=True): whole,
        }
        for name, entry in self.streams.items():
            times[Slot(source, name)] = entry.rhythm
            times[Slot(source, name, reconcile=True)] = entry.reconciles
        return {slot: rhythm for slot, rhythm in times.items() if rhythm is not None}


class SourceEntry(Strict):
    """One source: exactly one of `KINDS`, its settings, and which of its streams are read."""

    connector: str | None = None
    manifest: Path | None = None
    command: tuple[str, ...] | None = Field(default=None, min_length=1)
    package: str | None = None
    version: str | None = None
    image: str | None = None
    mapping: Path | None = None
    settings: dict[str, Any] = Field(default_factory=dict, repr=False)
    streams: tuple[str, ...] | None = Field(default=None, min_length=1)
    requests_per_minute: int | None = Field(default=None, ge=LEAST, strict=True)
    schedule: ScheduleEntry | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> SourceEntry:
        _refuse(lambda: self.origin)
        if self.requests_per_minute is not None and self.origin.is_process:
            raise ValueError(
                "`requests_per_minute` cannot be kept by a connector that runs as a process: it"
                " sends its requests by itself. Look for a setting of its own"
            )
        return self

    @property
    def origin(self) -> Origin:
        named = (*KINDS, "version", "mapping")
        return Origin(**{name: getattr(self, name) for name in named})

    def schedules(self, name: str) -> Mapping[Slot, Rhythm]:
        """When a source of this name is read, and what of it.

        A connector that is a process may list only what is recent, so it is never reconciled
        unless somebody says so.
        """
        if self.schedule is None:
            return {}
        return self.schedule.rhythms(name, None if self.origin.is_process else RECONCILE)

    def definition(self) -> dict[str, Any]:
        """As the database keeps it."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"schedule"})


class Workspace(Strict):
    """A whole `remit.yaml`."""

    model: Path | None = None
    policies: Path | None = None
    sources: dict[str, SourceEntry] = Field(default_factory=dict)

    @field_validator("sources")
    @classmethod
    def _names(cls, value: dict[str, SourceEntry]) -> dict[str, SourceEntry]:
        for name in value:
            require_source_name(name)
        return value


def require_source_name(name: str) -> None:
    """Raises ValueError for what no source can be called."""
    if _SOURCE_NAME.fullmatch(name) is None:
        raise ValueError(
            "a source's name is made of up to 100 letters, digits, `.`, `_` and `-`; if a value is"
            " meant, a space is missing after its colon"
        )


def known_keys(location: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys that may stand at a place in the file."""
    part: type[BaseModel]
    match location:
        case ():
            part = Workspace
        case ("sources", _):
            part = SourceEntry
        case ("sources", _, "schedule"):
            part = ScheduleEntry
        case ("sources", _, "schedule", "streams", _):
            part = TimesEntry
        case _:
            return ()
    return tuple(part.model_fields)


def streams_named(entry: SourceEntry) -> Iterator[str]:
    """The streams that an entry names, wherever it does."""
    yield from entry.streams or ()
    yield from entry.schedule.streams if entry.schedule is not None else ()


def _seconds(text: str) -> int:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ConfigurationError("It is a number and a unit: 90s, 15m, 2h, 1d.")
    return int(found[1]) * _SECONDS[found[2]]


def duration(seconds: int) -> str:
    """As the file has it, in the largest unit that it is a whole number of."""
    unit = next(unit for unit in reversed(_SECONDS) if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def _rhythm(text: str) -> Rhythm:
    return Cron(text) if len(text.split()) > 1 else Every(_seconds(text))


def _refuse(make: Callable[[], object]) -> None:
    """Say it as pydantic wants it said."""
    try:
        make()
    except ConfigurationError as error:
        text = str(error).rstrip(".")
        raise ValueError(text) from None
