"""`remit user`: who is there comes from a file, whole or not at all, and is what the gate finds."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from api.cli.commands import app
from api.directory import find_principal
from index.database import Database
from index.errors import RemitError
from index.specs import CallerAttributes, FieldType
from semantic_layer import SHIPPED_MODEL, load_model
from tests.api.processes import environment, remit, run
from tests.conftest import fresh_database

# A model whose users have an attribute of each type that an attribute can have.
_CALLERS = """
callers:
  user:
    department: text
    regions: text_list
    level: integer
    quota: decimal
    internal: boolean
    hired: timestamp
    account: id
  agent:
    vendor: text
"""
_EVERYTHING = {
    "department": "support",
    "regions": ["EMEA", "AMER"],
    "level": 3,
    "quota": 12.5,
    "internal": True,
    "hired": "2026-01-31T09:00:00+00:00",
    "account": "0191d6a0-4c1e-5b9e-8a56-3b2f6d0c9e11",
}
_CSV = """\
name,department,regions,level,quota,internal,hired,account
maya,support,EMEA; AMER,3,12.50,TRUE,2026-01-31T10:00:00+01:00,0191D6A0-4C1E-5B9E-8A56-3B2F6D0C9E11
omar,,[],,,,,
"""


@dataclass(frozen=True)
class Desk:
    """Where an operator types, with a database of the test's own."""

    folder: Path
    database: str

    def remit(self, *arguments: str) -> str:
        """What a command prints. Raises what it raises."""
        variables = {
            "REMIT_HOME": str(self.folder),
            "REMIT_DATABASE_URL": self.database,
            "REMIT_MODEL": str(self.folder / "model"),
        }
        result = CliRunner().invoke(app, list(arguments), env=variables)
        if result.exception is not None:
            raise result.exception
        return result.stdout

    def imported(self, content: str, *options: str, name: str = "people.csv") -> str:
        """What the import of a file with this content prints."""
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return self.remit("user", "import", str(path), *options)

    def people(self, *options: str) -> dict[str, object]:
        """Who is there, with their attributes."""
        lines = self.remit("user", "list", *options).splitlines()
        return {name: json.loads(rest) for name, rest in (line.split(None, 1) for line in lines)}


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Undo that a command sets up the logging of its process, which here is ours."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def untouched(
    cluster: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    with fresh_database(cluster, template) as url:
        yield _at_desk(tmp_path_factory.mktemp("desk"), url)


def _at_desk(folder: Path, url: str) -> Desk:
    (folder / "model").mkdir()
    for file in SHIPPED_MODEL.glob("*.yaml"):
        (folder / "model" / file.name).symlink_to(file)
    (folder / "model" / "callers.yaml").unlink()
    (folder / "model" / "callers.yaml").write_text(_CALLERS)
    return Desk(folder, url)


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Desk:
    return _at_desk(tmp_path, database_url)


# The same people, written in each way.
SAME: dict[str, tuple[str, str]] = {
    "CSV": ("people.csv", _CSV),
    "CSV as a spreadsheet saves it": ("people.csv", "\ufeff" + _CSV.replace("\n", "\r\n")),
    "CSV with other columns first, spaces, and blank lines": (
        "people.csv",
        "regions , name\n\n EMEA;AMER , maya \n,\n[],omar\n",
    ),
    "JSON, a list": (
        "people.json",
        json.dumps([{"name": "maya", **_EVERYTHING}, {"name": "omar", "regions": []}]),
    ),
    "JSON by kind, with nulls": (
        "people.json",
        json.dumps(
            {"users": {"maya": _EVERYTHING, "omar": {"regions": [], "level": None}}}, indent="\t"
        ),
    ),
    "YAML": (
        "people.yml",
        f"users:\n  maya: {json.dumps(_EVERYTHING)}\n  omar: {{regions: [], level: null}}\n",
    ),
    "YAML with a time of its own": (
        "people.yaml",
        "users:\n  maya: {hired: 2026-01-31T09:00:00Z, regions: [EMEA, AMER]}\n"
        "  omar: {regions: []}\n",
    ),
}


@pytest.mark.parametrize(("name", "content"), SAME.values(), ids=SAME.keys())
def test_each_way_of_writing_means_the_same(desk: Desk, name: str, content: str) -> None:
    assert desk.imported(content, name=name) == (
        "users: 2 added, 0 changed, 0 removed, 0 unchanged\n  added: maya, omar\n"
    )
    maya, omar = desk.people().values()
    assert isinstance(maya, dict)
    assert omar == {"regions": []}
    assert maya["regions"] == ["EMEA", "AMER"]
    assert maya.items() <= _EVERYTHING.items()
    assert len(maya) == len(_EVERYTHING) or "level" not in content or "hired" not in content


