"""All tables, without their guards."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from opstwin.domain.audit import GENESIS

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SORTED = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, _MOMENT, nullable=nullable)


def _whole(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _fraction(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Float(), nullable=nullable)


def _flag(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=nullable)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, _NUMBER, primary_key=True, autoincrement=False)


_RECORDS: dict[str, tuple[sa.Column[Any], ...]] = {
    "target": (
        _text("display_name"),
        _text("backend_type"),
        _text("agent_endpoint"),
        _text("connection_type"),
        _text("auth_method"),
        _flag("is_default"),
        _flag("is_active"),
        _text("mode"),
        _text("identity"),
        _json("settings"),
        _moment("created_at"),
    ),
    "desired": (
        _text("target"),
        _text("kind"),
        _text("name"),
        _text("workload", nullable=True),
        _json("spec", nullable=True),
        _text("mode", nullable=True),
        _whole("revision"),
        _json("set_by"),
        _text("plan_id", nullable=True),
        _moment("set_at"),
    ),
    "observed": (
        _text("target"),
        _text("kind"),
        _text("name"),
        _text("presence"),
        _json("spec", nullable=True),
        _json("facts"),
        _text("health"),
        _flag("managed"),
        _whole("revision"),
        _moment("observed_at"),
    ),
    "link": (
        _text("source"),
        _text("relation"),
        _text("destination"),
    ),
    "workload": (
        _text("target"),
        _text("name"),
        _json("workload", nullable=True),
        _whole("revision"),
        _json("set_by"),
        _text("plan_id", nullable=True),
        _moment("set_at"),
    ),
    "plan": (
        _text("target"),
        _text("origin"),
        _text("request"),
        _json("requested_by"),
        _text("mode"),
        _json("changes"),
        _json("workloads"),
        _json("base"),
        _text("risk"),
        _json("notes"),
        _flag("tainted"),
        _text("digest"),
        _moment("created_at"),
        _moment("expires_at"),
        _text("state"),
        _text("execution_id", nullable=True),
    ),
    "approval": (
        _text("plan_id"),
        _text("digest"),
        _text("decision"),
        _json("decided_by"),
        _text("decided_by_id"),
        _text("reason"),
        _moment("decided_at"),
        _moment("expires_at"),
        _text("mandate_id", nullable=True),
        _text("used_by", nullable=True),
    ),
    "execution": (
        _text("plan_id"),
        _text("digest"),
        _json("approval_ids"),
        _text("target"),
        _text("state"),
        _json("started_by"),
        _text("lease_owner"),
        _moment("lease_expires_at"),
        _whole("fence"),
        _whole("journal_format"),
        _moment("started_at"),
        _moment("finished_at", nullable=True),
        _json("error", nullable=True),
        _json("before"),
        _text("cancel_requested_by", nullable=True),
    ),
    "step": (
        _text("execution_id"),
        _whole("index"),
        _text("phase"),
        _json("change"),
        _text("key"),
        _text("state"),
        _json("inverse", nullable=True),
        _text("undoes", nullable=True),
        _whole("attempts"),
        _json("error", nullable=True),
        _moment("intended_at", nullable=True),
        _moment("finished_at", nullable=True),
    ),
    "deployment": (
        _text("service_name"),
        _text("image_name"),
        _text("image_tag"),
        _text("service_type"),
        _text("language"),
        _whole("cpu_request", nullable=True),
        _whole("cpu_limit", nullable=True),
        _whole("memory_request", nullable=True),
        _whole("memory_limit", nullable=True),
        _whole("replicas"),
        _fraction("actual_cpu_millicores", nullable=True),
        _fraction("actual_memory_bytes", nullable=True),
        _json("usage", nullable=True),
        _text("target_cluster"),
        _text("namespace"),
        _moment("deployed_at"),
        _flag("success"),
        _text("outcome"),
        _whole("oom_events"),
        _whole("throttle_events"),
        _flag("ai_generated"),
        _fraction("ai_confidence", nullable=True),
        _text("plan_id"),
        _text("execution_id"),
        _json("workload", nullable=True),
        _json("previous", nullable=True),
    ),
    "usage_sample": (
        _text("resource"),
        _text("target"),
        _text("workload"),
        _moment("at"),
        _fraction("cpu_millicores"),
        _whole("memory_bytes"),
    ),
    "mandate": (
        _text("target"),
        _text("resource", nullable=True),
        _json("given_by"),
        _text("reason"),
        _moment("given_at"),
        _moment("expires_at"),
        _moment("revoked_at", nullable=True),
    ),
    "heal_record": (
        _text("target"),
        _json("healed_at"),
        _flag("paused"),
        _moment("paused_at", nullable=True),
    ),
    "principal": (
        _text("kind"),
        _text("display_name"),
        _json("scopes"),
        _text("same_person_as", nullable=True),
        _text("on_behalf_of", nullable=True),
        _flag("is_active"),
        _moment("created_at"),
    ),
    "credential": (
        _text("principal_id"),
        _text("purpose"),
        _moment("created_at"),
        _moment("expires_at", nullable=True),
        _moment("revoked_at", nullable=True),
        _moment("used_at", nullable=True),
    ),
    "reply": (
        _text("request_digest"),
        _whole("status"),
        _text("body"),
        _moment("created_at"),
    ),
}
"""Tables of records; each also gets position, id and version."""

_SERIES: dict[str, tuple[sa.Column[Any], ...]] = {
    "audit": (
        _number("seq"),
        _moment("at"),
        _fraction("uptime_s"),
        _text("action"),
        _text("subject"),
        _json("actor"),
        _text("outcome"),
        _text("plan_id", nullable=True),
        _text("digest", nullable=True),
        _text("approval_id", nullable=True),
        _text("execution_id", nullable=True),
        _text("reason"),
        _json("details"),
        _text("prev_hash"),
        _text("hash"),
    ),
    "event": (
        _number("seq"),
        _moment("at"),
        _text("type"),
        _text("target", nullable=True),
        _text("resource", nullable=True),
        _text("plan_id", nullable=True),
        _text("execution_id", nullable=True),
        _text("message"),
        _json("details"),
    ),
    "audit_head": (
        _number("id"),
        _whole("audit_seq"),
        _text("audit_hash"),
        _whole("event_seq"),
    ),
}
"""Tables whose rows carry numbers that the store gives."""

_INDEXES = (
    ("desired", "target"),
    ("desired", "workload"),
    ("observed", "target"),
    ("link", "destination"),
    ("link", "source"),
    ("workload", "target"),
    ("plan", "state"),
    ("plan", "target"),
    ("approval", "plan_id"),
    ("execution", "plan_id"),
    ("execution", "state"),
    ("execution", "target"),
    ("step", "execution_id"),
    ("step", "state"),
    ("deployment", "image_name"),
    ("deployment", "service_name"),
    ("usage_sample", "resource"),
    ("usage_sample", "workload"),
    ("mandate", "target"),
    ("heal_record", "target"),
    ("credential", "principal_id"),
    ("audit", "action"),
    ("audit", "execution_id"),
    ("audit", "plan_id"),
    ("audit", "subject"),
    ("event", "execution_id"),
    ("event", "resource"),
    ("event", "target"),
    ("event", "type"),
)


def upgrade() -> None:
    for name, columns in _RECORDS.items():
        op.create_table(
            name,
            sa.Column("position", _NUMBER, primary_key=True),
            sa.Column("id", _SORTED, nullable=False, unique=True),
            _whole("version"),
            *columns,
            sqlite_autoincrement=True,
        )
    for name, columns in _SERIES.items():
        op.create_table(name, *columns)
    for table, column in _INDEXES:
        op.create_index(f"ix_{table}_{column}", table, [column])
    head = sa.table("audit_head", *(sa.column(name) for name in ("id", "audit_seq", "audit_hash", "event_seq")))
    op.bulk_insert(head, [{"id": 1, "audit_seq": 0, "audit_hash": GENESIS, "event_seq": 0}])
