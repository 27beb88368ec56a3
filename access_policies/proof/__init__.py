"""Proofs about policies, for every caller and every row, by the solver z3 (an optional extra)."""

from __future__ import annotations

from access_policies.proof.questions import findings, narrows
from access_policies.proof.verdict import (
    Counterexample,
    Finding,
    FindingKind,
    Limits,
    ProofUnavailable,
    Verdict,
    available,
)

__all__ = [
    "Counterexample",
    "Finding",
    "FindingKind",
    "Limits",
    "ProofUnavailable",
    "Verdict",
    "available",
    "findings",
    "narrows",
]
