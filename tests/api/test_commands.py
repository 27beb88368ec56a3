"""The command line: what it answers, and how it says that something is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from api.auth import KEY_FILE, InvalidTokenError, Tokens, load_tokens, make_key_file
from api.directory import load_directory
from api.settings import SETTINGS_FILE, load_settings
from index.errors import ConfigurationError, InvalidRequest
from semantic_layer import load_model
from tests.api.forked_commands import ForkedCommands
from tests.api.processes import PATIENCE, environment, remit, run, started, wait_until
from tests.api.site import EXAMPLES, KEY, Site


@pytest.fixture
def variables(site: Site) -> dict[str, str]:
    """The environment in which commands work on the site's data."""
    assert site.settings.database_url is not None
    return environment(
        REMIT_HOME=str(site.settings.home),
        REMIT_DATABASE_URL=site.settings.database_url.get_secret_value(),
        REMIT_POLICIES=str(site.settings.policies),
        REMIT_SOURCES=str(site.settings.sources),
        REMIT_TOKEN_KEY=KEY,
    )


def test_explain_names_the_rule_that_decided(
    site: Site, commands: ForkedCommands, variables: dict[str, str], tmp_path: Path
) -> None:
    query = '{ tickets(where: {tags: {has: "security"}}) { nodes { id } } }'
    id = site.data("maya", query)["tickets"]["nodes"][0]["id"]
    for user, decision, rule in (
        ("maya", "visible", "own-regions"),
        ("omar", "hidden", "security-reports"),
        ("lena", "hidden", "no rule allows it"),
    ):
        explain = ("policy", "explain", "ticket", id, "--user", user)
        code, shown, problems = commands.run(*explain, variables=variables, folder=tmp_path)
        assert (code, problems) == (0, "")
        assert shown.startswith(f"ticket: {decision}")
        assert rule in shown.splitlines()[0]


def test_ask_as_json(variables: dict[str, str], tmp_path: Path) -> None:
    command = remit("ask", "--user", "maya", "--json", "Acme's open tickets")
    code, shown, problems = run(command, variables, tmp_path)
    assert (code, problems) == (0, "")
    answer = json.loads(shown)
    assert answer["status"] == "ANSWERED"
    assert answer["data"]["customer"]["tickets"]["totalCount"] == 6


def test_a_token_of_the_command_line_opens_the_gate(
    site: Site, variables: dict[str, str], tmp_path: Path
) -> None:
    command = remit("token", "--user", "maya", "--agent", "bot", "--purpose", "support")
    code, shown, _ = run(command, variables, tmp_path)
    assert code == 0
    claims = site.services.verify(shown.strip())
    assert (claims.user, claims.agent, claims.purpose) == ("maya", "bot", "support")


# A command, what is different about its environment, and what it must say.
_NO_ID = "0191d6a0-4c1e-5b9e-8a56-3b2f6d0c9e11"
MISTAKES: dict[str, tuple[list[str], dict[str, str], str]] = {
    "an unknown command": (["frobnicate"], {}, "frobnicate"),
    "an unknown option": (["serve", "--fast"], {}, "--fast"),
    "no user": (["ask", "open tickets"], {}, "--user"),
    "a port that is no number": (["serve", "--port", "http"], {}, "--port"),
    "a port that is none": (["serve"], {"REMIT_PORT": "99999"}, "REMIT_PORT"),
    "no policies": (["serve", "--port", "0"], {"REMIT_POLICIES": ""}, "REMIT_POLICIES"),
    "policies that are not there": (
        ["serve", "--port", "0"],
        {"REMIT_POLICIES": "/nowhere"},
        "/nowhere",
    ),
    "a folder without policies": (
        ["serve", "--port", "0"],
        {"REMIT_POLICIES": str(EXAMPLES.parent)},
        "no policy",
    ),
    "a short key": (["token", "--user", "maya"], {"REMIT_TOKEN_KEY": "short"}, "32"),
    "a long life": (["token", "--user", "maya", "--minutes", "9999"], {}, "24 hours"),
    "an address of another database": (
        ["migrate"],
        {"REMIT_DATABASE_URL": "mysql://root:hunter2@localhost/x"},
        "REMIT_DATABASE_URL",
    ),
    "a database that is not there": (
        ["migrate"],
        {"REMIT_DATABASE_URL": "postgresql://remit:hunter2@127.0.0.1:9/x"},
        "did not answer",
    ),
    "an unknown source": (["sync", "hubspot"], {}, "hubspot"),
    "an unknown tenant": (["ask", "--user", "maya", "tickets"], {"REMIT_TENANT": "x"}, "'x'"),
    "no id": (["policy", "explain", "ticket", "10042", "--user", "maya"], {}, "id of a row"),
    "an id of nothing": (
        ["policy", "explain", "ticket", _NO_ID, "--user", "maya"],
        {},
        "no ticket",
    ),
    "nobody to explain it for": (["policy", "explain", "ticket", _NO_ID], {}, "--user"),
    "an unknown entity": (
        ["policy", "explain", "flurb", _NO_ID, "--user", "maya"],
        {},
        "flurb",
    ),
}


