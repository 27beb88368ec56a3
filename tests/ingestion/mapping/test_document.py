"""Atlassian Document Format as text."""

from __future__ import annotations

from typing import Any

import pytest

from ingestion.mapping.document import document_text

Node = dict[str, Any]


def _text(text: str) -> Node:
    return {"type": "text", "text": text}


def _node(kind: str, *content: Node, **attributes: Any) -> Node:
    return {"type": kind, "content": list(content), "attrs": attributes}


def _paragraph(*texts: str) -> Node:
    return _node("paragraph", *map(_text, texts))


def _item(*content: Node) -> Node:
    return _node("listItem", *content)


DOCUMENTS: list[tuple[Any, str | None]] = [
    # nothing, and what has no text
    (None, None),
    (_node("doc"), None),
    (_node("doc", _node("rule")), None),
    # a field that is no document is a text already
    ("plain", "plain"),
    # a line for each paragraph, whatever marks its texts have
    (_node("doc", _paragraph("one ", "line"), _paragraph("another")), "one line\nanother"),
    (_node("doc", _node("paragraph", _text("a"), {"type": "hardBreak"}, _text("b"))), "a\nb"),
    (_node("doc", _node("heading", _text("Title"), level=1), _paragraph("text")), "Title\ntext"),
    (_node("doc", _node("codeBlock", _text("x = 1\ny = 2"), language="python")), "x = 1\ny = 2"),
    # a list in a list
    (
        _node("doc", _node("bulletList", _item(_paragraph("a"), _node("orderedList",
              _item(_paragraph("b")))), _item(_paragraph("c")))),
        "a\nb\nc",
    ),
    # a table: rows are lines, cells are parted by tabs
    (
        _node("doc", _node("table",
              _node("tableRow", _node("tableHeader", _paragraph("k")),
                    _node("tableHeader", _paragraph("v"))),
              _node("tableRow", _node("tableCell", _paragraph("1")),
                    _node("tableCell", _paragraph("2"))))),
        "k\tv\n1\t2",
    ),
    # what stands within a line and is no text
    (_node("doc", _node("paragraph", _node("mention", id="1", text="@Ann"))), "@Ann"),
    (_node("doc", _node("paragraph", _node("emoji", shortName=":tada:", text="🎉"))), "🎉"),
    (_node("doc", _node("paragraph", _node("emoji", shortName=":ours:"))), ":ours:"),
    (_node("doc", _node("paragraph", _node("status", text="DONE", color="green"))), "DONE"),
    (_node("doc", _node("paragraph", _node("date", timestamp="1700000000000"))), "2023-11-14"),
    (_node("doc", _node("paragraph", _node("date", timestamp="soon"))), None),
    (_node("doc", _node("paragraph", _node("inlineCard", url="https://x.example/1"))),
     "https://x.example/1"),
    (_node("doc", _node("mediaSingle", _node("media", id="1", alt="a screenshot")),
           _paragraph("see above")), "a screenshot\nsee above"),
    # a title, and what it hides until somebody asks
    (_node("doc", _node("expand", _paragraph("details"), title="Log")), "Log\ndetails"),
    # a node that is not known, and one that is broken
    (_node("doc", _node("somethingNew", _paragraph("kept"))), "kept"),
    (_node("doc", {"type": "text", "text": 7}, {"type": "paragraph", "content": 7}), None),
    (_node("doc", {"type": ["text"], "text": "a"}, {"type": {}, "content": [_text("b")]}), "b"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "expected"), DOCUMENTS)
def test_a_document_reads_as_its_text(document: Any, expected: str | None) -> None:
    assert document_text(document) == expected


def test_how_deep_a_document_goes_does_not_matter() -> None:
    document = _paragraph("at the bottom")
    for _ in range(100_000):
        document = {"type": "panel", "content": [document]}
    assert document_text(document) == "at the bottom"
    while "content" in document:  # so that it is not taken apart by recursion either
        document = document["content"][0]


def test_anything_else_is_refused() -> None:
    with pytest.raises(ValueError, match="neither a document nor a text"):
        document_text([_text("a")])
