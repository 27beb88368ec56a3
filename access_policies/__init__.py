"""Who may see what: principals, rules, decisions on rows in hand and on rows in the database."""

from __future__ import annotations

from access_policies.explain import Explanation, RuleTrace, explain
from access_policies.language import parse
from access_policies.masks import HIDDEN, Mask, partial, partial_sql
from access_policies.policies import (
    MaskRule,
    Policy,
    PolicyError,
    PolicySet,
    Rule,
    load_policies,
    read_policies,
)
from access_policies.principal import Principal
from access_policies.rule_text import RuleError
from access_policies.snapshot import Snapshot
from access_policies.visibility import FieldMask, Visibility

__all__ = [
    "HIDDEN",
    "Explanation",
    "FieldMask",
    "Mask",
    "MaskRule",
    "Policy",
    "PolicyError",
    "PolicySet",
    "Principal",
    "Rule",
    "RuleError",
    "RuleTrace",
    "Snapshot",
    "Visibility",
    "explain",
    "load_policies",
    "parse",
    "partial",
    "partial_sql",
    "read_policies",
]