@pytest.mark.parametrize(("command", "changed", "word"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_in_one_clear_message(
    commands: ForkedCommands,
    variables: dict[str, str],
    tmp_path: Path,
    command: list[str],
    changed: dict[str, str],
    word: str,
) -> None:
    code, shown, problems = commands.run(
        *command, variables={**variables, **changed}, folder=tmp_path
    )
    assert code in (1, 2)
    assert shown == ""
    assert word in problems
    assert "Traceback" not in problems
    assert "hunter2" not in problems


def test_a_reader_that_leaves_early_is_no_error(variables: dict[str, str], tmp_path: Path) -> None:
    command = " ".join(remit("ask", "--user", "ana", "tickets"))
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -c 1"],
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_serve_answers_until_it_is_terminated(
    site: Site, variables: dict[str, str], tmp_path: Path
) -> None:
    with started(remit("serve", "--port", "0"), variables, tmp_path) as served:
        said = tmp_path / "err"
        wait_until(lambda: "Serving at" in said.read_text(), "the address")
        url = said.read_text().partition("Serving at ")[2].partition(";")[0]
        wait_until(lambda: _answers(f"{url}/ready"), "an answer")
        headers = {"authorization": f"Bearer {site.token('maya')}"}
        query = {"query": "query Count { tickets { totalCount } }", "operationName": "Count"}
        answer = httpx.post(f"{url}/graphql", json=query, headers=headers, trust_env=False)
        assert answer.json()["data"]["tickets"]["totalCount"] > 0
        served.terminate()
        assert served.wait(PATIENCE) == 0
    assert "user='maya' agent=None operation='Count'" in said.read_text()
    assert "Traceback" not in said.read_text()
    assert (tmp_path / "out").read_text() == ""


def test_simulate_serves_the_vendors_until_it_is_interrupted(tmp_path: Path) -> None:
    command = remit("simulate", "--scale", "0.05", "--port", "0")
    with started(command, environment(), tmp_path) as simulated:
        wait_until(lambda: "stripe:" in (tmp_path / "out").read_text(), "the addresses")
        said = (tmp_path / "out").read_text()
        url = said.partition("Zendesk    ")[2].split()[0]
        wait_until(lambda: _answers(f"{url}/_simulator/requests"), "an answer")
        simulated.send_signal(signal.SIGINT)
        assert simulated.wait(PATIENCE) == 0
    assert (tmp_path / "err").read_text() == ""


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_settings_come_from_options_then_variables_then_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SETTINGS_FILE).write_text('REMIT_TENANT="filed"\nREMIT_PORT=1111\nREMIT_HOST=::1\n')
    monkeypatch.setenv("REMIT_HOME", str(tmp_path))
    monkeypatch.setenv("REMIT_PORT", "2222")
    settings = load_settings(host="0.0.0.0", port=None)  # noqa: S104
    assert (settings.tenant, settings.port, settings.host) == ("filed", 2222, "0.0.0.0")  # noqa: S104


def test_settings_never_show_secrets() -> None:
    settings = load_settings(
        database_url="postgresql://remit:hunter2@localhost/x", token_key="hunter2" * 8
    )
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings)


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / KEY_FILE
    make_key_file(path)
    key = path.read_text()
    make_key_file(path)
    assert path.read_text() == key
    assert path.stat().st_mode & 0o077 == 0
    token = load_tokens(load_settings(home=path.parent)).issue(tenant="main", user="maya")
    assert Tokens(key.strip().encode()).verify(token).user == "maya"


@pytest.mark.parametrize(
    "wanted",
    [
        {"lifetime": timedelta(0)},
        {"lifetime": timedelta(hours=25)},
        {"user": ""},
        {"user": "m" * 201},
        {"agent": ""},
    ],
)
def test_a_token_that_could_not_be_used_is_not_issued(wanted: dict[str, object]) -> None:
    options: dict[str, object] = {"tenant": "main", "user": "maya", **wanted}
    with pytest.raises(InvalidRequest):
        Tokens(KEY.encode()).issue(**options)  # type: ignore[arg-type]


def test_tokens_of_one_installation_are_nothing_to_another() -> None:
    token = Tokens(KEY.encode()).issue(tenant="main", user="maya")
    with pytest.raises(InvalidTokenError):
        Tokens(KEY[::-1].encode()).verify(token)


# A directory file, and what is said about it.
DIRECTORIES = [
    ("people: {}", "users"),
    ("users: [maya]", "users"),
    ("users: {maya: {deprtment: support}}", "deprtment"),
    ("users: {maya: {regions: EMEA}}", "regions"),
    ("agents: {bot: {department: support}}", "department"),
    ("users: {maya: {", "YAML"),
]


@pytest.mark.parametrize(("content", "word"), DIRECTORIES)
def test_a_wrong_directory_is_refused(tmp_path: Path, content: str, word: str) -> None:
    path = tmp_path / "directory.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=word) as refused:
        load_directory(path, load_model().callers)
    assert str(path) in str(refused.value)


def test_the_example_directory_has_the_three_users_and_an_administrator() -> None:
    people = load_directory(EXAMPLES / "directory.yaml", load_model().callers)
    assert people.users.keys() == {"maya", "omar", "lena", "sam"}
