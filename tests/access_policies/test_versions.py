"""Versions are numbered without gaps, never change, and one of them is in force at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from access_policies.versions import history
from access_policies.versions import store as versions
from access_policies.versions.history import EventKind
from access_policies.versions.store import State
from index.database import Database
from index.errors import InvalidRequest
from index.tables import policy_in_force, policy_shadow, tenant

DOCUMENTS = {"ticket.yaml": "entity: ticket\nrules: []\n", "owners.yaml": "owners: []\n"}
AT_ONCE = 6


@pytest.fixture
def tenants(database: Database) -> Database:
    """Two tenants without policies."""
    with database.writing() as connection:
        connection.execute(tenant.insert(), [{"tenant_id": "acme"}, {"tenant_id": "other"}])
    return database


def _draft(database: Database, number: int = 1, tenant: str = "acme") -> None:
    """Versions up to that number."""
    with database.writing() as connection:
        for _ in range(number):
            versions.draft(connection, tenant, DOCUMENTS, author="maya", reason="as agreed")


def _publish(database: Database, number: int, expected: int | None) -> None:
    with database.writing() as connection:
        versions.put_in_force(
            connection, "acme", number, expected=expected, actor="omar", reason="go"
        )


def test_a_draft_is_kept_as_it_was_given(tenants: Database) -> None:
    with tenants.writing() as connection:
        first = versions.draft(connection, "acme", DOCUMENTS, author=" maya ", reason="start")
        second = versions.draft(
            connection, "acme", {"a.yaml": "ü # 漢\n"}, author="omar", reason="less", parent=1
        )
    with tenants.writing() as connection:
        assert versions.find(connection, "acme", 1) == first
        assert versions.find(connection, "acme", 2) == second
        assert versions.in_force(connection, "acme") is None

    assert (first.number, first.parent) == (1, None)
    assert (first.documents, first.author, first.reason) == (DOCUMENTS, "maya", "start")
    assert (second.number, second.parent, second.documents) == (2, 1, {"a.yaml": "ü # 漢\n"})


def test_the_hash_is_of_the_documents_alone(tenants: Database) -> None:
    reversed_order = dict(reversed(DOCUMENTS.items()))
    renamed = {"tickets.yaml": DOCUMENTS["ticket.yaml"], "owners.yaml": DOCUMENTS["owners.yaml"]}
    with tenants.writing() as connection:
        hashes = [
            versions.draft(connection, "acme", documents, author="maya", reason=reason).hash
            for documents, reason in [(DOCUMENTS, "a"), (reversed_order, "b"), (renamed, "c")]
        ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_drafts_at_once_are_numbered_without_gaps(tenants: Database) -> None:
    def draft(_: int) -> int:
        barrier.wait()
        with tenants.writing() as connection:
            version = versions.draft(connection, "acme", DOCUMENTS, author="maya", reason="now")
        return version.number

    barrier = Barrier(AT_ONCE)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert sorted(threads.map(draft, range(AT_ONCE))) == list(range(1, AT_ONCE + 1))


def test_a_draft_that_is_rolled_back_leaves_no_gap(tenants: Database) -> None:
    def fail() -> None:
        with tenants.writing() as connection:
            versions.draft(connection, "acme", DOCUMENTS, author="maya", reason="once")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    _draft(tenants)
    with tenants.writing() as connection:
        assert [each.number for each in versions.listed(connection, "acme", 10)] == [1]


def test_tenants_have_versions_of_their_own(tenants: Database) -> None:
    _draft(tenants, 2)
    _draft(tenants, 1, "other")
    _publish(tenants, 2, None)
    with tenants.writing() as connection:
        assert [each.number for each in versions.listed(connection, "other", 10)] == [1]
        assert versions.in_force(connection, "other") is None
        with pytest.raises(InvalidRequest, match="no version 2"):
            versions.find(connection, "other", 2)


LONG = "x" * versions.MAX_DOCUMENT_BYTES


@pytest.mark.parametrize(
    ("documents", "said"),
    [
        # Names: what a file system, a shell or a URL could take for something else.
        ({"ticket.yml": ""}, "'ticket.yml' cannot name a document"),
        ({"../ticket.yaml": ""}, "cannot name a document"),
        ({"a/b.yaml": ""}, "cannot name a document"),
        ({"ticket.yaml\n": ""}, "cannot name a document"),
        ({"tïcket.yaml": ""}, "cannot name a document"),
        ({"": ""}, "'' cannot name a document"),
        ({"a" * 196 + ".yaml": ""}, "at most 200 characters long"),
        # Sizes, in bytes and not in characters.
        ({"a.yaml": LONG + "x"}, "a.yaml has 200,001 bytes"),
        ({"a.yaml": LONG[1:] + "ü"}, "a.yaml has 200,001 bytes"),
        ({f"{n}.yaml": "" for n in range(201)}, "201 documents are too many"),
        ({f"{n}.yaml": LONG for n in range(11)}, "2,200,000 bytes together"),
        # What Postgres cannot hold.
        ({"a.yaml": "rules: \0"}, "a.yaml cannot be stored: text cannot hold the character NUL"),
        ({"a.yaml": "rules: \ud800"}, "a.yaml cannot be stored: text cannot hold half"),
    ],
)
def test_documents_that_cannot_be_a_version(
    tenants: Database, documents: dict[str, str], said: str
) -> None:
    with tenants.writing() as connection:
        with pytest.raises(InvalidRequest, match=said):
            versions.draft(connection, "acme", documents, author="maya", reason="why not")
        assert versions.listed(connection, "acme", 10) == ()


def test_the_largest_version(tenants: Database) -> None:
    documents = {f"{n}.yaml": LONG if n < 3 else "" for n in range(versions.MAX_DOCUMENTS)}
    with tenants.writing() as connection:
        version = versions.draft(connection, "acme", documents, author="maya", reason="all")
    assert version.documents == documents


@pytest.mark.parametrize(
    ("tenant", "author", "reason", "parent", "said"),
    [
        ("acme", " ", "why", None, "The author is empty"),
        ("acme", "maya", "\n", None, "The reason is empty"),
        ("acme", "maya", "x" * 2_001, None, "The reason is longer than 2,000 characters"),
        ("acme", "maya", "a\0b", None, "The reason cannot be stored"),
        ("acme", "maya", "why", 7, "There is no version 7"),
        ("nowhere", "maya", "why", None, "There is no tenant 'nowhere'"),
    ],
)
def test_a_draft_says_who_why_and_of_what(
    tenants: Database, tenant: str, author: str, reason: str, parent: int | None, said: str
) -> None:
    with tenants.writing() as connection, pytest.raises(InvalidRequest, match=said):
        versions.draft(connection, tenant, DOCUMENTS, author=author, reason=reason, parent=parent)


def test_the_pointer_moves_only_from_where_it_is_expected(tenants: Database) -> None:
    _draft(tenants, 3)
    _publish(tenants, 1, None)
    _publish(tenants, 2, 1)
    with pytest.raises(
        InvalidRequest, match="Version 2 is in force, and not version 1 as expected"
    ):
        _publish(tenants, 3, 1)
    with pytest.raises(InvalidRequest, match="and not no version as expected"):
        _publish(tenants, 3, None)
    with pytest.raises(InvalidRequest, match="Version 2 is in force already"):
        _publish(tenants, 2, 2)
    with pytest.raises(InvalidRequest, match="no version 4"):
        _publish(tenants, 4, 2)
    with tenants.writing() as connection:
        assert versions.in_force(connection, "acme") == 2
        events = history.history(connection, "acme", 10)
    assert [event.version for event in events if event.kind == "published"] == [2, 1]


def test_of_two_publishes_at_once_one_is_refused(tenants: Database) -> None:
    def publish(number: int) -> bool:
        barrier.wait()
        try:
            _publish(tenants, number, 1)
        except InvalidRequest:
            return False
        return True

    _draft(tenants, 1 + AT_ONCE)
    _publish(tenants, 1, None)
    barrier = Barrier(AT_ONCE)
    numbers = range(2, 2 + AT_ONCE)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        published = dict(zip(numbers, threads.map(publish, numbers), strict=True))
    with tenants.writing() as connection:
        assert [n for n, moved in published.items() if moved] == [
            versions.in_force(connection, "acme")
        ]


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ([], State.DRAFT),
        (["checked"], State.DRAFT),  # it can be read, which says nothing of what it does
        (["checked", "tested"], State.TESTED),
        (["tested", "previewed"], State.PREVIEWED),
        (["previewed", "tested"], State.PREVIEWED),  # tested once more, and no less previewed
        (["tested", "previewed", "approved"], State.APPROVED),
        (["approved", "shadowed", "shadow_ended"], State.APPROVED),  # a trial decides nothing
    ],
)
def test_how_far_a_version_has_come(
    tenants: Database, kinds: list[EventKind], state: State
) -> None:
    _draft(tenants, 2)
    with tenants.writing() as connection:
        for kind in kinds:
            history.note(connection, "acme", 2, kind, actor="omar")
        assert versions.find(connection, "acme", 2).state is state
        assert versions.find(connection, "acme", 1).state is State.DRAFT
    _publish(tenants, 2, None)
    with tenants.writing() as connection:
        assert versions.find(connection, "acme", 2).state is State.IN_FORCE
    _publish(tenants, 1, 2)
    with tenants.writing() as connection:
        listed = versions.listed(connection, "acme", 10)
        assert [(each.number, each.state) for each in listed] == [
            (2, State.SUPERSEDED),
            (1, State.IN_FORCE),
        ]
        with pytest.raises(InvalidRequest, match="no version 3"):
            versions.find(connection, "acme", 3)


def test_the_history_says_who_did_what_and_why(tenants: Database) -> None:
    evidence = {"passed": 12, "rules never true": ["emea"]}
    _draft(tenants, 2)
    with tenants.writing() as connection:
        history.note(connection, "acme", 2, "tested", actor="maya", evidence=evidence)
        history.note(connection, "acme", 2, "approved", actor="omar", reason="read it")
        history.note(connection, "acme", 2, "approved", actor="lena", reason="me too")
        history.note(connection, "acme", 2, "approved", actor="omar", reason="again")
        versions.put_in_force(
            connection, "acme", 1, expected=None, actor="lena", reason="first", evidence={"n": 1}
        )
        versions.put_in_force(
            connection, "acme", 2, expected=1, actor="lena", reason="then", kind="rolled_back"
        )
        events = history.history(connection, "acme", 5)
        of_two = history.history(connection, "acme", 100, number=2)
        approvals = history.history(connection, "acme", 2, number=2, kinds=["approved"])
        with pytest.raises(InvalidRequest, match="The actor is empty"):
            history.note(connection, "acme", 2, "tested", actor="")
        with pytest.raises(InvalidRequest, match="no version 9"):
            history.note(connection, "acme", 9, "tested", actor="maya")

    assert [(event.version, event.kind, event.actor, event.reason) for event in events] == [
        (2, "rolled_back", "lena", "then"),
        (1, "published", "lena", "first"),
        (2, "approved", "omar", "again"),
        (2, "approved", "lena", "me too"),
        (2, "approved", "omar", "read it"),
    ]
    assert events[1].evidence == {"n": 1}
    assert [event.kind for event in reversed(of_two)][:2] == ["drafted", "tested"]
    assert of_two[-2].evidence == evidence
    assert [(event.actor, event.reason) for event in approvals] == [
        ("omar", "again"),
        ("lena", "me too"),
    ]


@pytest.mark.parametrize("table", ["policy_version", "policy_event"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE remit.{table} SET reason = 'another'",
        "UPDATE remit.{table} SET reason = 'another' WHERE false",  # even when it meets no row
        "DELETE FROM remit.{table}",
        "TRUNCATE remit.{table} CASCADE",
        "INSERT INTO remit.{table} OVERRIDING SYSTEM VALUE SELECT * FROM remit.{table}"
        " ON CONFLICT (tenant_id, {key}) DO UPDATE SET reason = 'another'",
    ],
)
def test_nobody_rewrites_what_was(tenants: Database, table: str, statement: str) -> None:
    key = "version" if table == "policy_version" else "event_id"
    _draft(tenants)
    with (
        pytest.raises(IntegrityError, match=r"is never changed: \w+ is refused; add a new row"),
        tenants.writing() as connection,
    ):
        connection.execute(text(statement.format(table=table, key=key)))


@pytest.mark.anyio
async def test_a_request_reads_what_is_in_force_at_that_moment(tenants: Database) -> None:
    async def read(tenant: str) -> int | None:
        async with tenants.reading(tenant) as connection:
            pointer = select(policy_in_force.c.version).where(policy_in_force.c.tenant_id == "acme")
            found: int | None = (await connection.execute(pointer)).scalar_one_or_none()
            return found

    _draft(tenants, 2)
    assert await read("acme") is None
    _publish(tenants, 1, None)
    assert await read("acme") == 1
    _publish(tenants, 2, 1)
    assert await read("acme") == 2
    assert await read("other") is None  # the wall, whatever tenant the statement names

    async with tenants.reading("acme") as connection:
        assert await versions.documents_of(connection, "acme", 2) == DOCUMENTS
        with pytest.raises(InvalidRequest, match="no version 3"):
            await versions.documents_of(connection, "acme", 3)
    async with tenants.reading("other") as connection:
        with pytest.raises(InvalidRequest, match="no version 2"):
            await versions.documents_of(connection, "acme", 2)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT author FROM remit.policy_version",  # who and why is for those who edit
        "SELECT actor FROM remit.policy_event",
        "SELECT started_by FROM remit.policy_shadow",
        "SELECT row_id FROM remit.policy_shadow_difference",
        "UPDATE remit.policy_in_force SET version = 1",
        "INSERT INTO remit.policy_shadow (tenant_id) VALUES ('acme')",
    ],
)
async def test_a_request_cannot(tenants: Database, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with tenants.reading("acme") as connection:
            await connection.execute(text(statement))
    # 42501 insufficient_privilege, 25006 read_only_sql_transaction
    assert getattr(caught.value.orig, "sqlstate", None) in {"42501", "25006"}


@pytest.mark.anyio
async def test_a_request_sees_its_tenants_trial(tenants: Database) -> None:
    until = datetime(2026, 12, 1, tzinfo=UTC)
    _draft(tenants, 2)
    with tenants.writing() as connection:
        connection.execute(
            policy_shadow.insert().values(
                tenant_id="acme", version=2, started_by="maya", expires_at=until
            )
        )
    for who, trials in (("acme", [(2, until)]), ("other", [])):
        async with tenants.reading(who) as connection:
            statement = text("SELECT version, expires_at FROM remit.policy_shadow")
            assert [tuple(row) for row in await connection.execute(statement)] == trials
