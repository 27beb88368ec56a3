"""The text of a rule, before anyone asks what it means: which characters and quotes it may have.

Python's own grammar reads the rules, so that nothing may reach it that looks like one thing to the
author and another to Python: prefixes, escapes, joined texts, look-alike letters, comments.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
import warnings
from collections.abc import Mapping

from index.errors import ConfigurationError

MAX_LENGTH = 2_000
"""Characters; a longer rule is several rules."""


class RuleError(ConfigurationError):
    """A rule that cannot be used, with the place and the way out; a rule has one line."""

    def __init__(self, reason: str, *, text: str, column: int) -> None:
        self.reason = reason
        self.text = text
        self.line = 1
        self.column = column
        pointer = f"\n    {text}\n    {' ' * (column - 1)}^" if text.isprintable() and text else ""
        super().__init__(f"column {column}: {reason}{pointer}")


def read(text: str) -> ast.expr:
    """The syntax tree of a rule; RuleError when the text is no expression of plain parts."""
    if not text.strip():
        raise RuleError("the condition is empty; write `true` to mean always", text=text, column=1)
    if len(text) > MAX_LENGTH:
        reason = f"the condition has more than {MAX_LENGTH} characters; split it into several rules"
        raise RuleError(reason, text="", column=MAX_LENGTH + 1)
    _refuse_invisible(text)
    outline = _outline(text)
    if date := _DATE.search(outline):
        reason = 'a time stands in quotes, with its zone: "2026-01-31T09:00:00Z"'
        raise RuleError(reason, text=text, column=date.start() + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _tree(text)
    except SyntaxError as error:
        reason, column = _syntax_problem(outline, error)
        raise RuleError(reason, text=text, column=column) from None
    except (RecursionError, MemoryError, ValueError):
        reason = "the condition is nested too deeply; split it into several rules"
        raise RuleError(reason, text=text, column=1) from None


def _tree(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SystemError:
        # CPython 3.11 counts the levels of a tree for all threads at once, and fails when another
        # one reads meanwhile (CPython issue 106905). Nothing is wrong with the text.
        return ast.parse(text, mode="eval").body


def column_of(text: str, byte_offset: int) -> int:
    """The column, from 1, of a syntax tree's position, which counts UTF-8 bytes from 0."""
    return len(text.encode()[:byte_offset].decode()) + 1


def invisible(text: str) -> tuple[int, str] | None:
    """The place of the first invisible character, and why it cannot be used."""
    for index, character in enumerate(text):
        if unicodedata.category(character) in _INVISIBLE:
            return (
                index,
                f"the invisible character U+{ord(character):04X} cannot be used; delete it",
            )
    return None


def _refuse_invisible(text: str) -> None:
    if line_end := re.search(r"[\r\n]", text):
        reason = "a condition stands on one line; in YAML, `>-` folds several lines into one"
        raise RuleError(reason, text=text, column=line_end.start() + 1)
    if found := invisible(text):
        raise RuleError(found[1], text=text, column=found[0] + 1)


def _outline(text: str) -> str:
    """The text with quotes for all that is quoted; RuleError for what is refused outside them."""
    outline = list(text)
    index = 0
    while index < len(text):
        character = text[index]
        if character in "'\"":
            end = _closing_quote(text, index)
            outline[index : end + 1] = '"' * (end + 1 - index)
            index = end + 1
        elif text[index : index + 2] == "<>":
            raise RuleError("write `!=`", text=text, column=index + 1)
        elif text[index : index + 2] == "--":
            raise RuleError(_HINTS["#"], text=text, column=index + 1)
        elif text[index : index + 2] in _OPERATORS:
            index += 2
        elif character in _PLAIN:
            index += 1
        else:
            raise RuleError(_hint(character), text=text, column=index + 1)
    return "".join(outline)


def _closing_quote(text: str, start: int) -> int:
    """Where the quoted part that opens at `start` ends; it must be a plain text on its own."""
    quote = text[start]
    if start and (text[start - 1].isalnum() or text[start - 1] == "_"):
        reason = "a letter directly before a quote has no meaning here; put a space or remove it"
        raise RuleError(reason, text=text, column=start)
    index = start + 1
    while index < len(text) and text[index] != quote:
        if text[index] == "\\":
            if text[index + 1 : index + 2] not in ("\\", "'", '"'):
                reason = "a backslash may stand only before a quote or another backslash"
                raise RuleError(reason, text=text, column=index + 1)
            index += 1
        index += 1
    if index >= len(text):
        raise RuleError("this quote is never closed", text=text, column=start + 1)
    following = text[index + 1 :].lstrip(" ")
    if following[:1] in ("'", '"'):
        reason = "two texts stand side by side; put a comma or an operator between them"
        raise RuleError(reason, text=text, column=len(text) - len(following) + 1)
    return index


