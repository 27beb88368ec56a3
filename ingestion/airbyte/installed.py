"""Connectors from a package registry, each in a Python environment of its own.

They do not agree on the versions of what they need, so none can share ours, or another's. One that
is installed is a folder `HOME/connectors/PACKAGE/`, whose `installed.json` names the environment in
use. That file is replaced whole at the very end, so a half-made environment is never used, and a
sync under way keeps the one that it began with.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from index.errors import ConfigurationError
from ingestion.airbyte.process import Process, ProcessFailure, allowed_environment

INSTALL_SECONDS = 1200.0

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_INSTALLED = "installed.json"
# Credentials of a registry, should pip quote its address.
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")
_LONGEST_REASON = 500
_QUESTION = """
import json, sys
from importlib.metadata import distribution
found = distribution(sys.argv[1])
scripts = [entry.name for entry in found.entry_points if entry.group == "console_scripts"]
print(json.dumps([found.version, scripts]))
"""


@dataclass(frozen=True)
class Installed:
    """A connector in its environment; paths are below the package's folder."""

    package: str
    version: str
    environment: str
    script: str


def install(
    package: str, version: str | None, home: Path, *, seconds: float = INSTALL_SECONDS
) -> Installed:
    """Install a connector, or another version of it, in place of what was there.

    It takes minutes. Raises ConfigurationError with pip's own words when it cannot be had, and when
    the package is no Airbyte source.
    """
    folder = _folder(package, home)
    if version is not None and not _VERSION.fullmatch(version):
        raise ConfigurationError(f"{version!r} is no version of a package.")
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with _locked(folder):
        before = _read(folder)
        environment = folder / uuid4().hex[:8]
        try:
            _run([sys.executable, "-m", "venv", environment.name], folder, deadline)
            pip = [
                str(environment.absolute() / "bin" / "python"),
                "-m",
                "pip",
                "install",
                "--quiet",
            ]
            # A new pip is done in half the time of the one that Python brings, if it can be had.
            with suppress(ProcessFailure):
                _run([*pip, "--no-input", "--upgrade", "pip"], folder, deadline)
            wanted = package if version is None else f"{package}=={version}"
            # Only what is run needs compiling, and that happens by itself.
            _run([*pip, "--no-input", "--no-compile", wanted], folder, deadline)
            (answer,) = _run([pip[0], "-I", "-c", _QUESTION, package], folder, deadline)[-1:]
        except ProcessFailure as error:
            shutil.rmtree(environment, ignore_errors=True)
            raise ConfigurationError(f"{package} cannot be installed: {error}.") from None
        except BaseException:
            shutil.rmtree(environment, ignore_errors=True)
            raise
        found, scripts = json.loads(answer)
        script = next((name for name in scripts if name.startswith("source-")), None)
        if script is None:
            shutil.rmtree(environment)
            raise ConfigurationError(
                f"{package} {found} is no Airbyte source: it has no command source-…."
            )
        installed = Installed(package, found, environment.name, script)
        _replace(folder / _INSTALLED, json.dumps(asdict(installed)))
        _remove_others(folder, {environment.name, before.environment if before else ""})
    return installed


def installed_command(package: str, version: str | None, home: Path) -> tuple[str, ...]:
    """The command of an installed connector.

    Raises ConfigurationError when it is not installed, or in another version than asked for.
    """
    folder = _folder(package, home)
    installed = _read(folder)
    wanted = package if version is None else f"{package} {version}"
    if installed is None:
        raise ConfigurationError(
            f"The connector {wanted} is not installed. Run `remit source install`."
        )
    if version is not None and installed.version != version:
        raise ConfigurationError(
            f"The connector {wanted} is asked for, and {installed.version} is installed. Run"
            " `remit source install`, or change the version."
        )
    programs = (folder / installed.environment / "bin").absolute()
    return (str(programs / "python"), str(programs / installed.script))


def _folder(package: str, home: Path) -> Path:
    # It becomes a folder and an argument of pip, so it must be a name and nothing else.
    if not _NAME.fullmatch(package):
        raise ConfigurationError(f"{package!r} is no name of a package.")
    return home / "connectors" / re.sub(r"[-_.]+", "-", package).lower()


def _read(folder: Path) -> Installed | None:
    try:
        return Installed(**json.loads((folder / _INSTALLED).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def _run(command: Sequence[str], folder: Path, deadline: float) -> list[str]:
    """The lines a program prints. Raises ProcessFailure with the reason it gives."""
    # pip is told by these where to look.
    settings = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PIP_") or name == "TMPDIR"
    }
    with Process(command, folder=folder, environment=allowed_environment(**settings)) as process:
        left = max(deadline - time.monotonic(), 1.0)
        lines = [
            line.decode(errors="replace") for line in process.lines(longest=1 << 20, seconds=left)
        ]
        if process.wait() != 0:
            complaints = [*process.complaints] or lines
            errors = [line for line in complaints if line.startswith("ERROR")]
            words = " ".join(errors or complaints[-3:])
            raise ProcessFailure(_CREDENTIALS.sub("", words)[:_LONGEST_REASON].rstrip(". "))
    return lines


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one process installs this connector; the lock goes with the process that has it."""
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _replace(path: Path, content: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(content, encoding="utf-8")
    os.replace(new, path)


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Environments of older versions, and of installations that were killed."""
    for environment in folder.iterdir():
        if environment.is_dir() and environment.name not in kept:
            shutil.rmtree(environment, ignore_errors=True)
