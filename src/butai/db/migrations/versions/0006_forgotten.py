"""What is tainted, and what a person ruled out of the list of what no state knows"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("forgotten", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("tainted", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.drop_column("tainted")
        batch_op.drop_column("forgotten")
