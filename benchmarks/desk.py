"""A support desk to measure at: its rows, the people who ask, and policies of any number of rules.

200,000 tickets of 2,000 companies with two comments each. The rules are of the kinds that such a
desk writes: departments have regions, and parts of them; some matters are for few; texts are hidden
from those who have no need of them. Each is made of three comparisons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from sqlalchemy import text

from access_policies import Principal, Snapshot, read_policies
from index.database import Database
from index.entity_tables import EntityTables
from index.writer import register_source
from semantic_layer import Model

TENANT = "bench"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
TICKETS, COMPANIES, COMMENTS = 200_000, 2_000, 2

REGIONS = ("EMEA", "AMER", "APAC", "LATAM")
TIERS = ("Enterprise", "Business", "Starter")
DEPARTMENTS = ("support", "success", "sales", "billing", "legal", "security")
STATUSES = ("NEW", "OPEN", "PENDING", "ON_HOLD", "SOLVED", "CLOSED")
PRIORITIES = ("LOW", "NORMAL", "HIGH", "URGENT")
CHANNELS = ("email", "web", "chat", "phone")
TAGS = ("billing", "legal", "security", "vip", "printer", "beta")

_EVERYTHING = "allow: true"


def _array(values: tuple[str, ...]) -> str:
    return "('{" + ",".join(values) + "}'::text[])"


def _one_of(values: tuple[str, ...]) -> str:
    return f"{_array(values)}[1 + floor(random() * {len(values)})]"


_ENVELOPE = "tenant_id, id, source, stream, remote_id, synced_at"

_FILL = f"""
INSERT INTO entity.account ({_ENVELOPE}, name)
SELECT '{TENANT}', md5('a' || n)::uuid, 'desk', 'account', 'a' || n, now(), 'Company ' || n
FROM generate_series(1, {COMPANIES}) n;

INSERT INTO entity.customer ({_ENVELOPE}, name, region, tier)
SELECT '{TENANT}', md5('c' || n)::uuid, 'desk', 'customer', 'c' || n, now(), 'Company ' || n,
    {_array(REGIONS)}[1 + n % {len(REGIONS)}], {_array(TIERS)}[1 + n % {len(TIERS)}]
FROM generate_series(1, {COMPANIES}) n;

INSERT INTO remit.identity_link (tenant_id, member_id, customer_id, evidence)
SELECT '{TENANT}', md5('a' || n)::uuid, md5('c' || n)::uuid, '[]'
FROM generate_series(1, {COMPANIES}) n WHERE n % 20 <> 0;

SELECT setseed(0.5);
INSERT INTO entity.ticket ({_ENVELOPE}, number, subject, description, status, priority, channel,
    tags, created_at, account_id)
SELECT '{TENANT}', md5('t' || n)::uuid, 'desk', 'ticket', 't' || n, now(), n::text,
    'Subject ' || n, repeat('It still does not print. ', 10), {_one_of(STATUSES)},
    {_one_of((*PRIORITIES, "null"))}, {_one_of(CHANNELS)}, ARRAY[{_one_of(TAGS)}],
    timestamptz '{NOW.isoformat()}' - random() * interval '3 years',
    md5('a' || 1 + floor(random() * {COMPANIES}))::uuid
FROM generate_series(1, {TICKETS}) n;

INSERT INTO entity.comment ({_ENVELOPE}, body, public, created_at, ticket_id)
SELECT '{TENANT}', md5('m' || n || '.' || c)::uuid, 'desk', 'comment', 'm' || n || '.' || c, now(),
    'Please have a look again.', n % 3 > 0, timestamptz '{NOW.isoformat()}' - c * interval '1 hour',
    md5('t' || n)::uuid
