"""Rollouts: all environments of a blueprint brought to a ref, in waves"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import butai.db

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("blueprint", sa.String(length=63), nullable=False),
        sa.Column("ref", sa.String(length=200), nullable=False),
        sa.Column("at_once", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.String(length=100), nullable=False),
        sa.Column("requested_at", butai.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("begun_by", sa.String(length=100), nullable=False),
        sa.Column("begun_at", butai.db.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("stopped_by", sa.String(length=100), nullable=False),
        sa.Column("stopped_at", butai.db.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", butai.db.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("plans", sa.JSON(), nullable=False),
        sa.Column("others", sa.JSON(), nullable=False),
        sa.Column("unplanned", sa.JSON(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("rollouts")
