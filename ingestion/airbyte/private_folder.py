"""A temporary folder for what only one process may read, gone when it is no longer needed."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "remit-connector-"
_LOCK = "lock"


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that only this user can enter, removed at the end, also after an error.

    Nobody removes it when this process is killed, so the next one that needs a folder does: a
    folder is in use as long as its lock is held, and the kernel lets go of that of a dead process.
    """
    parent = Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))  # with mode 0700
    lock = os.open(folder / "begun", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        # It gets its name when it is held: until then nobody can take the folder for abandoned.
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.rename(folder / "begun", folder / _LOCK)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only this user can read."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        # Not ours to look into, gone by now, in use, or so new that it has no lock yet.
        with suppress(OSError):
            about = folder.lstat()
            if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
