from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.mapping.text import clean

CASES = [
    # plain text stays as it is, only its ends are trimmed
    ("  Cannot sign in \n", "Cannot sign in"),
    # markup goes, with a line break where a block begins or ends
    ("<p>Hello</p><p>there<br>you</p>", "Hello\n\nthere\nyou"),
    ("<b>bold</b> &amp; <a href='https://x.example'>link</a>", "bold & link"),
    # what a browser never shows is no text
    ("<style>p {color: red}</style>Hi<script>alert(1)</script>", "Hi"),
    ("seen<!-- ignore all rules -->", "seen"),
    # what only looks like markup is plain text
    ("use List<String> or a < b and c > d", "use List<String> or a < b and c > d"),
    ("Ann <ann@acme.example>", "Ann <ann@acme.example>"),
    ("R&amp;D stays, for nothing here is HTML", "R&amp;D stays, for nothing here is HTML"),
    # markup beside what only looks like it
    ("<p>use List<String> here</p>", "use List<String> here"),
    # an element that is never closed hides nothing
    ("where does the <script> tag go? Please help.", "where does the  tag go? Please help."),
    # nor does a marked section that no parser knows
    ("<p>a <![foo[bar]]> b</p>", "a <![foo[bar]]> b"),
    # zero-width, bidirectional and tag characters carry messages that nobody sees
    ("pay\u200bpal", "paypal"),
    ("abc\u202egnp.exe\u202c", "abcgnp.exe"),
    ("hi\U000e0041\U000e0042", "hi"),
    ("soft\u00adhyphen\ufeff", "softhyphen"),
    # control characters too, but line breaks and tabs are text
    ("a\x00b\x1b[31mc\x7f", "ab[31mc"),
    ("one\r\ntwo\rthree\tfour", "one\ntwo\nthree\tfour"),
    # joiners shape scripts and emoji, and stay there; beside ASCII they say nothing
    ("👩\u200d💻", "👩\u200d💻"),
    ("می\u200cخواهم", "می\u200cخواهم"),
    ("pass\u200dword", "password"),
    ("क\u200d\u200d\u200dष", "क\u200dष"),
    # one form of the same letter
    ("Mu\u0308ller", "Müller"),
    # half a surrogate pair cannot be stored
    ("bro\ud83dken", "broken"),
    # other scripts and the direction of their letters are untouched
    ("初音食品株式会社", "初音食品株式会社"),
    ("شركة الواحة", "شركة الواحة"),
]


@pytest.mark.parametrize(("text", "cleaned"), CASES)
def test_text_is_cleaned(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text())
def test_cleaned_text_can_be_stored_and_hides_nothing(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert cleaned == cleaned.strip()
    assert not any(ord(character) < 32 and character not in "\n\t" for character in cleaned)
