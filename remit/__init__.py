"""Remit: the context store that answers an AI agent with exactly what its user may see.

In a checkout the rooms (`api`, `ingestion`, `semantic_layer`, `access_policies`, `index`) are
top-level packages. In an installed wheel they live inside this folder, which is then put on the
import path, so that `from index import ...` means the same thing in both places.
"""

from __future__ import annotations

import sys
from pathlib import Path

__version__ = "0.1.0"

_here = Path(__file__).resolve().parent
if (_here / "index").is_dir() and str(_here) not in sys.path:
    # First, not last: another wheel's top-level `api` or `index` must not shadow ours.
    sys.path.insert(0, str(_here))
