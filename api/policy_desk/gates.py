"""What has to be there before a version is put in force, besides the right to do it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from access_policies.policies import PolicySet
from access_policies.testing.policy_tests import Report
from access_policies.versions.changes import changed_entities
from access_policies.versions.history import Event, EventKind, history
from api.policy_desk.examiner import Found
from index.errors import InvalidRequest

_MOST_EVENTS = 1_000  # looked through for what was done with one version


def require_whole(old: Found | None, new: Found) -> None:
    """Raise InvalidRequest for a version that nobody could work with, or mend."""
    if not new.policies.policies:
        raise InvalidRequest(
            "This version has no policy at all, so nobody would see anything. To take access"
            " away, deny it in a policy."
        )
    if not new.policies.owners and old is not None and old.policies.owners:
        raise InvalidRequest(
            "This version says nothing of owners and administrators, so nobody could change it"
            " again but an operator. Keep the document that has `owners` and `administrators`."
        )


def require_tests(old: Found | None, new: Found, report: Report) -> None:
    """Raise InvalidRequest when a test fails, or an entity whose policy changes has none."""
    if not report.passed:
        raise InvalidRequest(
            "Some tests fail, so this cannot be published:\n" + "\n".join(report.lines())
        )
    before = PolicySet({}) if old is None else old.policies
    untested = sorted({*changed_entities(before, new.policies)} & {*report.untested})
    if untested:
        raise InvalidRequest(
            f"The policy of {', '.join(untested)} changes and has no tests. Add a document with"
            " `tests:` to it; docs/write-a-policy.md shows how."
        )


def evidence_of_preview(
    connection: Connection, tenant: str, number: int, against: str
) -> Mapping[str, object]:
    """What the last preview against what is in force has found."""
    found = noted_against(connection, tenant, number, "previewed", against)
    if not found:
        raise InvalidRequest(
            f"Version {number} has not been previewed against what is in force. Preview it"
            f" first: `remit policy preview {number}`."
        )
    return found[0].evidence


def noted_against(
    connection: Connection, tenant: str, number: int, kind: EventKind, against: str
) -> list[Event]:
    """What was done with a version as a change of what is in force, the newest first."""
    events = history(connection, tenant, _MOST_EVENTS, number, kinds=[kind])
    return [event for event in events if event.evidence.get("against") == against]
