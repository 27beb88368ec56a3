"""Where a tenant's policies are changed: draft → test → preview → approve → publish → rollback.

Who may do what is decided by Casbin, by the owners in force; each step that succeeds leaves an
event with who, why and what was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from access_policies import Principal
from access_policies.ownership.owners import Action
from access_policies.testing.policy_tests import Report
from access_policies.versions.history import NOTHING, Event, Step, history, note, words
from access_policies.versions.shadow_runs import SeenDifference, ShadowRun, running, start, stop
from access_policies.versions.shadow_runs import differences as seen_differences
from access_policies.versions.store import (
    ListedVersion,
    Version,
    find,
    hash_of,
    listed,
    put_in_force,
)
from access_policies.versions.store import draft as store_draft
from api.directory import listed as people_listed
from api.policy_desk.editor import Editor
from api.policy_desk.examiner import Change, Check, Examiner
from api.policy_desk.gates import (
    evidence_of_preview,
    noted_against,
    require_tests,
    require_whole,
)
from api.policy_desk.standing import Standing, named
from index.database import Database
from index.errors import InvalidRequest, NotPermitted
from semantic_layer.preview import Progress


class PolicyDesk:
    """All that can be done with one tenant's policies; every method says which right it needs.

    Methods raise InvalidRequest, NotPermitted, or PolicyError with all problems of the documents.
    They take their time: none is for an event loop.
    """

    def __init__(self, database: Database, examiner: Examiner, tenant: str) -> None:
        self._database = database
        self._examiner = examiner
        self._standing = Standing(database, examiner, tenant)
        self.tenant = tenant

    def editor(self, user: str | None, operator: str) -> Editor:
        """Who works at the command line: the operator, or a user of the directory in whose name,
        and with whose rights, the operator works."""
        via = f"the command line of {operator}"
        if user is None:
            return Editor(name=operator, via=via)
        with self._database.writing() as connection:
            found = people_listed(connection, self.tenant, "user", user)
        if user not in found:
            raise InvalidRequest(f"There is no user {user!r} here; `remit user list` names them.")
        principal = Principal.create(
            tenant=self.tenant,
            user=user,
            user_attributes=found[user],
            declared=self._examiner.model.callers,
        )
        return Editor(name=user, via=via, principal=principal)

    # Looking

    def documents(
        self, editor: Editor, number: int | None = None
    ) -> tuple[int | None, Mapping[str, str]]:
        """The documents of a version, or of what is in force; its number is None for those that a
        tenant starts with. Needs some right on some policy."""
        self._standing.require_any(editor)
        return self._standing.documents(number)

    def listed(self, editor: Editor, limit: int = 50) -> tuple[ListedVersion, ...]:
        """The newest versions. Needs some right on some policy."""
        self._standing.require_any(editor)
        with self._database.writing() as connection:
            return listed(connection, self.tenant, limit)

    def version(self, editor: Editor, number: int) -> Version:
        """A version with its documents. Needs some right on some policy."""
        self._standing.require_any(editor)
        with self._database.writing() as connection:
            return find(connection, self.tenant, number)

    def history(
        self, editor: Editor, limit: int = 50, number: int | None = None
    ) -> tuple[Event, ...]:
        """The newest events, of one version or of all. Needs some right on some policy; what others
        found is for administrators, since it counts rows that an owner may not know of."""
        self._standing.require_any(editor)
        with self._database.writing() as connection:
            events = history(connection, self.tenant, limit, number)
        if editor.principal is None or self._standing.owners().administers(editor.principal):
            return events
        return tuple(
            event if event.actor == editor.name else replace(event, evidence=NOTHING)
            for event in events
        )

    def check(self, editor: Editor, documents: Mapping[str, str]) -> Check:
        """Whether the documents could be published, and what looks odd in them. Needs some right on
        some policy."""
        self._standing.require_any(editor)
        return self._examiner.check(documents, self.tenant)

    def require(self, editor: Editor, action: Action, entity: str) -> None:
        """Raise NotPermitted unless the owners in force let the editor do this."""
        self._standing.require(editor, action, entity)

    def require_administrator(self, editor: Editor) -> None:
        """Raise NotPermitted unless the editor is an administrator."""
        self._standing.require_administrator(editor)

    # Changing

    def draft(
        self, editor: Editor, documents: Mapping[str, str], reason: str, *, onto: int | None
    ) -> Version:
        """Store the documents as a new version. `onto` is the version in force that they were made
        from, None for what a tenant starts with: what others publish meanwhile is never undone by
        accident. Needs the right to edit every document that differs."""
        self._standing.require_any(editor)
        base, old = self._standing.documents()
        if base != onto:
            raise InvalidRequest(
                f"These policies were made from {named(onto)}, and {named(base)} is in force now."
                " Pull that, make the change again, and draft it."
            )
        if dict(old) == dict(documents):
            raise InvalidRequest("Nothing differs from what is in force.")
        self._examiner.read(documents, self.tenant)
        if editor.principal is not None:
            model = self._examiner.model
            problems = self._standing.owners().problems_of_change(
                editor.principal, old, documents, model.specs, model.callers
            )
            if problems:
                raise NotPermitted("This change is not yours to make:\n" + "\n".join(problems))
        with self._database.writing() as connection:
            return store_draft(
                connection,
                self.tenant,
                documents,
                author=editor.name,
                reason=reason,
                parent=base,
                evidence={"via": editor.via},
            )

    def test(self, editor: Editor, number: int) -> Report:
        """Run the tests that stand in the version; a success is noted. Needs some right on some
        policy."""
        self._standing.require_any(editor)
        version = self._standing.find(number)
        report = self._examiner.test(self._examiner.read(version.documents, self.tenant))
        if report.passed:
            self._note(editor, version.number, "tested", evidence=report.as_evidence())
        return report

    def preview(self, editor: Editor, number: int, progress: Progress | None = None) -> Change:
        """Compare the version with the one in force: what it changes, who gains and who loses, and
        whether it is proven to show nobody more. Samples show only what the editor may see.

        Needs the right to explain each entity that it touches.
        """
        version = self._standing.find(number)
        _, old = self._standing.documents()
        self._standing.require_all(editor, "explain", old, version.documents)
        change = self._examiner.compare(
            self._standing.readable(old),
            self._examiner.read(version.documents, self.tenant),
            against=hash_of(old),
            tenant=self.tenant,
            approver=editor.principal,
            progress=progress,
        )
        self._note(editor, number, "previewed", evidence=change.as_evidence())
        return change

    def approve(self, editor: Editor, number: int, reason: str) -> None:
        """Agree to a version as the second person. Needs the right to approve all that it touches,
        and not to be its author; it has to have been previewed against what is in force."""
        editor.require_person("approve")
        if editor.principal is None:
            raise NotPermitted(
                "An approval is somebody's word; name whose it is, who may approve, with `--as`."
            )
        reason = words("reason", reason)
        version = self._standing.find(number)
        if editor.name == version.author:
            raise NotPermitted("The author of a version cannot approve it; somebody else has to.")
        _, old = self._standing.documents()
        self._standing.require_all(editor, "approve", old, version.documents)
        with self._database.writing() as connection:
            evidence_of_preview(connection, self.tenant, number, hash_of(old))
        self._note(editor, number, "approved", reason, evidence={"against": hash_of(old)})

    def publish(self, editor: Editor, number: int, reason: str) -> None:
        """Put a version in force. Needs the right to publish all that it touches, tests that pass
        for each entity whose policy it changes, a preview against what is in force, and, unless it
        is proven to show nobody more, an approval by somebody else than its author."""
        editor.require_person("publish")
        version = self._standing.find(number)
        base, old = self._standing.documents()
        self._standing.require_all(editor, "publish", old, version.documents)
        found = self._examiner.read(version.documents, self.tenant)
        if version.parent != base:
            raise InvalidRequest(
                f"Version {number} was made from {named(version.parent)}, and {named(base)} is in"
                " force now. Pull that, make the change again, and draft it."
            )
        before = self._standing.readable(old)
        require_whole(before, found)
        require_tests(before, found, self._examiner.test(found))
        with self._database.writing() as connection:
            evidence = evidence_of_preview(connection, self.tenant, number, hash_of(old))
            approved = noted_against(connection, self.tenant, number, "approved", hash_of(old))
            agreed = sorted({event.actor for event in approved} - {version.author})
            # Before the first version there is nobody to ask: whoever installs Remit begins. And
            # where nobody can read who may approve, nobody could.
            begins = editor.principal is None and (base is None or before is None)
            widens = cast(list[str], evidence["widens"])
            if widens and not agreed and not begins:
                raise NotPermitted(
                    f"Version {number} needs the approval of a second person:\n" + "\n".join(widens)
                )
            put_in_force(
                connection,
                self.tenant,
                number,
                expected=base,
                actor=editor.name,
                reason=reason,
                evidence={**evidence, "base": base, "approved_by": agreed, "via": editor.via},
            )

    def rollback(self, editor: Editor, reason: str) -> int:
        """Put back the version that the one in force was made from, which has passed all this
        already, and say which. Doing so twice goes back by two, and never forward to what was
        withdrawn. Needs the right to publish all that it touches."""
        editor.require_person("roll back")
        base, old = self._standing.documents()
        with self._database.writing() as connection:
            before = None if base is None else find(connection, self.tenant, base).parent
        if before is None:
            raise InvalidRequest(
                "No version was in force before this one, so there is none to go back to. Pull what"
                " is in force, mend it, and draft it."
            )
        version = self._standing.find(before)
        self._standing.require_all(editor, "publish", old, version.documents)
        self._examiner.read(version.documents, self.tenant)
        with self._database.writing() as connection:
            put_in_force(
                connection,
                self.tenant,
                before,
                expected=base,
                actor=editor.name,
                reason=reason,
                kind="rolled_back",
                evidence={"base": base, "via": editor.via},
            )
        return before

    # Trying out

    def start_shadow(self, editor: Editor, number: int, reason: str, hours: float) -> ShadowRun:
        """Evaluate a version beside the one in force for some hours. Needs the right to publish
        all that it touches, since a trial costs every read."""
        editor.require_person("start a trial")
        version = self._standing.find(number)
        _, old = self._standing.documents()
        self._standing.require_all(editor, "publish", old, version.documents)
        self._examiner.read(version.documents, self.tenant)
        with self._database.writing() as connection:
            return start(
                connection,
                self.tenant,
                number,
                actor=editor.name,
                reason=reason,
                hours=hours,
                evidence={"via": editor.via},
            )

    def stop_shadow(self, editor: Editor, reason: str) -> int | None:
        """End the trial under way; its version, or None when there is none. Needs the right to
        publish all that it touches."""
        editor.require_person("end a trial")
        reason = words("reason", reason)
        run = self.shadow(editor)
        if run is None:
            return None
        _, old = self._standing.documents()
        _, new = self._standing.documents(run.version)
        self._standing.require_all(editor, "publish", old, new)
        with self._database.writing() as connection:
            return stop(
                connection,
                self.tenant,
                actor=editor.name,
                reason=reason,
                evidence={"via": editor.via},
            )

    def shadow(self, editor: Editor) -> ShadowRun | None:
        """The trial under way. Needs some right on some policy."""
        self._standing.require_any(editor)
        with self._database.writing() as connection:
            return running(connection, self.tenant)

    def shadow_differences(
        self, editor: Editor, number: int, limit: int = 100
    ) -> tuple[SeenDifference, ...]:
        """What reads would have shown otherwise under a version that is or was on trial. Needs the
        right to explain all that it touches."""
        _, old = self._standing.documents()
        _, new = self._standing.documents(number)
        self._standing.require_all(editor, "explain", old, new)
        with self._database.writing() as connection:
            found = seen_differences(connection, self.tenant, number, limit)
        # It may have touched more than it does now: once published, it differs from nothing.
        for entity in sorted({each.difference.entity for each in found}):
            self._standing.require(editor, "explain", entity)
        return found

    # What the steps share

    def _note(
        self,
        editor: Editor,
        number: int,
        kind: Step,
        reason: str = "",
        *,
        evidence: Mapping[str, object],
    ) -> None:
        with self._database.writing() as connection:
            note(
                connection,
                self.tenant,
                number,
                kind,
                actor=editor.name,
                reason=reason,
                evidence={**evidence, "via": editor.via},
            )
