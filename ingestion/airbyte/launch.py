"""How the connector of an origin is started: as a program, or in a container."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from index.errors import ConfigurationError
from ingestion.airbyte.installed import installed_command
from ingestion.airbyte.origin import Origin
from ingestion.airbyte.process import allowed_environment

_ENGINES = ("docker", "podman")
_INSIDE = "/remit"  # where a container sees the folder


@dataclass(frozen=True)
class Launch:
    """A command to which the verb and its files are appended.

    `folder` is where the program finds what we call the private folder. `ending` is a command that
    ends what a signal to the program does not reach.
    """

    command: tuple[str, ...]
    folder: str
    ending: tuple[str, ...] = ()


def prepare_launch(origin: Origin, home: Path, folder: Path) -> Launch:
    """How to start the connector with a private folder.

    Raises ConfigurationError when the package is not installed, or there is no container engine.
    """
    if origin.command is not None:
        return Launch(origin.command, str(folder))
    if origin.package is not None:
        return Launch(installed_command(origin.package, origin.version, home), str(folder))
    return _in_container(origin.image or "", folder)


def _in_container(image: str, folder: Path) -> Launch:
    engine = next((found for name in _ENGINES if (found := shutil.which(name))), None)
    if engine is None:
        raise ConfigurationError(
            f"The image {image} needs a container engine, and neither {' nor '.join(_ENGINES)} is"
            " on the PATH. Install one, or use the connector as a `package` or a `command`."
        )
    name = f"remit-{uuid4().hex}"
    # The folder is closed to all but us, so the connector must run as us.
    user = (
        ("--userns=keep-id",)
        if Path(engine).name == "podman"
        else ("--user", f"{os.getuid()}:{os.getgid()}")
    )
    # Without a value they are taken from the environment, and stand in no process list.
    variables = [
        part
        for variable in allowed_environment()
        if variable.lower().endswith("_proxy")
        for part in ("--env", variable)
    ]
    command = (
        engine, "run", "--rm", "--init", "--interactive", "--name", name, *user, *variables,
        "--volume", f"{folder}:{_INSIDE}", image,
    )  # fmt: skip
    # A container goes on when the command that waits for it is killed.
    return Launch(command, _INSIDE, ending=(engine, "rm", "--force", name))
