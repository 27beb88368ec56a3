"""How long a preview takes: 2,000 people, 200,000 tickets, and a change to a policy of 100 rules.

The reference counts the same rows by one statement for each person, as one would without grouping
people and without sharing their comparisons. It runs for a few people, and is extrapolated.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, create_engine, false, func, not_, select, text

from access_policies import Principal, Snapshot, Visibility, read_policies
from benchmarks.timing import Line
from index.database import QUERY_ROLE, Database
from index.entity_tables import EntityTables
from index.predicate import ALWAYS, filter_sql
from index.writer import register_source
from semantic_layer import Model
from semantic_layer.impact import Preview
from semantic_layer.place import Frame
from semantic_layer.preview import preview
from semantic_layer.scope import Scope

PEOPLE, TICKETS, COMPANIES = 2_000, 200_000, 2_000
SAMPLED = 10
TENANT = "bench"
NOW = datetime(2026, 11, 1, tzinfo=UTC)

REGIONS = ("EMEA", "AMER", "APAC", "LATAM", "MEA", "ANZ")
DEPARTMENTS = [f"d{number}" for number in range(12)]
STATUSES = ("NEW", "OPEN", "PENDING", "ON_HOLD", "SOLVED", "CLOSED")
PRIORITIES = ("LOW", "NORMAL", "HIGH", "URGENT")
CHANNELS = ("email", "web", "chat", "phone")
TAGS = ("billing", "legal", "security", "vip", "printer", "beta")
ALLOWS, DENIES, MASKS = 70, 20, 10

_FILL = f"""
INSERT INTO entity.account (tenant_id, id, source, stream, remote_id, synced_at, name)
SELECT '{TENANT}', md5('a' || n)::uuid, 'desk', 'account', 'a' || n, now(), 'Company ' || n
FROM generate_series(1, {COMPANIES}) n;

INSERT INTO entity.customer (tenant_id, id, source, stream, remote_id, synced_at, name, region)
SELECT '{TENANT}', md5('c' || n)::uuid, 'desk', 'customer', 'c' || n, now(), 'Company ' || n,
    ('{{{",".join(REGIONS)}}}'::text[])[1 + n % {len(REGIONS)}]
FROM generate_series(1, {COMPANIES}) n;

INSERT INTO remit.identity_link (tenant_id, member_id, customer_id, evidence)
SELECT '{TENANT}', md5('a' || n)::uuid, md5('c' || n)::uuid, '[]'
FROM generate_series(1, {COMPANIES}) n WHERE n % 20 <> 0;

SELECT setseed(0.5);
INSERT INTO entity.ticket (tenant_id, id, source, stream, remote_id, synced_at, subject,
    description, status, priority, channel, tags, created_at, account_id)
SELECT '{TENANT}', md5('t' || n)::uuid, 'desk', 'ticket', 't' || n, now(), 'Subject ' || n,
    repeat('It still does not print. ', 10),
    ('{{{",".join(STATUSES)}}}'::text[])[1 + floor(random() * {len(STATUSES)})],
    ('{{{",".join(PRIORITIES)},null}}'::text[])[1 + floor(random() * {len(PRIORITIES) + 1})],
    ('{{{",".join(CHANNELS)}}}'::text[])[1 + floor(random() * {len(CHANNELS)})],
    ARRAY[('{{{",".join(TAGS)}}}'::text[])[1 + floor(random() * {len(TAGS)})]],
    timestamptz '{NOW.isoformat()}' - random() * interval '3 years',
    md5('a' || 1 + floor(random() * {COMPANIES}))::uuid
