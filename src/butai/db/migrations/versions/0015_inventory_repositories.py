"""Repositories that somebody added to the inventory"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import butai.db.base

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inventory_repositories",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("ref", sa.String(length=250), nullable=False),
        sa.Column("added_at", butai.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )


def downgrade() -> None:
    op.drop_table("inventory_repositories")
