"""How Alembic runs here: on the connection, and inside the transaction, of whoever opens the store."""

from alembic import context

from opstwin.twin.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
