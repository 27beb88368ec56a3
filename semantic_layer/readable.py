"""What an explanation of a row may tell of it, to somebody who asks why another sees it or not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from access_policies import Principal, Snapshot
from access_policies.explain import Readable
from index.predicate import ALWAYS
from index.specs import EntitySpecs


def readable_by(
    asker: Principal,
    snapshot: Snapshot,
    specs: EntitySpecs,
    entity: str,
    row: Mapping[str, Any],
    now: datetime,
) -> Readable:
    """Whether the asker may know what stands at a path of the row: a field that they read in the
    clear, or one of a related row, if they read all rows of its kind and the field in the clear on
    each."""
    visible = snapshot.decide(asker, entity, row, now)
    masked = snapshot.masks_for(asker, entity, row, now)

    def may_know(path: tuple[str, ...]) -> bool:
        *hops, field = path
        if not visible or not hops:
            return visible and field not in masked
        target = entity
        for hop in hops:
            target = specs[target].relations[hop].target
            if snapshot.visibility(asker, target).rows != ALWAYS:
                return False
        return snapshot.visibility(asker, target).clear(field)

    return may_know
