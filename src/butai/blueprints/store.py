"""The table of blueprints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import String, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from butai.db import Base, UtcDateTime


class BlueprintRow(Base):
    """One blueprint: where it lies, and what its `butai.yaml` said at `commit`, the newest one that was looked at."""

    __tablename__ = "blueprints"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(63), unique=True)
    repository: Mapped[str] = mapped_column(Text)
    ref: Mapped[str] = mapped_column(String(250))
    root: Mapped[str] = mapped_column(Text)
    commit: Mapped[str] = mapped_column(String(64))
    butai_yaml: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    refreshed_at: Mapped[datetime] = mapped_column(UtcDateTime)


def all_of(session: Session) -> Sequence[BlueprintRow]:
    """Every blueprint by name."""
    return session.scalars(select(BlueprintRow).order_by(BlueprintRow.name)).all()


def count(session: Session) -> int:
    """How many blueprints there are."""
    return session.scalar(select(func.count()).select_from(BlueprintRow)) or 0


def named(session: Session, name: str) -> BlueprintRow | None:
    """One blueprint."""
    return session.scalars(select(BlueprintRow).where(BlueprintRow.name == name)).one_or_none()
