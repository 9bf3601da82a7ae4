"""Alembic's entry: migrations run on the connection that `butai.db.migrate` opened."""

from __future__ import annotations

from alembic import context

from butai.db import Base
from butai.tables import load_tables

# What the durable executor keeps in the same database is not ours to compare.
load_tables()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    include_object=lambda _object, name, kind, reflected, _to: (
        not (kind == "table" and reflected and name not in Base.metadata.tables)
    ),
)
with context.begin_transaction():
    context.run_migrations()
