"""The table of repositories that somebody added to the inventory; those of blueprints are there without it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from butai.db import Base, UtcDateTime


class InventoryRepository(Base):
    """One repository. `ref`: the branch or tag that is read."""

    __tablename__ = "inventory_repositories"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(63), unique=True)
    location: Mapped[str] = mapped_column(Text)
    ref: Mapped[str] = mapped_column(String(250))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)


def all_of(session: Session) -> Sequence[InventoryRepository]:
    """Every one, by name."""
    return session.scalars(select(InventoryRepository).order_by(InventoryRepository.name)).all()


def named(session: Session, name: str) -> InventoryRepository | None:
    """One of them."""
    return session.scalars(select(InventoryRepository).where(InventoryRepository.name == name)).one_or_none()
