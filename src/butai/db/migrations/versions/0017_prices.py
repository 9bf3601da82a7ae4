"""Prices of AWS's Price List"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import butai.db.base

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prices",
        sa.Column("region", sa.String(length=40), nullable=False),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("usage", sa.String(length=100), nullable=False),
        sa.Column("variant", sa.String(length=60), nullable=False),
        sa.Column("sku", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount", sa.String(length=40), nullable=False),
        sa.Column("published_at", butai.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("read_at", butai.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("region", "service", "usage", "variant"),
    )


def downgrade() -> None:
    op.drop_table("prices")