@pytest.mark.anyio
async def test_what_is_missing_is_not_what_is_empty(desk: Desk, database: Database) -> None:
    desk.imported("name,department,regions\nmaya,support,[]\nomar,,EMEA\n")
    callers: CallerAttributes = {
        "user": {"department": FieldType.TEXT, "regions": FieldType.TEXT_LIST}
    }
    async with database.reading("main") as connection:
        found = [
            await find_principal(connection, callers, tenant_id="main", user=name)
            for name in ("maya", "omar", "somebody")
        ]
    assert [dict(principal.user_attributes) for principal in found] == [
        {"department": "support", "regions": ()},
        {"regions": ("EMEA",)},
        {},
    ]


def test_an_import_says_what_it_changed_and_can_be_repeated(desk: Desk) -> None:
    first = "name,department,level\nmaya,support,1\nomar,sales,2\nlena,support,3\n"
    desk.imported(first)
    assert desk.imported(first) == "users: 0 added, 0 changed, 0 removed, 3 unchanged\n"
    assert desk.imported("name,department,level\nmaya,support,9\nzoe,,\nomar,sales,2\n") == (
        "users: 1 added, 1 changed, 0 removed, 1 unchanged\n  added: zoe\n  changed: maya\n"
    )
    # Lena is not in the second file, and is left alone.
    assert desk.people() == {
        "lena": {"department": "support", "level": 3},
        "maya": {"department": "support", "level": 9},
        "omar": {"department": "sales", "level": 2},
        "zoe": {},
    }


def test_an_attribute_that_leaves_the_file_leaves_the_directory(desk: Desk) -> None:
    desk.imported("name,department,level\nmaya,support,1\n")
    desk.imported("name,department,level\nmaya,,1\n")
    assert desk.people() == {"maya": {"level": 1}}


def test_replace_removes_who_is_not_in_the_file_and_only_of_its_kind(desk: Desk) -> None:
    desk.imported("name\nmaya\nomar\n")
    desk.imported("name,vendor\nbot,acme\n", "--agents")
    desk.imported("name\nmaya\n", "--tenant", "another")
    assert desk.imported("name\nlena\nmaya\n", "--replace") == (
        "users: 1 added, 0 changed, 1 removed, 1 unchanged\n  added: lena\n  removed: omar\n"
    )
    assert desk.people().keys() == {"lena", "maya"}
    assert desk.people("--agents") == {"bot": {"vendor": "acme"}}
    assert desk.people("--tenant", "another").keys() == {"maya"}


def test_a_dry_run_says_it_all_and_does_nothing(desk: Desk) -> None:
    desk.imported("name,level\nmaya,1\nomar,1\n")
    before = desk.people()
    told = desk.imported("name,level\nmaya,2\nlena,1\n", "--replace", "--dry-run")
    assert told.splitlines() == [
        "Nothing was changed. An import would do this:",
        "users: 1 added, 1 changed, 1 removed, 0 unchanged",
        "  added: lena",
        "  changed: maya",
        "  removed: omar",
    ]
    assert desk.people() == before


def test_a_file_may_speak_of_users_and_of_agents(desk: Desk) -> None:
    content = {"users": {"maya": {"level": 1}}, "agents": {"bot": {"vendor": "acme"}}}
    told = desk.imported(json.dumps(content), "--format", "json", name="people")
    assert told.splitlines() == [
        "users: 1 added, 0 changed, 0 removed, 0 unchanged",
        "  added: maya",
        "agents: 1 added, 0 changed, 0 removed, 0 unchanged",
        "  added: bot",
    ]
    assert desk.people("--agents") == {"bot": {"vendor": "acme"}}


def test_many_are_imported_and_told_in_short(desk: Desk) -> None:
    rows = "".join(f"user{number:05},support,EMEA\n" for number in range(20_000))
    told = desk.imported("name,department,regions\n" + rows)
    assert told.startswith("users: 20,000 added, 0 changed")
    assert told.endswith("user00019 and 19,980 more\n")
    told = desk.imported("name,department,regions\nuser00007,support,AMER\n", "--replace")
    assert told.startswith("users: 0 added, 1 changed, 19,999 removed, 0 unchanged")
    assert desk.people() == {"user00007": {"department": "support", "regions": ["AMER"]}}


