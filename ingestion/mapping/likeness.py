"""Which property of a discovered schema is likely to be meant by a field of the model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from index.specs import FieldType

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

# Other names that systems give to what the model calls so; the most telling first.
_ALIASES: Mapping[str, Sequence[str]] = {
    "name": ("full_name", "display_name", "title", "company_name", "label"),
    "subject": ("title", "summary", "name"),
    "description": ("body", "text", "content", "details", "message"),
    "body": ("plain_body", "text", "content", "message", "html_body"),
    "number": ("display_id", "key", "ticket_number", "invoice_number", "id"),
    "email": ("email_address", "mail", "primary_email"),
    "phone": ("phone_number", "telephone", "mobile", "mobile_phone"),
    "job_title": ("title", "position", "occupation"),
    "domains": ("domain", "domain_names", "website", "web_url"),
    "status": ("state", "stage"),
    "stage": ("deal_stage", "pipeline_stage", "stage_name"),
    "type": ("kind", "category", "issue_type"),
    "channel": ("source", "via"),
    "tags": ("labels", "keywords"),
    "region": ("country", "territory"),
    "tier": ("plan", "segment"),
    "role": ("user_role", "user_type"),
    "active": ("is_active", "enabled"),
    "public": ("is_public",),
    "close_at": ("close_date", "closed_at", "expected_close_date"),
    "due_at": ("due_date", "due_by", "due"),
    "issued_at": ("date", "issue_date", "invoice_date", "created"),
    "paid_at": ("paid_date", "paid_on"),
    "created_at": ("created", "created_date", "date_created", "create_date", "created_on",
                   "creation_date", "created_time"),
    "updated_at": ("updated", "modified", "last_modified", "last_modified_date", "modified_at",
                   "updated_on", "update_date", "date_updated", "system_modstamp"),
    "amount": ("value", "total", "deal_value"),
    "total": ("amount", "total_amount", "grand_total"),
    "currency": ("currency_code", "currency_iso_code"),
    "quantity": ("count", "seats"),
}  # fmt: skip

_JSON_TYPES: Mapping[FieldType, frozenset[str]] = {
    FieldType.TEXT: frozenset({"string", "integer", "number"}),
    FieldType.ENUM: frozenset({"string"}),
    FieldType.INTEGER: frozenset({"integer"}),
    FieldType.DECIMAL: frozenset({"number", "integer"}),
    FieldType.MONEY: frozenset({"number", "integer", "string"}),
    FieldType.BOOLEAN: frozenset({"boolean"}),
    FieldType.TIMESTAMP: frozenset({"string", "integer"}),
    FieldType.TEXT_LIST: frozenset({"array", "string"}),
    FieldType.ID: frozenset({"string", "integer"}),
}


@dataclass(frozen=True)
class Property:
    """A property of a schema, at a path that a mapping can name."""

    path: str
    types: frozenset[str]  # of JSON, without null; empty: the schema does not say
    format: str | None = None
    values: tuple[str, ...] = ()

    def fits(self, kind: FieldType) -> bool:
        """Whether a field of this type can be made of it."""
        if self.types and self.types.isdisjoint(_JSON_TYPES[kind]):
            return False
        if self.format in ("date", "date-time"):
            return kind in (FieldType.TIMESTAMP, FieldType.TEXT)
        return True


def properties(schema: Mapping[str, Any], prefix: str = "") -> Iterator[Property]:
    """The properties of a JSON schema and, one level down, of the objects in it.

    Those with a dot in their name are left out: in a path it would be a step.
    """
    for name, given in (schema.get("properties") or {}).items():
        if "." in name or not isinstance(given, Mapping):
            continue
        types = frozenset(_types(given)) - {"null"}
        values = tuple(value for value in given.get("enum") or () if isinstance(value, str))
        yield Property(f"{prefix}{name}", types, given.get("format"), values)
        if "object" in types and not prefix:
            yield from properties(given, f"{name}.")


def words(name: str) -> str:
    """A name without its style: `createdAt`, `Created At` and `created_at` are one."""
    return "_".join(part.lower() for part in _WORDS.findall(name))


def singular(name: str) -> str:
    """A plural English noun as a singular, well enough to compare names."""
    for plural, ending in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("s", "")):
        if name.endswith(plural) and not name.endswith("ss"):
            return name.removesuffix(plural) + ending
    return name


def likeness(field: str, found: Property, *, about: Sequence[str] = ()) -> int:
    """How well the names agree, 0 for not at all; the same name is best, an alias comes after it.

    `about` are names of the entity, which some systems put before each field: `contact_email`.
    """
    name, _, inner = found.path.rpartition(".")
    plain = words(inner)
    for entity in about:
        plain = plain.removeprefix(f"{entity}_") or plain
    wanted = (field, *_ALIASES.get(field, ()))
    if plain not in wanted:
        return 0
    # What lies deeper is less likely to be about the record itself.
    return 100 - 2 * wanted.index(plain) - (50 if name else 0)


def _types(schema: Mapping[str, Any]) -> Iterator[str]:
    given = schema.get("type")
    if isinstance(given, str):
        yield given
    elif isinstance(given, list):
        yield from (one for one in given if isinstance(one, str))
    for union in ("anyOf", "oneOf"):
        for choice in schema.get(union) or ():
            if isinstance(choice, Mapping):
                yield from _types(choice)
