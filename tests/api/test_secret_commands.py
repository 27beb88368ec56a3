"""`remit secret`, and a secret that is looked for wherever one could come to light."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, Text, cast, create_engine, select

from api.secret_key import load_seal, require_seal
from api.settings import load_settings
from index.errors import ConfigurationError
from ingestion.simulator import Company, Simulator
from tests.api.workshop import SECRET_KEY, Workshop, opened_workshop

CANARY = "c4nary-in-the-coal-mine"


@pytest.fixture
def workshop(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workshop]:
    with opened_workshop(tmp_path, database_url, monkeypatch) as workshop:
        yield workshop


def _stored(workshop: Workshop) -> str:
    """Everything in every table of ours, as text."""
    engine = create_engine(workshop.variables["REMIT_DATABASE_URL"] or "")
    found = []
    with engine.connect() as connection:
        for schema in ("remit", "entity"):
            tables = MetaData(schema=schema)
            tables.reflect(connection)
            for table in tables.sorted_tables:
                columns = [cast(column, Text) for column in table.columns]
                found += [str(tuple(row)) for row in connection.execute(select(*columns))]
    engine.dispose()
    return "\n".join(found)


def test_a_secret_comes_through_a_pipe_and_never_out(workshop: Workshop) -> None:
    assert "sealed:zendesk.token" in workshop.done(
        "secret", "set", "zendesk.token", typed=f"{CANARY}\n"
    )
    listed = workshop.done("secret", "list")
    assert "zendesk.token" in listed
    assert "not used" in listed
    assert CANARY not in listed + _stored(workshop)
    assert "changed" in workshop.done("secret", "set", "zendesk.token", typed="another")
    assert "removed" in workshop.done("secret", "remove", "zendesk.token")
    assert "no secret" in workshop.refused("secret", "remove", "zendesk.token")


def test_a_secret_in_use_is_not_removed(workshop: Workshop) -> None:
    workshop.done("secret", "set", "key", typed=CANARY)
    workshop.write(
        "sources: {stripe-eu: {connector: stripe, settings: {base_url: https://x.example, api_key:"
        " 'sealed:key'}}}"
    )
    workshop.done("apply", "--yes")
    assert "used by stripe-eu" in workshop.done("secret", "list")
    assert "used by stripe-eu" in workshop.refused("secret", "remove", "key")


def test_a_key_is_replaced_by_another(workshop: Workshop) -> None:
    workshop.done("secret", "set", "a", typed=CANARY)
    new = SECRET_KEY[::-1]
    workshop.variables["REMIT_SECRET_KEY"] = f"{new}, {SECRET_KEY}"
    assert "older key" in workshop.done("secret", "list")
    assert "1 secrets" in workshop.done("secret", "reseal")
    assert "older key" not in workshop.done("secret", "list")
    workshop.variables["REMIT_SECRET_KEY"] = new
    assert "0 secrets" in workshop.done("secret", "reseal")


def test_nothing_is_sealed_without_a_key(workshop: Workshop) -> None:
    workshop.variables["REMIT_SECRET_KEY"] = None
    refusal = workshop.refused("secret", "set", "a", typed=CANARY)
    assert "REMIT_SECRET_KEY" in refusal
    assert CANARY not in refusal


# What is typed after `remit secret set`, what comes through the pipe, what is said.
MISTAKES = [
    (["a b"], CANARY, "never an argument"),
    ([f"key={CANARY}"], "", "never an argument"),
    (["a"], "", "empty"),
    (["a"], "\n", "empty"),
]


@pytest.mark.parametrize(("arguments", "typed", "said"), MISTAKES)
def test_a_secret_that_cannot_be_kept(
    workshop: Workshop, arguments: list[str], typed: str, said: str
) -> None:
    refusal = workshop.refused("secret", "set", *arguments, typed=typed)
    assert said in refusal
    assert CANARY not in refusal


def test_the_key_comes_from_a_setting_or_a_file(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    assert load_seal(settings) is None
    with pytest.raises(ConfigurationError, match=r"secret\.key"):
        require_seal(settings)
    (tmp_path / "secret.key").write_text(f"{SECRET_KEY}\n{SECRET_KEY[::-1]}\n")
    (tmp_path / "secret.key").chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"chmod o-rwx .*secret\.key"):
        load_seal(settings)
    (tmp_path / "secret.key").chmod(0o640)
    seal = require_seal(settings)
    sealed = require_seal(load_settings(home=tmp_path, secret_key=SECRET_KEY[::-1])).seal(
        CANARY, "main", "a"
    )
    assert seal.unseal(sealed, "main", "a") == CANARY
    for elsewhere, said in ((tmp_path / "nowhere", "nothing at"), (tmp_path, "cannot be read")):
        with pytest.raises(ConfigurationError, match=said):
            load_seal(load_settings(home=tmp_path, secret_key_file=elsewhere))
    with pytest.raises(ConfigurationError, match="32 bytes"):
        load_seal(load_settings(home=tmp_path, secret_key="hunter2"))
    assert SECRET_KEY not in repr(load_settings(secret_key=SECRET_KEY))


def test_a_canary_comes_to_light_nowhere(
    workshop: Workshop, company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused by the vendor, which is when most is said: by us, by the connector, by its log."""
    caplog.set_level("DEBUG")
    with Simulator(company) as simulator:
        said = [
            workshop.done("secret", "set", "zendesk.token", typed=CANARY),
            workshop.done(
                "source", "add", "desk", "--connector", "zendesk", "--stream", "users",
                "--set", f"base_url={simulator.zendesk_url}", "--set", "email=a@b.example",
                "--set", "api_token=sealed:zendesk.token",
            ),
            workshop.remit("source", "check", "desk").said,
            workshop.remit("source", "sync", "desk").said,
            workshop.done("source", "list"),
            workshop.done("source", "show", "desk"),
            workshop.done("secret", "list"),
        ]  # fmt: skip
    assert "401" in said[2] or "credentials" in said[2]
    assert CANARY not in "".join(said)
    assert CANARY not in caplog.text
    assert CANARY not in _stored(workshop)
    assert not [path for path in workshop.folder.rglob("*") if path.is_file()
                and CANARY.encode() in path.read_bytes()]  # fmt: skip


