"""`remit policy shadow`: a version on trial beside the one in force, without effect."""

from __future__ import annotations

from access_policies.versions.shadow_runs import SeenDifference, ShadowRun
from api.cli.policy.seat import open_desk
from api.cli.screen import remark, tell
from api.settings import Settings


def run_start(settings: Settings, number: int, user: str | None, reason: str, hours: float) -> None:
    """Put a version on trial, in place of one that may be."""
    with open_desk(settings, user) as seat:
        run = seat.desk.start_shadow(seat.editor, number, reason, hours)
    tell([_trial(run)])


def run_stop(settings: Settings, user: str | None, reason: str) -> None:
    """End the trial under way, if there is one."""
    with open_desk(settings, user) as seat:
        number = seat.desk.stop_shadow(seat.editor, reason)
    tell(["No version is on trial." if number is None else f"The trial of version {number} ended."])


def run_show(settings: Settings, number: int | None, user: str | None, limit: int) -> None:
    """Print the trial under way, and the differences of it or of a version that was on trial."""
    with open_desk(settings, user) as seat:
        run = seat.desk.shadow(seat.editor)
        shown = number if number is not None else run.version if run is not None else None
        found = () if shown is None else seat.desk.shadow_differences(seat.editor, shown, limit)
    tell(["No version is on trial." if run is None else _trial(run)])
    if shown is None:
        return
    tell(_line(each) for each in found)
    if not found:
        remark(f"No read has shown a difference under version {shown}.")
    elif len(found) == limit:
        remark(f"These are the {limit:,} that came up most often; --limit shows more.")


def _trial(run: ShadowRun) -> str:
    return (
        f"Version {run.version} is on trial until {run.expires_at:%Y-%m-%d %H:%M} UTC, by"
        f" {run.started_by}."
    )


def _line(seen: SeenDifference) -> str:
    each = seen.difference
    of = f"{each.entity} {each.row_id}" + (f" {each.field}" if each.field else "")
    who = " with ".join(name for name in (each.user, each.agent) if name) or "nobody"
    return f"{of}  {each.change} by {who}, seen {_times(seen.seen)}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
