"""What the database itself refuses: changing the audit, a second default target, a second unfinished execution."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UNFINISHED = "state IN ('applying', 'verifying', 'rolling_back')"

_REFUSE = "SELECT RAISE(ABORT, 'the audit is append-only')"
_SQLITE = (
    f"CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit BEGIN {_REFUSE}; END",
    f"CREATE TRIGGER audit_keeps_text BEFORE UPDATE ON audit BEGIN {_REFUSE}; END",
)
_POSTGRES = (
    """CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$""",
    """CREATE TRIGGER audit_keeps_rows BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()""",
    """CREATE TRIGGER audit_keeps_all BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()""",
)


def upgrade() -> None:
    for statement in _POSTGRES if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)
    _at_most_one("one_default_target", "target", "is_default", "is_default")
    _at_most_one("one_unfinished_execution", "execution", "target", _UNFINISHED)


def _at_most_one(name: str, table: str, column: str, where: str) -> None:
    when = sa.text(where)
    op.create_index(name, table, [column], unique=True, sqlite_where=when, postgresql_where=when)
