"""Heals are kept with what they put back, and a pause with its end; pauses from before still wait for a person."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SORTED = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_MOMENT = sa.String(32).with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    # The heals themselves count for minutes only, so they are not taken over.
    kept = sa.text("SELECT id, version, target, paused_at FROM heal_record WHERE paused")
    rows = [dict(row) for row in op.get_bind().execute(kept).mappings()]
    op.drop_table("heal_record")
    table = op.create_table(
        "heal_record",
        sa.Column("position", _NUMBER, primary_key=True),
        sa.Column("id", _SORTED, nullable=False, unique=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("heals", sa.JSON(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("paused_at", _MOMENT, nullable=True),
        sa.Column("paused_until", _MOMENT, nullable=True),
        sa.Column("contested", sa.JSON(), nullable=False),
        sa.Column("rounds", sa.BigInteger(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_heal_record_target", "heal_record", ["target"])
    fresh = {"heals": [], "paused": True, "paused_until": None, "contested": [], "rounds": 0}
    op.bulk_insert(table, [{**row, **fresh} for row in rows])
