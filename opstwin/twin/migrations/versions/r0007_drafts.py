"""Plans keep who filled in what nobody said."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("plan", sa.Column("drafts", sa.JSON(), nullable=True))
