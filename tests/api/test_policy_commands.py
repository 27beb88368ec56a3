"""`remit policy`: the whole way of a change at the command line, and policies as files in Git."""

from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from access_policies import PolicyError
from access_policies.versions import store as versions
from access_policies.versions.shadow_runs import Difference, record
from api.cli.commands import app
from api.cli.policy.folder import ORIGIN_FILE
from index.database import Database
from index.errors import (
    ConfigurationError,
    InvalidRequest,
    NotPermitted,
    RemitError,
    Unavailable,
)
from tests.api.office import POLICIES
from tests.api.processes import PATIENCE, environment, remit, run
from tests.api.site import EXAMPLES, KEY
from tests.conftest import fresh_database

# A rule that lets Sam, of security, see tickets; no test of the example speaks of anybody there.
SECURITY_TOO = """\
rules:
  - id: security-looks-on
    effect: allow
    when: user.department == "security"
"""
CLOSED = """\
rules:
  - id: closed
    effect: deny
    when: ticket.status == "CLOSED" and user.department == "sales"
"""

# The second rule adds nothing to the first, and the mask needs a key to be published.
ODD = """\
entity: ticket
rules:
  - id: fresh
    effect: allow
    when: ticket.status in ["NEW", "OPEN"]
  - id: open
    effect: allow
    when: ticket.status == "OPEN"
masks:
  - {id: alike, fields: [subject], mask: hash, when: true}
"""