FROM generate_series(1, {TICKETS}) n, generate_series(1, {COMMENTS}) c;
"""  # noqa: S608


def fill(database: Database, tables: EntityTables) -> None:
    """Write all rows into an empty database, and let Postgres count them."""
    with database.writing() as connection:
        register_source(connection, TENANT, "desk", "zendesk")
        for statement in _FILL.split(";"):
            if statement.strip():
                connection.execute(text(statement))
        for entity in ("account", "customer", "ticket", "comment"):
            connection.execute(text(f"ANALYZE {tables[entity].fullname}"))
        connection.execute(text("ANALYZE remit.identity_link"))


def principal(model: Model, department: str, *regions: str, user: str = "maya") -> Principal:
    """A person of the desk."""
    return Principal.create(
        tenant=TENANT,
        user=user,
        user_attributes={"department": department, "regions": list(regions)},
        declared=model.callers,
    )


def restricted(model: Model, rules: int) -> Snapshot:
    """The desk's policies, with so many rules for tickets."""
    return snapshot(model, restricted_documents(rules))


def open_to_all(model: Model) -> Snapshot:
    """Policies of one rule each that shows everything to everybody."""
    entities = ("account", "customer", "ticket", "comment")
    return snapshot(model, {f"{name}.yaml": document(name, [_EVERYTHING]) for name in entities})


def snapshot(model: Model, documents: Mapping[str, str]) -> Snapshot:
    return Snapshot(read_policies(documents.items(), model.specs, model.callers))


def restricted_documents(rules: int) -> Mapping[str, str]:
    """What `restricted` is made of, by file name."""
    return {
        "customer.yaml": document("customer", ["allow: customer.region in user.regions"]),
        "comment.yaml": document(
            "comment", ['allow: comment.public == true or user.department == "support"']
        ),
        "ticket.yaml": document("ticket", list(_ticket_rules(rules))),
    }


def _ticket_rules(count: int) -> Iterator[str]:
    """Of five rules three allow, one denies and one masks."""
    for number in range(count):
        department = DEPARTMENTS[number // 5 % len(DEPARTMENTS)]
        channel, tag = CHANNELS[number % len(CHANNELS)], TAGS[number % len(TAGS)]
        kind = ("status", "priority", "recent", "deny", "mask")[number % 5]
        regional = f'user.department == "{department}" and ticket.customer.region in user.regions'
        if kind == "status":
            closed = STATUSES[(number + 5) % len(STATUSES)]
            yield f'allow: {regional} and ticket.status != "{closed}"'
        elif kind == "priority":
            priority = PRIORITIES[number // 30 % len(PRIORITIES)]
            yield f'allow: {regional} and ticket.priority in ["{priority}", "URGENT"]'
        elif kind == "recent":
            yield f'allow: {regional} and ticket.channel == "{channel}"'
        elif kind == "deny":
            tier = TIERS[number % len(TIERS)]
            yield (
                f'deny: user.department != "{department}" and "{tag}" in ticket.tags'
                f' and ticket.customer.tier == "{tier}"'
            )
        else:
            mask = ("hide", "redact", "partial")[number % 3]
            yield (
                f'{mask} description: user.department != "{department}"'
                f' and ticket.channel == "{channel}" and "{tag}" in ticket.tags'
            )


def document(entity: str, rules: list[str]) -> str:
    """A policy in YAML of lines such as `allow: WHEN` and `hide FIELD: WHEN`."""
    parts: dict[str, list[str]] = {"rules": [], "masks": []}
    for number, rule in enumerate(rules):
        head, when = rule.split(": ", 1)
        effect, _, field = head.partition(" ")
        if field:
            what = f"fields: [{field}], mask: {effect}"
            parts["masks"].append(f"  - {{id: m{number}, {what}, when: '{when}'}}")
        else:
            parts["rules"].append(f"  - {{id: r{number}, effect: {effect}, when: '{when}'}}")
    lines = [f"entity: {entity}"]
    for name, entries in parts.items():
        lines += [f"{name}:", *entries] if entries else []
    return "\n".join(lines) + "\n"
