"""Which way a run went, and blueprints for which both ways were compared"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import butai.db

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("way", sa.JSON(), nullable=True))
    op.create_table(
        "engine_checks",
        sa.Column("blueprint", sa.String(length=63), nullable=False),
        sa.Column("versions", sa.String(length=64), nullable=False),
        sa.Column("equal", sa.Boolean(), nullable=False),
        sa.Column("at", butai.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("blueprint", "versions"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
    )


def downgrade() -> None:
    op.drop_table("engine_checks")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_column("way")
