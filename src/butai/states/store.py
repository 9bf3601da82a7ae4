"""Tables of states: versions, locks, and the fingerprint of the key that encrypts them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, delete, func, select
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from butai.db import Base, UtcDateTime
from butai.states.model import Head, Lock


class StateVersion(Base):
    """One version of one environment's state. Versions are never changed and never deleted.

    `size` (bytes of the document) and `resources` (how many it manages): none in versions of before these were kept.
    """

    __tablename__ = "state_versions"
    __table_args__ = (Index("ix_state_versions_newest", "environment_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    serial: Mapped[int]
    lineage: Mapped[str] = mapped_column(String(64))
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    size: Mapped[int | None]
    resources: Mapped[int | None]
    body: Mapped[bytes] = mapped_column(LargeBinary)


class StateUpload(Base):
    """A document that a person gave to become a state, until the run that imports it has looked at it. Sealed as versions."""

    __tablename__ = "state_uploads"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
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


def all_versions(session: Session, environment_id: int) -> list[StateVersion]:
    """Every version of a state without its body, oldest first: the n-th of them is version n."""
    query = select(StateVersion).where(StateVersion.environment_id == environment_id).order_by(StateVersion.id)
    return list(session.scalars(query.options(defer(StateVersion.body))))


def owners_of(session: Session, lineage: str) -> set[int]:
    """Environments that have a version of this lineage."""
    query = select(StateVersion.environment_id).where(StateVersion.lineage == lineage).distinct()
    return set(session.scalars(query))


def put_upload(session: Session, upload: StateUpload) -> None:
    """Keep what was given; what was given for the same environment before is not wanted any more."""
    session.execute(delete(StateUpload).where(StateUpload.environment_id == upload.environment_id))
    session.add(upload)


def drop_upload(session: Session, name: str) -> None:
    """It is not on its way in any more."""
    session.execute(delete(StateUpload).where(StateUpload.id == name))
