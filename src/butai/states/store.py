"""Tables of states: versions, locks, and the fingerprint of the key that encrypts them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from butai.db import Base, UtcDateTime
from butai.states.model import Head, Lock


class StateVersion(Base):
    """One version of one environment's state. Versions are never changed and never deleted."""

    __tablename__ = "state_versions"
    __table_args__ = (Index("ix_state_versions_newest", "environment_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    serial: Mapped[int]
    lineage: Mapped[str] = mapped_column(String(64))
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class StateLock(Base):
    """The lock that an engine holds on one environment's state: at most one."""

    __tablename__ = "state_locks"

    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"), primary_key=True)
    lock_id: Mapped[str] = mapped_column(String(64))
    who: Mapped[str]
    operation: Mapped[str]
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StateKey(Base):
    """Fingerprint of the one key with which this database's states are encrypted."""

    __tablename__ = "state_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(32))


def newest(session: Session, environment_id: int) -> StateVersion | None:
    """The newest version, or none."""
    query = select(StateVersion).where(StateVersion.environment_id == environment_id)
    return session.scalars(query.order_by(StateVersion.id.desc()).limit(1)).first()


def head_of(version: StateVersion | None) -> Head | None:
    """Serial and lineage of a stored version."""
    return Head(version.serial, version.lineage) if version else None


def lock_of(session: Session, environment_id: int) -> Lock | None:
    """The lock that is held, or none."""
    row = session.get(StateLock, environment_id)
    return Lock(row.lock_id, row.who, row.operation, row.run_id, row.taken_at) if row else None


def put_lock(session: Session, environment_id: int, lock: Lock) -> None:
    """Write a lock; the primary key refuses a second one."""
    session.add(
        StateLock(
            environment_id=environment_id,
            lock_id=lock.lock_id,
            who=lock.who,
            operation=lock.operation,
            run_id=lock.run_id,
            taken_at=lock.taken_at,
        )
    )
    session.flush()


def drop_lock(session: Session, environment_id: int) -> None:
    """Remove the lock, if there is one."""
    session.execute(delete(StateLock).where(StateLock.environment_id == environment_id))


def count_versions(session: Session, environment_id: int) -> int:
    """How many versions are kept."""
    query = select(func.count()).select_from(StateVersion).where(StateVersion.environment_id == environment_id)
    return session.scalar(query) or 0
