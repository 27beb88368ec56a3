"""Text from a source, made harmless: no markup, no control or invisible characters, NFC.

What a person cannot see can still steer a language model: zero-width and bidirectional controls,
Unicode tag characters and HTML comments are the usual carriers, so none of them is stored.
"""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

# Line breaks and tabs are text; everything else here is unseen. Joiners (U+200C, U+200D) stay where
# they shape a script or an emoji, which is between two characters that are not ASCII.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U000e0000-\U000e0fff\ud800-\udfff]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f])"
)
_ASCII_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_REPEATED_JOINERS = re.compile("([\u200c\u200d])[\u200c\u200d]+")

# Only elements of HTML make a text HTML: `List<String>` and `<ann@acme.example>` are plain text.
_ELEMENTS = (
    "a|abbr|article|b|blockquote|body|br|button|center|code|dd|div|dl|dt|em|embed|font|footer|form"
    "|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|label|li|link|main|meta|nav|noscript|object"
    "|ol|p|pre|s|script|section|small|span|strike|strong|style|sub|sup|svg|table|tbody|td|template"
    "|textarea|tfoot|th|thead|title|tr|u|ul|video"
)
_MARKUP = re.compile(rf"</?(?:{_ELEMENTS})(?:\s[^<>]*)?/?>|<!--|<!doctype", re.IGNORECASE)
_BLOCKS = re.compile(
    "article|blockquote|br|dd|div|dl|dt|footer|form|h[1-6]|header|hr|li|main|nav|ol|p|pre|section"
    "|table|tr|ul"
)
_NEVER_SHOWN = frozenset({"head", "script", "style", "template", "title", "noscript"})
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


def clean(text: str) -> str:
    """The text as a person would read it; an empty string when nothing is left."""
    if "<" in text and _MARKUP.search(text):
        text = _without_markup(text)
    if "\r" in text or "\x85" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
    if text.isascii():
        # Most texts are; one pass over them is enough.
        return text.strip() if text.isprintable() else _ASCII_CONTROLS.sub("", text).strip()
    text = _REPEATED_JOINERS.sub(r"\1", _UNSEEN.sub("", text))
    return unicodedata.normalize("NFC", text).strip()


def _without_markup(text: str) -> str:
    reader = _TextOf()
    try:
        reader.feed(text)
        reader.close()
    except AssertionError:
        # What the parser says of a marked section that it does not know, as in `<![foo[`.
        return _MARKUP.sub("", text)
    if reader.is_hiding:
        # An element that is never closed (a person wrote "the <script> tag") must not swallow the
        # rest; only the tags go.
        return _MARKUP.sub("", text)
    return _BLANK_LINES.sub("\n\n", "".join(reader.parts))


class _TextOf(HTMLParser):
    """Collects what a browser would show, with a line break where a block begins or ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    @property
    def is_hiding(self) -> bool:
        return self._hidden > 0 or self.cdata_elem is not None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _NEVER_SHOWN:
            self._hidden += 1
        elif not _MARKUP.match(f"<{tag}>"):
            self._say(self.get_starttag_text() or "")
        elif _BLOCKS.fullmatch(tag):
            self._say("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _NEVER_SHOWN:
            self._hidden = max(0, self._hidden - 1)
        elif _BLOCKS.fullmatch(tag):
            self._say("\n")

    def handle_data(self, data: str) -> None:
        self._say(data)

    def _say(self, text: str) -> None:
        if not self._hidden:
            self.parts.append(text)
