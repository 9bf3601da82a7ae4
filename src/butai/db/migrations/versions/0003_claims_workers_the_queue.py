"""Claims, workers, the queue"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import butai.db

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("machine", sa.String(length=120), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("pid_started", sa.Double(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("beat", sa.Integer(), nullable=False),
        sa.Column("started_at", butai.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", butai.db.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", butai.db.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("declared_dead_at", butai.db.base.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_table(
        "run_claims",
        sa.Column("environment_id", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("worker_id", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_run_claims_environment_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_claims_run_id")),
        sa.PrimaryKeyConstraint("environment_id", name=op.f("pk_run_claims")),
    )
    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("orphans", sa.JSON(), nullable=False, server_default="[]"))

    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kill_requested_at", butai.db.base.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("handed_over_at", butai.db.base.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("lost_at", butai.db.base.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("blueprint", sa.String(length=63), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("labels", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("at_once", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("folder", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("superseded_by", sa.Integer(), nullable=True))

    op.execute("UPDATE runs SET blueprint = (SELECT blueprint FROM environments WHERE id = runs.environment_id)")
    # Nobody holds them under the new rules: a person looks, and goes on.
    op.execute("UPDATE runs SET status = 'ended', \"end\" = 'lost', ended_at = started_at WHERE status = 'running'")
    op.execute("UPDATE runs SET settled_at = ended_at WHERE status = 'ended' AND settled_at IS NULL")


def downgrade() -> None:
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_column("superseded_by")
        batch_op.drop_column("folder")
        batch_op.drop_column("attempts")
        batch_op.drop_column("at_once")
        batch_op.drop_column("labels")
        batch_op.drop_column("priority")
        batch_op.drop_column("blueprint")
        batch_op.drop_column("lost_at")
        batch_op.drop_column("handed_over_at")
        batch_op.drop_column("kill_requested_at")

    with op.batch_alter_table("environments", schema=None) as batch_op:
        batch_op.drop_column("orphans")

    op.drop_table("run_claims")
    op.drop_table("workers")
