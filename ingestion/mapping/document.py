"""Atlassian Document Format as text: what a person would read in it.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/ has the nodes. One that
is not known here is read through its contents, so that no text is lost to a newer version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

Node = Mapping[str, Any]


class _End(Enum):
    """What follows a node."""

    NOTHING = ""
    CELL = "\t"
    LINE = "\n"


# A row of a table is a line, with tabs between its cells.
_ENDS = {
    **dict.fromkeys(("tableCell", "tableHeader"), _End.CELL),
    **dict.fromkeys(
        ("paragraph", "heading", "blockquote", "codeBlock", "panel", "rule", "listItem", "taskItem",
         "decisionItem", "tableRow", "mediaSingle", "mediaGroup", "expand", "nestedExpand",
         "blockCard", "embedCard"),
        _End.LINE,
    ),
}  # fmt: skip


def document_text(document: Any) -> str | None:
    """The text of a document, not cleaned yet; None when there is none.

    A text stays what it is, for fields that are no documents everywhere. Raises ValueError for
    anything else.
    """
    if document is None or isinstance(document, str):
        return document
    if not isinstance(document, Mapping):
        raise ValueError("it is neither a document nor a text")  # noqa: TRY004
    text = _Text()
    # A stack instead of recursion: how deep a document goes is up to whoever wrote it.
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _End):
            text.end(node)
        elif isinstance(node, Mapping):
            text.say(_own_text(node))
            content = node.get("content")
            waiting.append(_ENDS.get(_text(node.get("type")), _End.NOTHING))
            waiting += reversed(content) if isinstance(content, list) else ()
    return "".join(text.parts).strip() or None


class _Text:
    """Texts, with what parts them: where several nodes end at once, the outermost counts."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._ended = True  # nothing to part yet

    def say(self, text: str) -> None:
        if text:
            self.parts.append(text)
            self._ended = False

    def end(self, end: _End) -> None:
        if end is _End.NOTHING:
            return
        if not self._ended:
            self.parts.append(end.value)
            self._ended = True
        elif self.parts:
            self.parts[-1] = end.value


def _own_text(node: Node) -> str:
    """What the node says beside its contents."""
    told = _TEXTS.get(_text(node.get("type")))
    attributes = node.get("attrs")
    if told is None:
        return ""
    return told(node, attributes if isinstance(attributes, Mapping) else {})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _day(attributes: Node) -> str:
    """A date of a document is midnight UTC, in milliseconds since 1970, as a text."""
    try:
        return (
            f"{datetime.fromtimestamp(int(attributes.get('timestamp', '')) / 1000, UTC):%Y-%m-%d}"
        )
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


_TEXTS: Mapping[str, Callable[[Node, Node], str]] = {
    "text": lambda node, _: _text(node.get("text")),
    "hardBreak": lambda _, __: "\n",
    "mention": lambda _, attributes: _text(attributes.get("text")),
    "emoji": lambda _, attributes: (
        _text(attributes.get("text")) or _text(attributes.get("shortName"))
    ),
    "status": lambda _, attributes: _text(attributes.get("text")),
    "date": lambda _, attributes: _day(attributes),
    "inlineCard": lambda _, attributes: _text(attributes.get("url")),
    "blockCard": lambda _, attributes: _text(attributes.get("url")),
    "embedCard": lambda _, attributes: _text(attributes.get("url")),
    "media": lambda _, attributes: _text(attributes.get("alt")),
    "expand": lambda _, attributes: _titled(attributes),
    "nestedExpand": lambda _, attributes: _titled(attributes),
}


def _titled(attributes: Node) -> str:
    title = _text(attributes.get("title"))
    return f"{title}\n" if title else ""
