"""Identifiers and times written the way each vendor writes them."""

from __future__ import annotations

import random
import string
from datetime import UTC, datetime

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_CHECK_CHARACTERS = string.ascii_uppercase + "012345"

SALESFORCE_PREFIXES = {
    "Account": "001",
    "Contact": "003",
    "User": "005",
    "Opportunity": "006",
    "OpportunityStage": "01J",
    "Case": "500",
    "CaseComment": "00a",
    "EmailMessage": "02s",
    "Group": "00G",
}


def salesforce_id(kind: str, number: int) -> str:
    """The `number`-th 18-character id of an object; the last three characters check its case."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    case_sensitive = f"{SALESFORCE_PREFIXES[kind]}Kd00000{digits.rjust(5, '0')}"
    check = ""
    for start in (0, 5, 10):
        chunk = case_sensitive[start : start + 5]
        bits = sum(1 << place for place, letter in enumerate(chunk) if letter.isupper())
        check += _CHECK_CHARACTERS[bits]
    return case_sensitive + check


def stripe_id(rng: random.Random, prefix: str, length: int = 24) -> str:
    """A Stripe id such as `in_1P…`: the prefix and `length` random letters and digits."""
    return f"{prefix}_{''.join(rng.choices(_BASE62, k=length))}"


def from_milliseconds(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
        microsecond=milliseconds % 1000 * 1000
    )


def salesforce_time(moment: datetime) -> str:
    """As `2026-10-01T09:00:00.000+0000`; Salesforce answers in UTC with milliseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def milliseconds_time(moment: datetime) -> str:
    """As `2026-10-01T09:00:00.000Z`, which HubSpot writes."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def zendesk_time(moment: datetime) -> str:
    """As `2026-10-01T09:00:00Z`; Zendesk keeps whole seconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def epoch(moment: datetime) -> int:
    return int(moment.timestamp())
