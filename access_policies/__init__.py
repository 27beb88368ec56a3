"""Who may see what: principals, rules, decisions on rows in hand and on rows in the database."""

from __future__ import annotations

from access_policies.documents.policy_files import (
    PolicyError,
    load_policies,
    read_directory,
    read_policies,
)
from access_policies.explain import Explanation, RuleTrace, explain
from access_policies.language.parser import parse
from access_policies.language.rule_text import RuleError
from access_policies.masks import HIDDEN, Mask, MaskKind
from access_policies.policies import MaskRule, Policy, PolicySet, Rule, Side
from access_policies.principal import Principal
from access_policies.snapshot import Snapshot
from access_policies.versions.in_force import Candidate, InForce, PoliciesInForce, UnusablePolicies
from access_policies.visibility import FieldMask, Visibility

__all__ = [
    "HIDDEN",
    "Candidate",
    "Explanation",
    "FieldMask",
    "InForce",
    "Mask",
    "MaskKind",
    "MaskRule",
    "PoliciesInForce",
    "Policy",
    "PolicyError",
    "PolicySet",
    "Principal",
    "Rule",
    "RuleError",
    "RuleTrace",
    "Side",
    "Snapshot",
    "UnusablePolicies",
    "Visibility",
    "explain",
    "load_policies",
    "parse",
    "read_directory",
    "read_policies",
]
