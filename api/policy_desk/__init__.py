"""Where policies are changed: one place behind the command line, GraphQL and files in Git."""

from __future__ import annotations

from api.policy_desk.desk import PolicyDesk
from api.policy_desk.editor import Editor
from api.policy_desk.examiner import Change, Check, Examiner, Found

__all__ = ["Change", "Check", "Editor", "Examiner", "Found", "PolicyDesk"]