# A file, what it holds, and what is said about it.
WRONG: dict[str, tuple[str, str, list[str]]] = {
    "nothing": ("a.csv", "", ["line 1", "empty"]),
    "no names": ("a.csv", "department\nsupport\n", ["line 1", "no column `name`"]),
    "an unknown column": ("a.csv", "name,deprtment\nmaya,x\n", ["line 1", "deprtment", "regions"]),
    "a column twice": ("a.csv", "name,level,level\nmaya,1,2\n", ["line 1", "'level'", "twice"]),
    "semicolons for commas": ("a.csv", "name;level\nmaya;1\n", ["line 1", "commas"]),
    "a cell too many": ("a.csv", "name,level\nmaya,1,2\n", ["line 2", "3 cells under 2"]),
    "a cell too few": ("a.csv", "level,name\n1\n", ["line 2", "1 cells under 2"]),
    "a quote that does not end": ("a.csv", 'name\n"maya\n', ["line 2", "not CSV"]),
    "nobody": ("a.csv", "name,level\n,1\n", ["line 2", "name: expected 1 to 200"]),
    "a name too long": ("a.csv", f"name\n{'m' * 201}\n", ["line 2", "name: expected 1 to 200"]),
    "a name with a line break": ("a.csv", 'name\n"ma\nya"\n', ["line 2", "printable"]),
    "a name with no width": ("a.csv", "name\nma\u200bya\n", ["line 2", "printable"]),
    "somebody twice": ("a.csv", "name\nmaya\n\nmaya\n", ["line 4", "'maya'", "line 2"]),
    "after a cell of two lines": (
        "a.csv",
        'name,department,level\nmaya,"a\nb",1\nomar,x,y\n',
        ["line 4", "level of 'omar'"],
    ),
    "no whole number": ("a.csv", "name,level\nmaya,1.5\n", ["line 2", "level of 'maya'", "whole"]),
    "a number Python would take": ("a.csv", "name,level\nmaya,1_0\n", ["line 2", "whole number"]),
    "too large a number": ("a.csv", f"name,level\nmaya,{2**63}\n", ["line 2", "outside"]),
    "a decimal comma": ("a.csv", 'name,quota\nmaya,"1,5"\n', ["line 2", "quota of 'maya'", "12.5"]),
    "more digits than are kept": (
        "a.csv",
        "name,quota\nmaya,0.12345678901234567890\n",
        ["line 2", "quota of 'maya'", "digits"],
    ),
    "neither true nor false": ("a.csv", "name,internal\nmaya,yes\n", ["line 2", "true or false"]),
    "a time without a zone": ("a.csv", "name,hired\nmaya,2026-01-31\n", ["line 2", "zone"]),
    "no id": ("a.csv", "name,account\nmaya,42\n", ["line 2", "account of 'maya'", "id"]),
    "an empty part": ("a.csv", "name,regions\nmaya,EMEA;\n", ["line 2", "regions of 'maya'", ";"]),
    "JSON that ends early": ("a.json", '[{"name":\n "maya"', ["line 2", "not JSON"]),
    "JSON that says nothing of people": ("a.json", "7", ["line 1", "`users` and `agents`"]),
    "JSON nested too deeply": ("a.json", "[" * 100_000, ["line 1", "deeply"]),
    "a JSON entry without a name": ("a.json", '[\n{"level": 1}]', ["line 2", "`name`"]),
    "a JSON entry with two names": (
        "a.json",
        '[{"name": "a",\n"name": "b"}]',
        ["line 1", "`name`"],
    ),
    "a JSON entry that is none": ("a.json", '["maya"]', ["line 1", "`name`"]),
    "a JSON attribute twice": (
        "a.json",
        '[{"name": "maya", "level": 1,\n "level": 2}]',
        ["line 2", "'level' of 'maya'", "twice"],
    ),
    "a JSON user twice": (
        "a.json",
        '{"users": {"maya": {},\n"maya": {}}}',
        ["line 2", "'maya'", "line 1"],
    ),
    "JSON users twice": ("a.json", '{"users": {},\n"users": {}}', ["line 2", "`users`", "twice"]),
    "a JSON text for a list": (
        "a.json",
        '{"users": {"maya": {\n"regions": "EMEA"}}}',
        ["line 2", "regions of 'maya'", "list of texts"],
    ),
    "a JSON number for a name": ("a.json", '[{"name": 7}]', ["line 1", "name: expected"]),
    "an unknown kind": ("a.yaml", "people: {}", ["line 1", "'people'", "`users` and `agents`"]),
    "a kind without people": ("a.yaml", "users:", ["line 1", "`users`"]),
    "a user without attributes": ("a.yaml", "users:\n  maya:\n", ["line 2", "'maya'"]),
    "YAML that ends early": ("a.yaml", "users: {maya: {", ["line", "not YAML"]),
    "a YAML user twice": ("a.yaml", "users:\n  maya: {}\n  maya: {}\n", ["line 3", "line 2"]),
    "a YAML date of no calendar": (
        "a.yaml",
        "users:\n  maya: {hired: 2026-13-31}\n",
        ["line 2", "cannot be read"],
    ),
    "an agent with what users have": (
        "a.yaml",
        "users: {maya: {level: 1}}\nagents: {bot: {level: 1}}",
        ["line 2", "agent attribute 'level'", "vendor"],
    ),
    "a name that tells no format": ("people.txt", "name\nmaya\n", ["--format"]),
}


