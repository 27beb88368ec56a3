"""`remit policy diff`, `preview`, `approve`, `publish` and `rollback`: a version on its way."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from api.cli.policy.seat import Seat, open_desk
from api.cli.screen import agreed, counting, remark, require_consent, tell
from api.policy_desk import Change
from api.settings import Settings


def run_diff(settings: Settings, number: int, user: str | None) -> None:
    """Print what a version changes, line by line, in words, and for whom."""
    with open_desk(settings, user) as seat:
        base, old = seat.desk.documents(seat.editor)
        new = seat.desk.version(seat.editor, number).documents
        change = _preview(seat, number)
    before = "start" if base is None else f"version-{base}"
    lines = list(_text_diff(old, new, before, f"version-{number}"))
    tell([*lines, *([""] if lines else ()), *change.lines()])


def run_preview(settings: Settings, number: int, user: str | None) -> None:
    """Print what a version changes in words, and for whom."""
    with open_desk(settings, user) as seat:
        tell(_preview(seat, number).lines())


def run_approve(settings: Settings, number: int, user: str | None, reason: str) -> None:
    """Agree to a version in the name of a user."""
    with open_desk(settings, user) as seat:
        seat.desk.approve(seat.editor, number, reason)
    tell([f"{seat.editor.name} approves of version {number}."])


def run_publish(
    settings: Settings, number: int, user: str | None, reason: str, *, yes: bool
) -> bool:
    """Show anew what the version changes, ask, and put it in force; whether it is."""
    require_consent(yes)
    with open_desk(settings, user) as seat:
        tell([*_preview(seat, number).lines(), ""])
        if not agreed(f"Put version {number} in force for {settings.tenant}?", yes=yes):
            remark("Nothing was published.")
            return False
        seat.desk.publish(seat.editor, number, reason)
    tell([f"Version {number} is in force."])
    return True


def run_rollback(settings: Settings, user: str | None, reason: str, *, yes: bool) -> bool:
    """Ask, and put back what was in force before; whether it is."""
    require_consent(yes)
    with open_desk(settings, user) as seat:
        number, _ = seat.desk.documents(seat.editor)
        before = None if number is None else seat.desk.version(seat.editor, number).parent
        question = f"Take version {number} back, and put version {before} in force?"
        # Without one before there is nothing to agree to; the desk says so.
        if before is not None and not agreed(question, yes=yes):
            remark("Nothing was taken back.")
            return False
        before = seat.desk.rollback(seat.editor, reason)
    tell([f"Version {before} is in force."])
    return True


def _preview(seat: Seat, number: int) -> Change:
    with counting("Looking at rows") as progress:
        return seat.desk.preview(seat.editor, number, progress)


def _text_diff(
    old: Mapping[str, str], new: Mapping[str, str], before: str, after: str
) -> Iterator[str]:
    """The documents that differ as a unified diff."""
    for name in sorted({*old, *new}):
        for line in difflib.unified_diff(
            old.get(name, "").splitlines(keepends=True),
            new.get(name, "").splitlines(keepends=True),
            f"{before}/{name}" if name in old else "/dev/null",
            f"{after}/{name}" if name in new else "/dev/null",
        ):
            yield line.removesuffix("\n")
            if not line.endswith("\n"):
                yield "\\ No newline at end of file"
