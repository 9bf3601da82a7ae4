"""Words that can be translated"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What a stored sentence is made of, beside its English words."""
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("health_text", sa.JSON(), nullable=True))
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("waiting_text", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Without it the sentences are English on every page, as before."""
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_column("waiting_text")
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.drop_column("health_text")
