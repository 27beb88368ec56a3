"""What tells the files of one model from those of another."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import Connection, func, update

from index.text_tables import embedding_model

_READ_BY_PEOPLE = (".md", ".rst", ".pdf", ".png")


def folder_fingerprint(folder: Path) -> str:
    """The same for folders with the same files, whatever their times, and another for others.

    Hidden files and what only people read do not count. Reads everything, which takes about a
    second for a gigabyte.
    """
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        hidden = any(part.startswith((".", "__")) for part in place.parts)
        if hidden or path.suffix.lower() in _READ_BY_PEOPLE or not path.is_file():
            continue
        with path.open("rb") as file:
            contents = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{place.as_posix()}\n{contents}\n".encode())
    return whole.hexdigest()


def keep_fingerprint(connection: Connection, model_id: int, fingerprint: str) -> str:
    """The fingerprint of the files that the model's vectors are made by; this one from now on, if
    none is known yet."""
    held = func.coalesce(embedding_model.c.fingerprint, fingerprint)
    mine = update(embedding_model).where(embedding_model.c.model_id == model_id)
    kept = mine.values(fingerprint=held).returning(embedding_model.c.fingerprint)
    found: str = connection.execute(kept).scalar_one()
    return found
