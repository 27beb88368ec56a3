"""`remit policy pull` and `push`: policies as files, to be kept under version control."""

from __future__ import annotations

from pathlib import Path

from api.cli.policy.folder import Filled, PolicyFolder
from api.cli.policy.seat import open_desk
from api.cli.screen import tell
from api.settings import Settings
from index.errors import ConfigurationError, InvalidRequest


def run_pull(
    settings: Settings, folder: Path, number: int | None, user: str | None, *, force: bool
) -> None:
    """Write the documents of a version into a folder. Raises InvalidRequest when that would
    overwrite somebody's work."""
    with open_desk(settings, user) as seat:
        version, documents = seat.desk.documents(seat.editor, number)
    try:
        filled = PolicyFolder(folder).fill(settings.tenant, version, documents, force=force)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written to: {error.strerror}.") from None
    what = "What the tenant starts with" if version is None else f"Version {version}"
    tell([f"{what} is in {folder}: {_counts(filled, len(documents))}."])
    tell(f"  {name} is kept: it was changed here" for name in filled.kept)


def run_push(settings: Settings, folder: Path, user: str | None, reason: str) -> None:
    """Draft what a folder holds onto the version that it was pulled from."""
    pushed = PolicyFolder(folder)
    origin = pushed.origin()
    if origin is not None and origin.tenant != settings.tenant:
        raise InvalidRequest(
            f"{folder} was pulled from the tenant {origin.tenant}, not from {settings.tenant}: say"
            " `--tenant`, or pull into another folder."
        )
    with open_desk(settings, user) as seat:
        base, old = seat.desk.documents(seat.editor)
        if origin is None and base is not None:
            raise InvalidRequest(
                f"{folder} does not say which version it was made from, and version {base} is in"
                " force. Pull that into an empty folder with `remit policy pull`, make the change"
                " there, and push it."
            )
        documents = pushed.documents(old)
        onto = None if origin is None else origin.version
        number = seat.desk.draft(seat.editor, documents, reason, onto=onto).number
        words = seat.words(old, documents)
    tell(
        [
            f"Version {number} is drafted:",
            *(f"  {line}" for line in words),
            f"Next: `remit policy preview {number}`",
        ]
    )


def _counts(filled: Filled, documents: int) -> str:
    rest = documents - len(filled.written)
    return f"{len(filled.written)} written, {len(filled.removed)} removed, {rest} left as they were"
