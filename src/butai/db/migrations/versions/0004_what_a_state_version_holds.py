"""What a version of a state holds, states on their way in, states in a bucket, and whose machine has a run's folder"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import butai.db

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("state_versions", schema=None) as batch_op:
        # Older versions are sealed, and the key is no business of a migration: none, and counted when they are looked at.
        batch_op.add_column(sa.Column("size", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("resources", sa.Integer(), nullable=True))

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("worker_id", sa.String(length=40), nullable=False, server_default=""))

    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("state_place", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("state_address", sa.String(length=700), nullable=False, server_default=""))
        batch_op.create_index(
            "uq_environments_living_state",
            ["state_address"],
            unique=True,
            sqlite_where=sa.text("destroyed_at IS NULL AND state_address <> ''"),
            postgresql_where=sa.text("destroyed_at IS NULL AND state_address <> ''"),
        )

    op.create_table(
        "state_uploads",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("environment_id", sa.Integer(), nullable=False),
        sa.Column("given_at", butai.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_state_uploads_environment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_state_uploads")),
    )


def downgrade() -> None:
    op.drop_table("state_uploads")
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.drop_index("uq_environments_living_state")
        batch_op.drop_column("state_address")
        batch_op.drop_column("state_place")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_column("worker_id")
    with op.batch_alter_table("state_versions", schema=None) as batch_op:
        batch_op.drop_column("resources")
        batch_op.drop_column("size")
