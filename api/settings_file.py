"""`settings.env` in the home folder: what commands remember for those that follow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from api.settings import PREFIX, SETTINGS_FILE


def remember(home: Path, settings: Mapping[str, Path]) -> None:
    """Set the settings in the file of the home folder, all at once; others in it stay."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / SETTINGS_FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = {f"{PREFIX}{name.upper()}": value for name, value in settings.items()}
    kept = [line for line in lines if line.partition("=")[0].strip() not in names]
    new = [f'{name}="{value}"' for name, value in names.items()]
    # Beside the file and then in its place, readable by its owner alone: it may hold secrets.
    descriptor, temporary = tempfile.mkstemp(dir=home, prefix=f".{SETTINGS_FILE}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join([*kept, *new, ""]))
    Path(temporary).replace(path)
