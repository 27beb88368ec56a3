"""What identifies a row cannot be masked, so the fields that repeat it have to be known."""

from __future__ import annotations

from pathlib import Path

import yaml

_ROOT = Path(__file__).resolve().parents[2]


def test_every_field_that_repeats_the_id_of_a_record_is_named_in_the_docs() -> None:
    documented = (_ROOT / "docs" / "leaks.md").read_text(encoding="utf-8")
    found = []
    for path in sorted(_ROOT.glob("ingestion/connectors/*/mapping.yaml")):
        for stream in yaml.safe_load(path.read_text(encoding="utf-8"))["streams"].values():
            for entity in stream.get("entities", ()):
                found += [
                    f"{entity['entity']}.{field}"
                    for field, source in entity["fields"].items()
                    if source == stream["key"]
                ]
    assert found
    assert [field for field in found if f"`{field}`" not in documented] == []
