"""Whose states told ones are, as whom they are read, what was in them, and what runs look at for them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import butai.db.base

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

FOREIGN_KEY = "fk_inventory_states_environment"
WORDS = {"root": sa.Text(), "region": sa.String(32), "profile": sa.String(128), "role": sa.String(250)}


def upgrade() -> None:
    with op.batch_alter_table("inventory_states", schema=None) as batch_op:
        for name, kind in WORDS.items():
            batch_op.add_column(sa.Column(name, kind, nullable=False, server_default=""))
        batch_op.add_column(sa.Column("var_files", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("read_at", butai.db.base.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("instances", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("failure", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("environment_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(FOREIGN_KEY, "environments", ["environment_id"], ["id"])
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("root", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.drop_column("root")
    with op.batch_alter_table("inventory_states", schema=None) as batch_op:
        batch_op.drop_constraint(FOREIGN_KEY, type_="foreignkey")
        for name in (*WORDS, "var_files", "read_at", "instances", "failure", "environment_id"):
            batch_op.drop_column(name)
