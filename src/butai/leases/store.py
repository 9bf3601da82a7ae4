"""The table of leases: open ones, and those given back as history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from butai.db import Base, UtcDateTime

# Any fixed number will do, as long as no other part of Butai locks by the same one.
TAKING_LOCK = 0x6275_7461_6C65


class LeaseRow(Base):
    """One value, lent to one environment from `taken_at` until `released_at`.

    The environment's name is kept beside its id, so that history and error messages can name a holder whose
    environment is gone.
    """

    __tablename__ = "leases"

    id: Mapped[int] = mapped_column(primary_key=True)
    blueprint: Mapped[str] = mapped_column(String(63))
    pool: Mapped[str] = mapped_column(String(130))
    scope: Mapped[str] = mapped_column(String(200))
    value: Mapped[str] = mapped_column(String(255))
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    environment_name: Mapped[str] = mapped_column(String(63))
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # The last line of defence: even a fault in the picking cannot lend one value twice.
    __table_args__ = (
        Index(
            "uq_leases_open_value",
            "scope",
            "value",
            unique=True,
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
        Index(
            "uq_leases_open_pool",
            "environment_id",
            "pool",
            unique=True,
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
    )

    @property
    def holder(self) -> str:
        """Who holds it, as people say it."""
        return f"{self.blueprint}/{self.environment_name}"


def queue_up(session: Session) -> None:
    """Let one transaction at a time pick values: the next one then sees what the one before took.

    SQLite's transactions hold the write lock from their start. On PostgreSQL a lock of its own, held until the end of
    the transaction, is enough under READ COMMITTED: every statement after it sees what was committed before it.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": TAKING_LOCK})


def open_in(session: Session, scopes: Iterable[str]) -> Sequence[LeaseRow]:
    """Every open lease of these scopes, oldest first."""
    query = select(LeaseRow).where(LeaseRow.released_at.is_(None), LeaseRow.scope.in_(list(scopes)))
    return session.scalars(query.order_by(LeaseRow.id)).all()


def open_of(session: Session, environment_id: int) -> Sequence[LeaseRow]:
    """Every open lease of one environment."""
    query = select(LeaseRow).where(LeaseRow.released_at.is_(None), LeaseRow.environment_id == environment_id)
    return session.scalars(query.order_by(LeaseRow.id)).all()


def open_of_blueprint(session: Session, blueprint: str) -> Sequence[LeaseRow]:
    """Every open lease that environments of one blueprint hold."""
    query = select(LeaseRow).where(LeaseRow.released_at.is_(None), LeaseRow.blueprint == blueprint)
    return session.scalars(query.order_by(LeaseRow.id)).all()