FROM generate_series(1, {TICKETS}) n;
"""  # noqa: S608


def measure(database: Database, model: Model) -> list[Line]:
    """Fill the database and time both ways."""
    tables = EntityTables(model.specs)
    _fill(database, tables)
    old, new = _snapshots(model)
    people = _people(model)
    with _reading(database) as connection:
        started = time.perf_counter()
        found = preview(
            connection,
            model,
            tables,
            tenant=TENANT,
            old=old,
            new=new,
            principals=people,
            approver=people[0],
            now=NOW,
        )
        taken = time.perf_counter() - started
        few = people[:: PEOPLE // SAMPLED]
        frame = Frame(model.specs, tables, TENANT, NOW, lambda _entity, _table: false())
        started = time.perf_counter()
        counted = [_count(connection, frame, model, old, new, person) for person in few]
        each = (time.perf_counter() - started) / len(few)
    _check(found, few, counted)
    reference = each * PEOPLE
    return [
        Line(
            what=f"preview, {PEOPLE:,} people × {TICKETS:,} rows × {ALLOWS + DENIES + MASKS} rules,"
            f" {found.entities[0].groups} groups",
            measured=f"{taken:.1f} s, {taken / reference:.3f} ×",
            reference=f"one statement a person {reference:.0f} s (extrapolated from {len(few)})",
            reach="< 60 s",
        )
    ]


def _fill(database: Database, tables: EntityTables) -> None:
    with database.writing() as connection:
        register_source(connection, TENANT, "desk", "zendesk")
        for statement in _FILL.split(";"):
            if statement.strip():
                connection.execute(text(statement))
        for entity in ("account", "customer", "ticket"):
            connection.execute(text(f"ANALYZE {tables[entity].fullname}"))
        connection.execute(text("ANALYZE remit.identity_link"))


@contextmanager
def _reading(database: Database) -> Iterator[Connection]:
    """As readers connect, but synchronously and without a limit on the time."""
    options = f"-c role={QUERY_ROLE} -c default_transaction_read_only=on -c jit=off"
    engine = create_engine(database.url, connect_args={"options": options, "connect_timeout": 10})
    with engine.connect() as connection:
        connection.execute(text("SELECT set_config('remit.tenant', :t, true)"), {"t": TENANT})
        yield connection
    engine.dispose()


def _people(model: Model) -> list[Principal]:
    """People of 12 departments with 35 sets of regions: 420 kinds."""
    sets = itertools.chain(*(itertools.combinations(REGIONS, size) for size in (1, 2, 3)))
    kinds = list(itertools.product(DEPARTMENTS, itertools.islice(sets, 35)))
    return [
        Principal.create(
            tenant=TENANT,
            user=f"user-{number}",
            user_attributes={"department": department, "regions": list(regions)},
            declared=model.callers,
        )
        for number, (department, regions) in zip(
            range(PEOPLE), itertools.cycle(kinds), strict=False
        )
    ]


def _snapshots(model: Model) -> tuple[Snapshot, Snapshot]:
    """A policy, and the same with an allow, a deny and a mask more and one rule changed."""
    chance = random.Random(20261101)  # noqa: S311 - the same rules in every run
    regional = "ticket.customer.region in user.regions"
    rules = [
        f'allow: user.department == "{DEPARTMENTS[number % 12]}" and {regional} and'
        f" {_condition(chance)}"
        for number in range(ALLOWS)
    ]
    rules += [
        f'deny: user.department != "{DEPARTMENTS[number % 12]}" and {_condition(chance)} and'
        f" {_condition(chance)} and {_condition(chance)}"
        for number in range(DENIES)
    ]
    masks = [
        f'user.department != "{DEPARTMENTS[number % 12]}" and {_condition(chance)}'
        for number in range(MASKS)
    ]
    more = [
        *[rules[0].replace(regional, 'ticket.customer.region == "EMEA"'), *rules[1:]],
        f'allow: ticket.priority == "URGENT" and {regional}',
        'deny: ticket.channel == "phone" and user.department != "d1"',
    ]
    return _snapshot(model, rules, masks), _snapshot(
        model, more, [*masks, 'user.department == "d2"']
    )


def _condition(chance: random.Random) -> str:
    return chance.choice(
        [
            f'ticket.status in ["{chance.choice(STATUSES)}", "{chance.choice(STATUSES)}"]',
            f'ticket.priority == "{chance.choice(PRIORITIES)}"',
            f'ticket.channel == "{chance.choice(CHANNELS)}"',
            f'"{chance.choice(TAGS)}" in ticket.tags',
            f"ticket.created_at > daysAgo({chance.choice([30, 90, 365])})",
        ]
    )


def _snapshot(model: Model, rules: Sequence[str], masks: Sequence[str]) -> Snapshot:
    lines = ["entity: ticket", "rules:"]
    for number, rule in enumerate(rules):
        effect, when = rule.split(": ", 1)
        lines.append(f"  - {{id: r{number}, effect: {effect}, when: '{when}'}}")
    lines.append("masks:")
    for number, when in enumerate(masks):
        mask = ("hide", "redact", "partial")[number % 3]
        lines.append(f"  - {{id: m{number}, fields: [description], mask: {mask}, when: '{when}'}}")
    return Snapshot(read_policies([("ticket.yaml", "\n".join(lines))], model.specs, model.callers))


def _count(
    connection: Connection,
    frame: Frame,
    model: Model,
    old: Snapshot,
    new: Snapshot,
    person: Principal,
) -> tuple[int, int]:
    """The rows that the person gains and loses, masks not counted."""
    everything = Visibility(entity="ticket", rows=ALWAYS, masks={})
    scope = Scope(frame, model["ticket"], everything)

    def seen(snapshot: Snapshot) -> ColumnElement[bool]:
        rows = filter_sql(snapshot.visibility(person, "ticket").rows, scope, NOW)
        return func.coalesce(rows, false())

    before, after = seen(old), seen(new)
    counts = select(
        func.count().filter(after, not_(before)), func.count().filter(before, not_(after))
    )
    row = connection.execute(counts.select_from(scope.source).where(*scope.conditions)).one()
    return row[0], row[1]


def _check(found: Preview, few: Sequence[Principal], counted: Sequence[tuple[int, int]]) -> None:
    changes = {each.principal: each.change for each in found.entities[0].affected}
    for person, (gained, lost) in zip(few, counted, strict=True):
        change = changes.get(person)
        if (gained, lost) != ((change.gained, change.lost) if change else (0, 0)):
            raise AssertionError(f"the preview and a statement of its own differ about {person}")
