"""What a worker was told of the cap, who declared one dead, and logs that retention removed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import butai.db

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("workers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cap", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("declared_dead_by", sa.String(length=100), nullable=False, server_default=""))
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("log_removed_at", butai.db.base.UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_column("log_removed_at")
    with op.batch_alter_table("workers", schema=None) as batch_op:
        batch_op.drop_column("declared_dead_by")
        batch_op.drop_column("cap")