# A connector that notes what can be seen of it, and what it was given.
_CONNECTOR = """
import json, sys
from pathlib import Path

def say(kind, **content):
    print(json.dumps({"type": kind, **content}))

def read(path):
    try:
        return path.read_bytes()
    except OSError:  # that process has ended meanwhile
        return b""

match sys.argv[1]:
    case "spec":
        pin = {"type": "string", "airbyte_secret": True}
        say("SPEC", spec={"connectionSpecification": {"properties": {"pin": pin}}})
    case "check":
        given = json.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
        lines = [read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
        seen = b"".join([*lines, Path("/proc/self/environ").read_bytes()])
        Path(__file__).with_name("seen").write_bytes(seen)
        Path(__file__).with_name("given").write_text(str(len(given["pin"])))
        say("CONNECTION_STATUS", connectionStatus={"status": "FAILED", "message": given["pin"]})
"""


def test_neither_process_list_nor_environment_shows_a_secret(workshop: Workshop) -> None:
    """While the connector is at work, which has it, and even says it."""
    program = workshop.write(_CONNECTOR, "connector.py")
    workshop.done("secret", "set", "pin", typed=CANARY)
    workshop.done(
        "source", "add", "own", "--command", sys.executable, "--command", program,
        "--set", "pin=sealed:pin",
    )  # fmt: skip
    done = workshop.remit("source", "check", "own")
    assert (workshop.folder / "given").read_text() == str(len(CANARY))
    seen = (workshop.folder / "seen").read_bytes()
    assert program.encode() in seen
    assert CANARY.encode() not in seen
    assert SECRET_KEY.encode() not in seen
    assert done.code == 1
    assert CANARY not in done.said
