"""Who asks, under which policies, and when: what every way to the data begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from access_policies import Candidate, Principal, Snapshot, Visibility
from index.entity_tables import EntityTables
from semantic_layer.compiler import Compiler
from semantic_layer.freshness import Failure
from semantic_layer.model import Model


@dataclass(frozen=True, kw_only=True)
class Context:
    """Who asks, under which policies, and the moment that `now` means throughout the request.

    A `candidate` is a version of the policies on trial; it has no part in the answer.
    """

    principal: Principal
    snapshot: Snapshot
    now: datetime
    candidate: Candidate | None = None

    def visibility(self, entity: str) -> Visibility:
        """What the caller may see of an entity."""
        return self.snapshot.visibility(self.principal, entity)

    def compiler(
        self, model: Model, tables: EntityTables, failures: Sequence[Failure] = ()
    ) -> Compiler:
        """Compiles questions of this caller; `failures` are those of the live reads before."""
        return Compiler(
            model=model,
            tables=tables,
            tenant=self.principal.tenant,
            visibility=self.visibility,
            now=self.now,
            failures=failures,
        )
