"""The core tables, kept by Alembic. Entity tables come from the model: see `entity_tables`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

SCHEMA = "remit"

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_ix",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}

metadata = MetaData(schema=SCHEMA, naming_convention=NAMING)


def moment(name: str, **options: object) -> Column[object]:
    """A column of aware UTC time with microseconds."""
    return Column(name, TIMESTAMP(timezone=True), **options)  # type: ignore[arg-type]


tenant = Table(
    "tenant",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    moment("created_at", nullable=False, server_default=text("now()")),
)

source = Table(
    "source",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("name", Text, primary_key=True, comment="what the operator calls it: zendesk-emea"),
    Column("connector", Text, nullable=False, comment="the vendor kind: zendesk"),
    Column(
        "definition", JSONB, comment="as in remit.yaml, secrets by reference; null: from a file"
    ),
    moment("paused_at", comment="when it was paused: no schedule runs it"),
    moment("created_at", nullable=False, server_default=text("now()")),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)

secret = Table(
    "secret",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("name", Text, primary_key=True, comment="settings refer to it as sealed:NAME"),
    Column("sealed", Text, nullable=False, comment="encrypted with a key that is not in here"),
    moment("created_at", nullable=False, server_default=text("now()")),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)

schedule = Table(
    "schedule",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("stream", Text, primary_key=True, server_default="", comment="empty: all others of it"),
    Column(
        "reconcile",
        Boolean,
        primary_key=True,
        server_default=false(),
        comment="reads all of it, to find what is gone",
    ),
    Column("every_seconds", Integer, comment="either this"),
    Column("cron", Text, comment="or this, in UTC"),
    moment("next_at", nullable=False, comment="when it is due"),
    ForeignKeyConstraint(
        ["tenant_id", "source"], ["source.tenant_id", "source.name"], ondelete="CASCADE"
    ),
)

stream_state = Table(
    "stream_state",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("state", JSONB, comment="the Airbyte STATE; null until the source has sent one"),
    moment("synced_at", comment="when a sync last read the stream to its end"),
    moment("tried_at", comment="when a sync last came to an end, good or bad"),
    Column("problem", Text, comment="why it does not count as fresh since then; null when it does"),
    Column("run_id", Uuid, comment="of the sync under way; of one that was killed, if none is"),
    moment("reconciled_at", comment="when all of it was last read to find what is gone"),
    Column("reconcile_problem", Text, comment="why that found nothing out; null when it did"),
    ForeignKeyConstraint(["tenant_id", "source"], ["source.tenant_id", "source.name"]),
)

request_budget = Table(
    "request_budget",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    moment("full_at", nullable=False, comment="when it is whole again if nobody takes of it"),
    ForeignKeyConstraint(
        ["tenant_id", "source"], ["source.tenant_id", "source.name"], ondelete="CASCADE"
    ),
    comment="requests to a source, of all machines; a crash may forget it",
    prefixes=["UNLOGGED"],
)

sync_run = Table(
    "sync_run",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("run_id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    moment("started_at", nullable=False),
    moment("finished_at", comment="null while it runs, or when it was killed"),
    Column("cause", Text, nullable=False, server_default="command", comment="what asked for it"),
    Column("worker", Text, comment="the process that runs it, for people"),
    Column("report", JSONB, comment="per stream: read, written, unchanged, rejected, error"),
    ForeignKeyConstraint(["tenant_id", "source"], ["source.tenant_id", "source.name"]),
)

record = Table(
    "record",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("key", Text, primary_key=True, comment="the source's own primary key"),
    Column("data", JSONB, nullable=False, comment="as the source sent it"),
    Column("content_hash", LargeBinary, nullable=False, comment="of the canonical JSON of data"),
    moment("updated_at", comment="the source's own modification time: older never replaces newer"),
    moment("synced_at", nullable=False, comment="when the content last changed here"),
    moment("deleted_at", comment="when the source had it no more; kept until the retention ends"),
    ForeignKeyConstraint(["tenant_id", "source"], ["source.tenant_id", "source.name"]),
    Index(
        "record_deleted_ix",
        "tenant_id",
        "deleted_at",
        postgresql_where=text("deleted_at IS NOT NULL"),
    ),
)

stream_field = Table(
    "stream_field",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("field", Text, primary_key=True, comment="a top-level name of its records"),
    moment("first_seen_at", nullable=False, server_default=text("now()")),
    ForeignKeyConstraint(
        ["tenant_id", "source"], ["source.tenant_id", "source.name"], ondelete="CASCADE"
    ),
    comment="what a stream's records have had, so that a new field is noticed",
)

rejected_record = Table(
    "rejected_record",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("rejected_id", Uuid, primary_key=True),
    Column("run_id", Uuid, comment="null when a live read rejected it"),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", Text, nullable=False, comment="the record as JSON text, so nothing is lost"),
    moment("rejected_at", nullable=False, server_default=text("now()")),
)

erasure = Table(
    "erasure",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("erasure_id", Uuid, primary_key=True),
    Column("subject_hash", Text, nullable=False, comment="of the address: who knows it finds this"),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("removed", JSONB, nullable=False, comment="how many, by kind: the receipt"),
    moment("at", nullable=False, server_default=text("now()")),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
)

erased_row = Table(
    "erased_row",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("row_id", Uuid, primary_key=True, comment="of source, stream and key: tells none"),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
    comment="what was erased for good: no sync and no live read writes it again",
)

identity_link = Table(
    "identity_link",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("member_id", Uuid, primary_key=True, comment="a source account"),
    Column("customer_id", Uuid, nullable=False),
    Column("evidence", JSONB, nullable=False, comment="why: [{rule, value, with}]"),
    moment("linked_at", nullable=False, server_default=text("now()")),
    Index(None, "tenant_id", "customer_id"),
)

directory = Table(
    "directory",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True, comment="user or agent"),
    Column("name", Text, primary_key=True),
    Column("attributes", JSONB, nullable=False, comment="what policies may ask about the caller"),
)

policy_version = Table(
    "policy_version",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False, comment="1, 2, 3 … a tenant"),
    Column("parent", Integer, comment="the version that it was made from"),
    Column("documents", JSONB, nullable=False, comment="YAML texts by file name"),
    Column("hash", Text, nullable=False, comment="of the documents: equal when they are equal"),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    moment("created_at", nullable=False, server_default=text("now()")),
    ForeignKeyConstraint(["tenant_id"], ["tenant.tenant_id"]),
    ForeignKeyConstraint(
        ["tenant_id", "parent"], ["policy_version.tenant_id", "policy_version.version"]
    ),
    comment="never changed: a trigger refuses it",
)

policy_event = Table(
    "policy_event",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False, comment="drafted, tested, approved, published …"),
    Column("actor", Text, nullable=False),
    moment("at", nullable=False, server_default=text("now()")),
    Column("reason", Text, nullable=False),
    Column("evidence", JSONB, nullable=False, comment="what the step found: tests, preview, proof"),
    ForeignKeyConstraint(
        ["tenant_id", "version"], ["policy_version.tenant_id", "policy_version.version"]
    ),
    Index(None, "tenant_id", "version"),
    comment="never changed: a trigger refuses it",
)

policy_in_force = Table(
    "policy_in_force",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    moment("published_at", nullable=False, server_default=text("now()")),
    ForeignKeyConstraint(
        ["tenant_id", "version"], ["policy_version.tenant_id", "policy_version.version"]
    ),
)

policy_shadow = Table(
    "policy_shadow",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("version", Integer, nullable=False, comment="tried beside the one in force"),
    Column("started_by", Text, nullable=False),
    moment("started_at", nullable=False, server_default=text("now()")),
    moment("expires_at", nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "version"], ["policy_version.tenant_id", "policy_version.version"]
    ),
)

policy_shadow_difference = Table(
    "policy_shadow_difference",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("entity", Text, primary_key=True),
    Column("row_id", Uuid, primary_key=True),
    Column("change", Text, primary_key=True, comment="gained, lost, masked or unmasked"),
    Column("field", Text, primary_key=True, server_default="", comment="of a mask, else empty"),
    Column("user_name", Text, primary_key=True, comment="empty for an agent on its own"),
    Column("agent_name", Text, primary_key=True, server_default="", comment="empty for no agent"),
    Column("seen", BigInteger, nullable=False, comment="how often"),
    moment("first_at", nullable=False),
    moment("last_at", nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "version"], ["policy_version.tenant_id", "policy_version.version"]
    ),
)
