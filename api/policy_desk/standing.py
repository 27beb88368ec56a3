"""What stands: a tenant's documents in force and its versions, and who may do what with them."""

from __future__ import annotations

from collections.abc import Mapping

from access_policies import Principal
from access_policies.ownership.owners import Action, Owners, subjects_of_change
from access_policies.versions.store import Version, find, in_force
from api.policy_desk.editor import Editor
from api.policy_desk.examiner import Examiner, Found
from index.database import Database
from index.errors import ConfigurationError, NotPermitted, Unavailable


class Standing:
    """Reads what is in force anew at each question, so that no right outlives its version."""

    def __init__(self, database: Database, examiner: Examiner, tenant: str) -> None:
        self._database = database
        self._examiner = examiner
        self._tenant = tenant

    def documents(self, number: int | None = None) -> tuple[int | None, Mapping[str, str]]:
        """Those of a version, or of what is in force; the number is None for those that a tenant
        starts with."""
        with self._database.writing() as connection:
            wanted = number if number is not None else in_force(connection, self._tenant)
            if wanted is None:
                return None, self._examiner.starting
            return wanted, find(connection, self._tenant, wanted).documents

    def find(self, number: int) -> Version:
        """What is in it is told to nobody before their rights on it are known."""
        with self._database.writing() as connection:
            return find(connection, self._tenant, number)

    def readable(self, documents: Mapping[str, str]) -> Found | None:
        """What is in force; None when it cannot be used, as after a change of the model or without
        the key that it hashes with. Nothing is answered then, and what comes next has to be let in
        all the same."""
        try:
            return self._examiner.read(documents, self._tenant)
        except ConfigurationError:
            return None

    def owners(self) -> Owners:
        """Those in force, never those of the change that they are asked about."""
        number, documents = self.documents()
        found = self.readable(documents)
        if found is None:
            raise Unavailable(
                f"{named(number).capitalize()} is in force and cannot be read, so nobody can tell"
                " who owns what. An operator has to put another version in force."
            )
        return found.owners

    def require(self, editor: Editor, action: Action, entity: str) -> None:
        """Raise NotPermitted unless the owners in force let the editor do this."""
        if editor.principal is not None:
            _require(self.owners(), editor.principal, action, entity)

    def require_any(self, editor: Editor) -> None:
        """Raise NotPermitted unless the editor has some right on some policy."""
        if editor.principal is not None and not self.owners().owns_something(editor.principal):
            raise NotPermitted("Policies are for their owners and for administrators to see.")

    def require_administrator(self, editor: Editor) -> None:
        """Raise NotPermitted unless the editor is an administrator."""
        if editor.principal is not None and not self.owners().administers(editor.principal):
            raise NotPermitted("This is for administrators.")

    def require_all(
        self, editor: Editor, action: Action, old: Mapping[str, str], new: Mapping[str, str]
    ) -> None:
        """Raise NotPermitted unless the editor has the right on all that differs."""
        if editor.principal is None:
            return
        owners = self.owners()
        entities, administrative = subjects_of_change(old, new)
        if administrative and not owners.administers(editor.principal):
            raise NotPermitted(
                f"You may not {action} this: it changes guard rails or owners, which are for"
                " administrators."
            )
        if not entities and not administrative:
            self.require_any(editor)
        for entity in sorted(entities):
            _require(owners, editor.principal, action, entity)


def _require(owners: Owners, principal: Principal, action: Action, entity: str) -> None:
    if not owners.may(principal, action, entity):
        raise NotPermitted(
            f"You may not {action} the policy of {entity}: its owners and administrators may."
        )


def named(number: int | None) -> str:
    """A version in a sentence; None is the documents that a tenant starts with."""
    return "what a tenant starts with" if number is None else f"version {number}"