@pytest.mark.parametrize(("name", "content", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_and_nothing_is_imported(
    untouched: Desk, name: str, content: str, words: list[str]
) -> None:
    with pytest.raises(RemitError) as refused:
        untouched.imported(content, name=name)
    for word in [str(untouched.folder / name), *words]:
        assert word in str(refused.value)
    assert untouched.people() == {}
    assert untouched.people("--agents") == {}


def test_everything_that_is_wrong_is_told_at_once_and_no_value_with_it(untouched: Desk) -> None:
    content = "name,level,internal\nmaya,hunter2,hunter2\nomar,1,true\nlena,hunter2,true\n"
    with pytest.raises(RemitError) as refused:
        untouched.imported(content)
    told = str(refused.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in told] == [
        "line 2, internal of 'maya'",
        "line 2, level of 'maya'",
        "line 4, level of 'lena'",
    ]
    assert "hunter2" not in str(refused.value)
    assert untouched.people() == {}


def test_of_too_much_that_is_wrong_only_the_first_is_told(untouched: Desk) -> None:
    with pytest.raises(RemitError, match="and 980 more") as refused:
        untouched.imported("name,level\n" + "".join(f"user{number},x\n" for number in range(1_000)))
    assert len(str(refused.value).splitlines()) == 22


# What is typed, and what is said about it.
REFUSED: dict[str, tuple[Callable[[Desk], str], str]] = {
    "a file that is not there": (lambda desk: desk.remit("user", "import", "none.csv"), "none.csv"),
    "an empty file to replace all": (
        lambda desk: desk.imported("name\n", "--replace"),
        "everybody",
    ),
    "agents of a file that says who they are": (
        lambda desk: desk.imported('{"users": {"maya": {}}}', "--agents", name="a.json"),
        "--agents",
    ),
    "somebody who is not there": (lambda desk: desk.remit("user", "show", "maya"), "'maya'"),
}


@pytest.mark.parametrize(("typed", "word"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_done_is_refused(
    untouched: Desk, typed: Callable[[Desk], str], word: str
) -> None:
    with pytest.raises(RemitError, match=word):
        typed(untouched)
    assert untouched.people() == {}


def test_text_that_is_not_utf8_is_refused(untouched: Desk) -> None:
    path = untouched.folder / "latin.csv"
    path.write_bytes("name,department\nmaya,Büro\n".encode("latin-1"))
    with pytest.raises(RemitError, match="UTF-8"):
        untouched.remit("user", "import", str(path))


def test_show_tells_what_is_missing(desk: Desk) -> None:
    desk.imported("name,department,regions\nmaya,support,\n")
    shown = desk.remit("user", "show", "maya").splitlines()
    assert shown[0] == "user maya"
    assert shown[1].split(None, 1) == ["department", '"support"']
    assert shown[2].split(None, 1) == ["regions", "missing: unknown to every rule"]


def test_a_database_without_tables_says_what_to_do(tmp_path: Path, cluster: str) -> None:
    maintenance = make_url(cluster).render_as_string(hide_password=False)
    with pytest.raises(RemitError, match="remit migrate"):
        _at_desk(tmp_path, maintenance).imported("name\nmaya\n")


def test_the_command_ends_with_one_message(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "people.csv").write_text("name,deprtment\nmaya,support\n")
    command = remit("user", "import", "people.csv")
    variables = environment(REMIT_DATABASE_URL=database_url)
    code, shown, problems = run(command, variables, tmp_path)
    assert (code, shown) == (1, "")
    assert problems.startswith("remit: people.csv cannot be used:")
    assert "deprtment" in problems
    assert "Traceback" not in problems


def test_the_sample_directory_can_be_imported(tmp_path: Path, database_url: str) -> None:
    assert load_model().callers
    sample = Path(__file__).resolve().parents[2] / "examples" / "demo" / "directory.yaml"
    variables = {"REMIT_HOME": str(tmp_path), "REMIT_DATABASE_URL": database_url}
    result = CliRunner().invoke(app, ["user", "import", str(sample)], env=variables)
    assert result.exception is None
    assert "added: lena, maya, omar" in result.stdout