def _hint(character: str) -> str:
    if character in _HINTS:
        return _HINTS[character]
    if character.isascii():
        return f"`{character}` cannot be used in a condition"
    name = unicodedata.name(character, "unnamed").lower()
    return (
        f"`{character}` ({name}, U+{ord(character):04X}) cannot be used outside quotes;"
        " names and operators are plain ASCII"
    )


def _syntax_problem(outline: str, error: SyntaxError) -> tuple[str, int]:
    """What is wrong with a text that is no expression, and its column."""
    column = min(max(error.offset or 1, 1), len(outline))
    if "too many nested" in error.msg:
        return "the condition is nested too deeply; split it into several rules", column
    for word in re.finditer(r"\b(?:and|or|not|in)\b", outline, re.IGNORECASE):
        if word[0] != word[0].lower():
            return f"write `{word[0].lower()}` in small letters", word.start() + 1
    if _unbalanced(outline):
        return "a parenthesis or bracket is opened or closed once too often", column
    for name in re.findall(r"\.\s*(\w+)", outline):
        if keyword.iskeyword(name):
            reason = f"a field named `{name}` cannot be used in a condition; rename it in the model"
            return reason, column
    for pattern, reason in _SYNTAX_REASONS:
        if found := re.search(pattern, outline, re.IGNORECASE):
            return reason.format(found[0].strip()), found.start() + 1
    reason = 'it cannot be read from here on; a condition looks like `ticket.status == "open"`'
    return reason, column


def _unbalanced(outline: str) -> bool:
    """Whether a bracket closes another one than the last that was opened, or none."""
    opened: list[str] = []
    for character in outline:
        if character in _CLOSING.values():
            opened.append(character)
        elif character in _CLOSING and (not opened or opened.pop() != _CLOSING[character]):
            return True
    return bool(opened)


_CLOSING = {")": "(", "]": "["}
_DATE = re.compile(r"\b\d{4}-\d{1,2}-\d{1,2}\b")
_SYNTAX_REASONS = (
    (r"\b(i?like|matches|regexp?)\b",
     "`{}` cannot be used; write startsWith(…), endsWith(…) or contains(…)"),
    (r"(?<=\s)(startsWith|endsWith|contains|overlaps)(?=\s)", "write {}(…, …)"),
    (r"(?<=\s)between(?=\s)", "`{}` cannot be used; write `1 <= ticket.… <= 5`"),
    (r"(?<=[=<>])\s*not\b", "`not` stands before a whole comparison: `not (… == …)`"),
    (r"(?<![\w.])0\d", "a number does not begin with 0"),
    (r"(\b(and|or|not|in)|[=<>]+|[,.-])\s*$", "something is missing after this"),
    (r"^\s*(and\b|or\b|in\b|[=<>,.])", "something is missing before this"),
)  # fmt: skip
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_OPERATORS = frozenset({"==", "!=", "<=", ">="})
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .,()[]<>-")
_HINTS: Mapping[str, str] = {
    "=": "write `==` to compare",
    "!": "write `not`, or `!=` to compare",
    "&": "write `and`",
    "|": "write `or`",
    "#": "comments cannot be used; explain the rule in `because`",
    ";": "a rule is one condition; write a second rule",
    "+": "arithmetic cannot be used",
    "*": "arithmetic and wildcards cannot be used",
    "/": "arithmetic cannot be used",
    "%": "wildcards cannot be used; write startsWith(…), endsWith(…) or contains(…)",
    "~": "regular expressions cannot be used; write startsWith(…), endsWith(…) or contains(…)",
    "`": 'write quotes: "…"',
    "“": 'curly quotes cannot be used; write straight ones: "…"',
    "”": 'curly quotes cannot be used; write straight ones: "…"',
    "‘": "curly quotes cannot be used; write straight ones: '…'",
    "’": "curly quotes cannot be used; write straight ones: '…'",
}
