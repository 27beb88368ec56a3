"""The wheel works where nothing of the checkout is: a new environment, run from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import fresh_database

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 120


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = ["build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    _run([sys.executable, "-m", *command], cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bin(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment that holds the wheel.

    Its dependencies are those of the environment the tests run in, put behind the wheel on the
    path, since fetching them all once more would prove nothing about the wheel.
    """
    folder = tmp_path_factory.mktemp("environment")
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], cwd=folder)
    bin = folder / "bin"
    pip = [sys.executable, "-m", "pip", "--python", str(bin / "python"), "--quiet"]
    _run([*pip, "install", "--no-deps", "--no-index", str(wheel)], cwd=folder)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return bin


# What is no Python and still must be there: a file or pattern, and how many at least.
DATA = [
    ("remit/semantic_layer/models/*.yaml", 10),
    ("remit/semantic_layer/free_mail.txt", 1),
    ("remit/ingestion/connectors/*/manifest.yaml", 6),
    ("remit/ingestion/connectors/*/mapping.yaml", 6),
    ("remit/migrations/env.py", 1),
    ("remit/migrations/versions/*.py", 1),
    ("remit/examples/demo/policies/*.yaml", 9),
    ("remit/examples/demo/directory.yaml", 1),
    ("remit/examples/demo/sources.yaml", 1),
]


@pytest.mark.parametrize(("pattern", "least"), DATA)
def test_the_wheel_holds_what_is_no_python(wheel: Path, pattern: str, least: int) -> None:
    names = [Path(name) for name in zipfile.ZipFile(wheel).namelist()]
    assert sum(name.match(pattern) for name in names) >= least


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    """One name of ours in site-packages, and no tests, caches or leftovers in it."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"remit"}
    strange = [n for n in names if "/tests/" in n or "__pycache__" in n or n.endswith(".bak")]
    assert strange == []


def test_everything_comes_from_the_wheel(bin: Path, tmp_path: Path) -> None:
    program = (
        "import remit, api, ingestion, semantic_layer, access_policies, index, alembic\n"
        "for room in (remit, api, ingestion, semantic_layer, access_policies, index, alembic):\n"
        "    print(room.__file__)"
    )
    *rooms, alembic = _run([str(bin / "python"), "-c", program], cwd=tmp_path).splitlines()
    for room in rooms:
        assert room.startswith(str(bin.parent)), room
    # The library of that name, and not our folder of migrations.
    assert "migrations" not in alembic


def test_the_command_knows_its_commands(bin: Path, tmp_path: Path) -> None:
    shown = _run([str(bin / "remit"), "--help"], cwd=tmp_path)
    for command in "demo serve migrate sync simulate token ask user policy".split():
        assert command in shown


def test_it_migrates_and_answers_in_another_folder(bin: Path, cluster: str, tmp_path: Path) -> None:
    with _empty_database(cluster) as url:
        (examples,) = bin.parent.glob("lib/python*/site-packages/remit/examples/demo")
        settings = {
            "REMIT_DATABASE_URL": url,
            "REMIT_POLICIES": str(examples / "policies"),
            "REMIT_HOME": str(tmp_path),
        }
        shown = _run([str(bin / "remit"), "migrate"], cwd=tmp_path, **settings)
        assert "table ticket" in shown
        # Again: there is nothing left to do.
        shown = _run([str(bin / "remit"), "migrate"], cwd=tmp_path, **settings)
        assert shown.splitlines() == ["The database is up to date."]
        # Model and policies load, the query runs; there is only nobody's data yet.
        asked = _result(
            [str(bin / "remit"), "ask", "--user", "maya", "tickets"], cwd=tmp_path, **settings
        )
        assert "There is no data of the tenant 'main'" in asked.stderr


@contextmanager
def _empty_database(cluster: str) -> Iterator[str]:
    with fresh_database(cluster, "template1") as url:
        yield url


def _run(command: list[str], *, cwd: Path, **variables: str) -> str:
    done = _result(command, cwd=cwd, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _result(command: list[str], *, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run with nothing of the checkout on the path."""
    ours = ("PYTHONPATH", "VIRTUAL_ENV")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith("REMIT_")
    }
    return subprocess.run(
        command,
        cwd=cwd,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
