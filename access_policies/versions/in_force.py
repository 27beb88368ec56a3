"""Which snapshot decides a tenant's request: that of the version the pointer names at this moment.

The pointer is read in the transaction that begins each request. So a publish counts from the next
request on in every process, nothing has to be told to other processes, and nothing can go stale: a
request that cannot read the pointer is not answered.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from access_policies.documents.policy_files import PolicyError, read_policies
from access_policies.masks import MaskKind
from access_policies.policies import PolicySet
from access_policies.snapshot import Snapshot
from access_policies.versions.store import documents_of
from index.errors import ConfigurationError, Unavailable
from index.specs import CallerAttributes, EntitySpecs
from index.tables import policy_in_force, policy_shadow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_log = logging.getLogger(__name__)

_KEPT = 64
"""Snapshots, for as many tenants, or their candidates, as ask at about the same time."""


class UnusablePolicies(Unavailable):
    """The version in force does not fit the model, or misses a key: nothing is answered."""


@dataclass(frozen=True)
class Candidate:
    """A version that is evaluated beside the one in force, without effect."""

    number: int
    snapshot: Snapshot


@dataclass(frozen=True)
class InForce:
    """What decides a request. `number` is None while a tenant has published nothing."""

    number: int | None
    snapshot: Snapshot
    candidate: Candidate | None = None


class PoliciesInForce:
    """The snapshots that tenants' pointers name, each made once."""

    def __init__(
        self,
        specs: EntitySpecs,
        callers: CallerAttributes,
        *,
        starting: Mapping[str, str],
        hash_key: bytes | None,
    ) -> None:
        """`starting` are the documents in force for a tenant that has published nothing yet.

        Raises PolicyError when they cannot be used, and ConfigurationError when they hash values
        and there is no key.
        """
        self._specs = specs
        self._callers = callers
        self._hash_key = hash_key
        self.starting = starting
        self._starting = read_policies(starting.items(), specs, callers)
        self._starting_snapshots = lru_cache(maxsize=_KEPT)(self._start)
        self._snapshots: dict[tuple[str, int], Snapshot] = {}
        self._snapshot(self._starting, "")

    async def of(self, connection: AsyncConnection, tenant: str) -> InForce:
        """What decides a request of the tenant that begins now. Raises UnusablePolicies."""
        number, candidate = await _standing(connection, tenant)
        if number is None:
            snapshot = self._starting_snapshots(tenant)
        else:
            snapshot = await self._version(connection, tenant, number)
        return InForce(number, snapshot, await self._candidate(connection, tenant, candidate))

    def snapshot(self, documents: Mapping[str, str], tenant: str) -> Snapshot:
        """The snapshot that the documents would make, in force or not. Raises PolicyError when they
        cannot be used, and ConfigurationError when they hash values and there is no key."""
        policies = read_policies(documents.items(), self._specs, self._callers)
        return self._snapshot(policies, tenant)

    async def _candidate(
        self, connection: AsyncConnection, tenant: str, number: int | None
    ) -> Candidate | None:
        if number is None:
            return None
        try:
            return Candidate(number, await self._version(connection, tenant, number))
        except UnusablePolicies:
            return None  # it has no effect; the log says what is wrong with it

    async def _version(self, connection: AsyncConnection, tenant: str, number: int) -> Snapshot:
        kept = self._snapshots.pop((tenant, number), None)
        if kept is None:
            documents = await documents_of(connection, tenant, number)
            kept = self._make(documents, tenant, number)
        self._snapshots[tenant, number] = kept  # the last used stands last
        while len(self._snapshots) > _KEPT:
            del self._snapshots[next(iter(self._snapshots))]
        return kept

    def _make(self, documents: Mapping[str, str], tenant: str, number: int) -> Snapshot:
        try:
            return self.snapshot(documents, tenant)
        except (PolicyError, ConfigurationError) as error:
            _log.error("version %d of the policies of %r cannot be used: %s", number, tenant, error)
            raise UnusablePolicies(
                f"Version {number} of the access policies cannot be used, so nothing is answered."
                " An operator finds the reason in the log."
            ) from None

    def _start(self, tenant: str) -> Snapshot:
        return self._snapshot(self._starting, tenant)

    def _snapshot(self, policies: PolicySet, tenant: str) -> Snapshot:
        hashes = any(
            rule.mask.kind is MaskKind.HASH
            for policy in policies.policies.values()
            for rule in (*policy.masks, *policy.guard_masks)
        )
        if self._hash_key is None:
            if hashes:
                raise ConfigurationError(
                    "the policies hash values, and there is no key to hash with: set"
                    " REMIT_HASH_KEY, or REMIT_HASH_KEY_FILE to a file that holds one"
                )
            return Snapshot(policies)
        # Hashes of one tenant must tell nothing about another's.
        key = hmac.new(self._hash_key, tenant.encode(), hashlib.sha256).digest()
        return Snapshot(policies, key)


async def _standing(connection: AsyncConnection, tenant: str) -> tuple[int | None, int | None]:
    """The versions in force and on trial, in one go."""
    pointer = select(policy_in_force.c.version).where(policy_in_force.c.tenant_id == tenant)
    trial = select(policy_shadow.c.version).where(
        policy_shadow.c.tenant_id == tenant, policy_shadow.c.expires_at > func.now()
    )
    found = await connection.execute(select(pointer.scalar_subquery(), trial.scalar_subquery()))
    number, candidate = found.one()
    return number, candidate
