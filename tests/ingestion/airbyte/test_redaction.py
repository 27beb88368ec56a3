"""What a text from outside still tells once the secrets of a source are taken out."""

from __future__ import annotations

import base64
import logging

import pytest

from ingestion.airbyte.diagnosis import listening
from ingestion.airbyte.redaction import Redactor

SECRET = "Str0ngPassw0rd?xyz"

PAIRS = [
    # The secret begins at each of the three places that a letter of base64 can begin at.
    f"abc{SECRET}",
    f"abcd{SECRET}:",
    f"abcde{SECRET}:more",
]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_secret_is_found_inside_base64(pair: str) -> None:
    encoded = base64.b64encode(pair.encode()).decode()
    shown = Redactor({"password": SECRET})(f"Basic {encoded}")
    before, _, after = shown.partition("***")
    # At most one letter on either side shares its bits with the secret.
    assert len(before) + len(after) <= len(f"Basic {encoded}") - len(SECRET) * 8 // 6 + 2


def test_what_the_cdk_logs_is_redacted_before_it_is_cut() -> None:
    with listening("s", "airbyte.remit.x", Redactor({"password": SECRET})) as findings:
        logging.getLogger("airbyte.x").warning(f"login with {SECRET} failed")
        logging.getLogger("airbyte.x").warning("x" * 290 + SECRET)
    assert findings.warnings == ["login with *** failed", "x" * 290 + "***"]