@dataclass(frozen=True)
class Terminal:
    """Where an operator types, in a folder and with a database of its own."""

    folder: Path
    database: str
    policies: Path = EXAMPLES / "policies"
    tenant: str = "main"

    @property
    def variables(self) -> dict[str, str]:
        return {
            "REMIT_HOME": str(self.folder),
            "REMIT_DATABASE_URL": self.database,
            "REMIT_POLICIES": str(self.policies),
            "REMIT_TOKEN_KEY": KEY,
            "REMIT_TENANT": self.tenant,
        }

    def remit(self, *arguments: str, code: int = 0) -> str:
        """What a command prints when it ends with this code. Raises what it raises on purpose."""
        result = CliRunner().invoke(app, list(arguments), env=self.variables)
        if isinstance(result.exception, RemitError):
            raise result.exception
        assert result.exit_code == code, (result.output, result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.stdout

    def policy(self, *arguments: str, code: int = 0) -> str:
        return self.remit("policy", *arguments, code=code)

    def pulled(self, name: str = "policies") -> Path:
        """A folder that holds what is in force."""
        path = self.folder / name
        self.policy("pull", str(path))
        return path

    def drafted(self, rules: str, author: str) -> int:
        """The number of a draft by a user with these rules before those of tickets."""
        path = self.pulled()
        _edit(path / "ticket.yaml", "rules:\n", rules)
        said = self.policy("push", str(path), "--reason", "as agreed", "--as", author)
        return int(said.split()[1])

    def tickets(self, user: str) -> int | None:
        """How many a user is told of; None when there is nothing of the kind for them."""
        asked = CliRunner().invoke(
            app, ["ask", "--json", "--user", user, "tickets"], env=self.variables
        )
        if isinstance(asked.exception, NotPermitted):
            return None
        answer = json.loads(asked.stdout)
        if answer["status"] != "ANSWERED":
            return None
        found: int = answer["data"]["tickets"]["totalCount"]
        return found


def _edit(path: Path, text: str, by: str) -> None:
    before = path.read_text("utf-8")
    assert text in before
    path.write_text(before.replace(text, by, 1), "utf-8")


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Undo that a command sets up the logging of its process, which here is ours."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def terminal(cluster: str, synced: str, tmp_path: Path) -> Iterator[Terminal]:
    """At the sample company, which has published nothing."""
    with fresh_database(cluster, synced) as url:
        yield Terminal(tmp_path, url)


@pytest.fixture
def begun(terminal: Terminal) -> Terminal:
    """With a few policies as version 1 in force."""
    return publish(terminal, POLICIES)


def publish(terminal: Terminal, documents: Mapping[str, str]) -> Terminal:
    """A terminal where these documents are the first version in force."""
    database = Database(terminal.database)
    with database.writing() as connection:
        versions.draft(connection, "main", documents, author="sam", reason="to begin")
        versions.put_in_force(connection, "main", 1, expected=None, actor="sam", reason="to begin")
    database.writer.dispose()
    folder = terminal.folder / "started-with"
    folder.mkdir()
    (folder / "ticket.yaml").write_text(POLICIES["ticket.yaml"], "utf-8")
    return replace(terminal, policies=folder)


def test_the_whole_way_of_a_change(terminal: Terminal) -> None:
    assert terminal.policy("list") == ""
    path = terminal.pulled()
    origin = json.loads((path / ORIGIN_FILE).read_text())
    assert (origin["tenant"], origin["version"]) == ("main", None)
    with pytest.raises(InvalidRequest, match="Nothing differs"):
        terminal.policy("push", str(path), "--reason", "by mistake")

    # The first version, which an operator puts in force alone.
    _edit(path / "customer.yaml", "because: ", "because: As agreed. ")
    said = terminal.policy("push", str(path), "--reason", "to begin")
    assert said.splitlines() == [
        "Version 1 is drafted:",
        "  customer: rule own-regions has another reason: As agreed. Support and sales look after"
        " the customers of their own regions.",
        "Next: `remit policy preview 1`",
    ]
    said = terminal.policy("publish", "1", "--reason", "to begin", "--yes")
    assert said.splitlines()[-1] == "Version 1 is in force."
    before = {name: terminal.tickets(name) for name in ("maya", "sam")}
    assert before["sam"] is None

    # One that shows somebody more, and takes two.
    assert "0 written" in terminal.policy("pull", str(path))
    _edit(path / "ticket.yaml", "rules:\n", SECURITY_TOO)
    assert "rule security-looks-on is new" in terminal.policy(
        "push", str(path), "--reason", "for audits", "--as", "maya"
    )
    assert "115 passed, 0 failed" in terminal.policy("test", "--version", "2", "--as", "maya")
    said = terminal.policy("diff", "2", "--as", "maya")
    assert "--- version-1/ticket.yaml\n+++ version-2/ticket.yaml\n" in said
    assert '\n+    when: user.department == "security"\n' in said
    assert terminal.policy("preview", "2", "--as", "maya") in said
    assert "A second person has to approve it:" in said
    assert ": sam " in said
    with pytest.raises(NotPermitted, match="second person"):
        terminal.policy("publish", "2", "--reason", "now", "--yes", "--as", "maya")
    with pytest.raises(NotPermitted, match="author"):
        terminal.policy("approve", "2", "--reason", "fine", "--as", "maya")
    terminal.policy("approve", "2", "--reason", "fine", "--as", "lena")
    assert terminal.tickets("sam") is None
    terminal.policy("publish", "2", "--reason", "now", "--yes", "--as", "maya")
    during = {name: terminal.tickets(name) for name in before}
    assert during == before | {"sam": during["sam"]}
    assert during["sam"]

    # And back.
    said = terminal.policy("rollback", "--reason", "too early", "--yes", "--as", "lena")
    assert said == "Version 1 is in force.\n"
    assert {name: terminal.tickets(name) for name in before} == before
    assert [line.split()[:2] for line in terminal.policy("list").splitlines()] == [
        ["2", "superseded"],
        ["1", "in"],
    ]
    told = [line for line in terminal.policy("history", "2").splitlines() if "version 2" in line]
    assert [line.split("version 2 ")[1].split(",")[0] for line in reversed(told)] == [
        *("drafted by maya", "tested by maya"),
        *("previewed by maya",) * 3,
        *("approved by lena", "previewed by maya", "published by maya"),
    ]
    assert all(line.split(" by ")[1].count("the command line of ") == 1 for line in told)
    assert "in place of version 2" in terminal.policy("history", "1")
    events = json.loads(terminal.policy("history", "2", "--json"))
    assert events[0]["evidence"]["approved_by"] == ["lena"]
    assert [event["kind"] for event in events][-1] == "drafted"


def test_what_is_printed_is_plain_and_the_same_each_time(begun: Terminal) -> None:
    number = str(begun.drafted(SECURITY_TOO, "maya"))
    for command in (("preview", number), ("diff", number), ("show",), ("check", "--version", "1")):
        first, again = begun.policy(*command), begun.policy(*command)
        assert first == again
        assert "\x1b" not in first
        assert first.endswith("\n")


def test_show_gives_the_documents(begun: Terminal) -> None:
    ticket = POLICIES["ticket.yaml"]
    assert begun.policy("show", "--name", "ticket.yaml") == ticket
    stream = begun.policy("show", "1")
    assert stream.count("--- # version 1: ") == len(POLICIES)
    assert ticket in stream


def test_trials(begun: Terminal) -> None:
    number = begun.drafted(SECURITY_TOO, "maya")
    assert begun.policy("shadow", "show") == "No version is on trial.\n"
    started = begun.policy("shadow", "start", str(number), "--reason", "to see", "--as", "maya")
    assert started.startswith(f"Version {number} is on trial until ")
    assert begun.policy("shadow", "show") == started
    difference = Difference(
        entity="ticket",
        row_id=UUID(int=7),
        change="unmasked",
        field="subject",
        user="sam",
        agent="bot",
    )
    database = Database(begun.database)
    with database.writing() as connection:
        record(connection, "main", number, [difference])
    database.writer.dispose()
    line = f"ticket {difference.row_id} subject  unmasked by sam with bot, seen once\n"
    assert begun.policy("shadow", "show", "--as", "maya") == started + line
    ended = begun.policy("shadow", "stop", "--reason", "seen", "--as", "maya")
    assert ended == f"The trial of version {number} ended.\n"
    assert begun.policy("shadow", "show", str(number)).endswith(line)
    assert begun.policy("shadow", "stop", "--reason", "seen") == "No version is on trial.\n"


def test_nothing_that_others_wrote_steers_the_terminal(begun: Terminal) -> None:
    hostile = "\x1b[31mred\x9b1m \u202e [bold]not[/bold] \r\n"
    path = begun.pulled()
    _edit(path / "ticket.yaml", "rules:\n", "# \u202e \u2066 [red]\n" + CLOSED)
    begun.policy("push", str(path), "--reason", hostile)
    shown = [
        begun.policy(*command)
        for command in (
            *(("list",), ("show", "2"), ("show", "2", "--name", "ticket.yaml"), ("history",)),
            *(("history", "--json"), ("diff", "2"), ("preview", "2"), ("check", "--version", "2")),
        )
    ]
    command = remit("policy", "check", "/nowhere\x1b[31m")
    _, _, refused = run(command, environment(**begun.variables), begun.folder)
    for text in (*shown, refused):
        assert all(letter.isprintable() or letter in "\n\t" for letter in text)
    assert "\\x1b[31mred\\x9b1m \\u202e [bold]not[/bold]" in shown[0]
    assert "# \\u202e \\u2066 [red]" in shown[2]
    assert "/nowhere\\x1b[31m" in refused


def test_files_are_checked_without_a_database(tmp_path: Path) -> None:
    nowhere = Terminal(tmp_path, "postgresql://remit@127.0.0.1:9/none")
    for folder in ([], [str(EXAMPLES / "policies")]):
        assert "115 tests stand beside them" in nowhere.policy("check", *folder)
        assert "115 passed" in nowhere.policy("test", *folder)
    path = tmp_path / "odd"
    path.mkdir()
    (path / "ticket.yaml").write_text(ODD)
    odd = nowhere.policy("check", str(path)).splitlines()
    assert any(line.startswith("ticket: ") and "open" in line for line in odd)
    assert "comment has no policy, so nobody sees it." in odd
    (path / "ticket.test.yaml").write_text(
        "tests: ticket\npeople: {maya: {user: {department: support}}}\n"
        "rows: {open: {status: OPEN}}\nexpect: [{who: maya, see: open}]\n"
    )
    assert "FAILED ticket.test.yaml, line 4" in nowhere.policy("test", str(path), code=1)


def test_all_that_is_wrong_is_told_at_once(begun: Terminal) -> None:
    path = begun.pulled()
    _edit(path / "ticket.yaml", "effect: allow", "effect: alow")
    _edit(path / "contact.yaml", "contact.customer", "contact.custmer")
    for command in (("push", str(path), "--reason", "x"), ("check", str(path))):
        with pytest.raises(PolicyError) as refused:
            begun.policy(*command)
        assert len(refused.value.problems) == 2
        assert "`allow`" in str(refused.value)
        assert "`customer`" in str(refused.value)


def test_an_operator_mends_what_cannot_be_read(terminal: Terminal) -> None:
    terminal = publish(terminal, {**POLICIES, "flurb.yaml": "entity: flurb\nrules: []\n"})
    with pytest.raises(Unavailable, match="An operator"):
        terminal.policy("list", "--as", "maya")
    path = terminal.pulled()
    (path / "flurb.yaml").unlink()
    said = terminal.policy("push", str(path), "--reason", "the model has no flurbs any more")
    assert "ticket: has a policy now" in said
    terminal.policy("publish", "2", "--reason", "mended", "--yes")
    assert terminal.policy("list", "--as", "maya").startswith("2  in force")


# What is typed once version 1 is in force and 2 is a draft of Maya's, and what is said about it.
REFUSED: dict[str, tuple[list[str], str]] = {
    "an approval by nobody": (["approve", "2", "--reason", "x"], "--as"),
    "no terminal to ask at": (["publish", "2", "--reason", "x"], "add --yes"),
    "none to go back at either": (["rollback", "--reason", "x"], "add --yes"),
    "nothing to go back to": (["rollback", "--reason", "x", "--yes"], "none to go back to"),
    "an empty reason": (["approve", "2", "--reason", " ", "--as", "lena"], "reason is empty"),
    "somebody who is not there": (["list", "--as", "zoe"], "no user 'zoe'"),
    "somebody without a right": (["list", "--as", "ana"], "for their owners"),
    "somebody with another right": (["diff", "2", "--as", "omar"], "policy of ticket"),
    "a version that is not there": (["show", "9"], "no version 9"),
    "the history of none": (["history", "9"], "no version 9"),
    "a document that is not there": (["show", "--name", "x.yaml"], "no document 'x.yaml'"),
    "a folder that is a file": (["pull", str(EXAMPLES / "directory.yaml")], "cannot be written"),
    "a folder that is not there": (["push", "/nowhere", "--reason", "x"], "/nowhere"),
    "files of nowhere": (
        ["push", str(EXAMPLES / "policies"), "--reason", "x"],
        "does not say which version it was made from, and version 1 is in force",
    ),
    "a trial of too long": (["shadow", "start", "2", "--reason", "x", "--hours", "999"], "336"),
    "a user of another tenant": (["list", "--tenant", "other", "--as", "maya"], "no user 'maya'"),
    "a version of another tenant": (["show", "1", "--tenant", "other"], "no version 1"),
}


def test_what_cannot_be_done_is_refused(begun: Terminal) -> None:
    begun.drafted(SECURITY_TOO, "maya")
    before = begun.policy("history", "--json")
    for name, (typed, said) in REFUSED.items():
        with pytest.raises(RemitError) as refused:
            begun.policy(*typed)
        assert said in str(refused.value), name
    for typed in (["check", ".", "--version", "1"], ["show", "0"], ["publish", "2"], ["approve"]):
        begun.policy(*typed, code=2)
    assert begun.policy("history", "--json") == before
    assert replace(begun, tenant="other").policy("list") == ""


def test_a_database_without_tables_says_what_to_do(tmp_path: Path, cluster: str) -> None:
    maintenance = make_url(cluster).render_as_string(hide_password=False)
    with pytest.raises(ConfigurationError, match="remit migrate"):
        Terminal(tmp_path, maintenance).policy("list")


@pytest.mark.parametrize(
    ("answer", "said", "state"),
    [
        ("", "Nothing was published.", "previewed"),  # no is what Enter means
        ("y", "Version 2 is in force.", "in force"),
    ],
)
def test_a_terminal_is_asked(begun: Terminal, answer: str, said: str, state: str) -> None:
    begun.drafted(CLOSED, "maya")
    code, shown, aside = _typed(begun, answer, "policy", "publish", "2", "--reason", "now")
    assert "Looking at rows" in aside  # while it counts
    assert "Put version 2 in force for main? [y/N]" in aside
    assert "It is proven to show nobody more" in shown
    assert "\x1b" not in shown
    assert said in shown + aside
    assert code == (0 if state == "in force" else 1)
    assert state in begun.policy("list").splitlines()[0]


def _typed(terminal: Terminal, answer: str, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and the rest of what is on the screen, of a command that may ask."""
    keyboard, screen = pty.openpty()
    os.write(keyboard, f"{answer}\n".encode())
    with (terminal.folder / "out").open("w+") as out:
        process = subprocess.Popen(
            remit(*arguments),
            env=environment(**terminal.variables, TERM="xterm"),
            cwd=terminal.folder,
            stdin=screen,
            stdout=out,
            stderr=screen,
        )
        os.close(screen)
        aside = b""
        with suppress(OSError):  # which is how the end shows
            while some := os.read(keyboard, 10_000):
                aside += some
        os.close(keyboard)
        code = process.wait(PATIENCE)
        out.seek(0)
        return code, out.read(), aside.decode()


# Files in Git


def test_work_in_a_folder_is_not_undone_by_others(begun: Terminal) -> None:
    mine, theirs = begun.pulled("mine"), begun.pulled("theirs")
    _edit(theirs / "ticket.yaml", "rules:\n", CLOSED)
    begun.policy("push", str(theirs), "--reason", "x", "--as", "lena")
    begun.policy("publish", "2", "--reason", "x", "--yes", "--as", "lena")
    _edit(mine / "comment.yaml", "id: all", "id: everybody")
    with pytest.raises(InvalidRequest, match="made from version 1, and version 2 is in force"):
        begun.policy("push", str(mine), "--reason", "x", "--as", "maya")
    # What others did comes in, what one did oneself stays.
    said = begun.policy("pull", str(mine))
    assert said.startswith(f"Version 2 is in {mine}: 1 written, 0 removed")
    assert "id: everybody" in (mine / "comment.yaml").read_text()
    begun.policy("push", str(mine), "--reason", "x", "--as", "maya")
    assert "comment: rule" in begun.policy("diff", "3")


def test_line_ends_are_nobodys_change(terminal: Terminal) -> None:
    """A document may have come with other line ends, and version control may give it others."""
    documents = {**POLICIES, "invoice.yaml": POLICIES["invoice.yaml"].replace("\n", "\r\n")}
    terminal = publish(terminal, documents)
    path = terminal.pulled()
    assert (path / "invoice.yaml").read_bytes() == documents["invoice.yaml"].encode()
    for file in path.glob("*.yaml"):
        file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert "0 written" in terminal.policy("pull", str(path))
    _edit(path / "ticket.yaml", "rules:\n", CLOSED)
    terminal.policy("push", str(path), "--reason", "x", "--as", "maya")  # who owns no invoices
    # The file that was changed came in whole with the line ends that it has here.
    assert "invoice" not in terminal.policy("diff", "2")
