"""States that somebody told of, and the last look at what exists in a repository's accounts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import butai.db.base

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inventory_states",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("repository", sa.String(length=63), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("added_at", butai.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("repository", "place"),
    )
    op.create_table(
        "inventory_surveys",
        sa.Column("repository", sa.String(length=63), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("at", butai.db.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.Column("held", sa.JSON(), nullable=False),
        sa.Column("failed_at", butai.db.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("repository"),
    )


def downgrade() -> None:
    op.drop_table("inventory_surveys")
    op.drop_table("inventory_states")
