"""Whose states told ones are, as whom they are read, and what was in them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import butai.db.base

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None

WORDS = {"root": sa.Text(), "region": sa.String(32), "profile": sa.String(128), "role": sa.String(250)}


def upgrade() -> None:
    with op.batch_alter_table("inventory_states", schema=None) as batch_op:
        for name, kind in WORDS.items():
            batch_op.add_column(sa.Column(name, kind, nullable=False, server_default=""))
        batch_op.add_column(sa.Column("var_files", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("read_at", butai.db.base.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("instances", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("failure", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("inventory_states", schema=None) as batch_op:
        for name in (*WORDS, "var_files", "read_at", "instances", "failure"):
            batch_op.drop_column(name)
