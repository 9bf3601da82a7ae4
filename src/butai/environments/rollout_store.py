"""The table of rollouts: all environments of a blueprint brought to a ref, in waves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from butai.db import Base, UtcDateTime
from butai.text import restored, stored


class Rollout(Base):
    """One rollout. `blueprint`: empty for all of them.

    `plans`: runs that planned what is to be updated; `others`: those whose environments are not (known once it is begun).
    `unplanned`: why environments could not be planned, by their number. `wave`: how many were begun. `steps`: what became
    of the plans of those waves, {run} or {refused, text} or {left, text}, by the plan's number; an update and its step are
    one transaction. `begun_at`: somebody said yes; `stopped_at`: somebody wants no further wave; `ended_at`: nothing more
    is begun, unless somebody lets one that was stopped go on.
    """

    __tablename__ = "rollouts"

    id: Mapped[int] = mapped_column(primary_key=True)
    blueprint: Mapped[str] = mapped_column(String(63))
    ref: Mapped[str] = mapped_column(String(200))
    at_once: Mapped[int]
    requested_by: Mapped[str] = mapped_column(String(100))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    begun_by: Mapped[str] = mapped_column(String(100), default="")
    begun_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopped_by: Mapped[str] = mapped_column(String(100), default="")
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    wave: Mapped[int] = mapped_column(default=0)
    plans: Mapped[list[int]] = mapped_column(JSON)
    others: Mapped[list[int]] = mapped_column(JSON, default=list)
    unplanned: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    steps: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    def take_note(self, plan: int, step: Mapping[str, Any]) -> None:
        """What became of one plan; it is known once."""
        self.steps = {**self.steps, str(plan): dict(step)}


def said(name: str, words: str) -> dict[str, Any]:
    """Words to keep under a name, with what a translation is made of."""
    return {name: str(words), "text": stored(words)}


def told(kept: Mapping[str, Any], name: str) -> str:
    """The words again."""
    return restored(kept[name], kept["text"])


def locked(session: Session, number: int) -> Rollout:
    """One, as it is now, and nobody else changes it until this transaction ends."""
    return session.get_one(Rollout, number, with_for_update=True, populate_existing=True)


def going(session: Session) -> list[int]:
    """Those in which something may have to be begun, oldest first."""
    query = select(Rollout.id).where(Rollout.begun_at.is_not(None), Rollout.ended_at.is_(None))
    return list(session.scalars(query.order_by(Rollout.id)))


def newest(session: Session, limit: int) -> list[Rollout]:
    """The newest ones, newest first."""
    return list(session.scalars(select(Rollout).order_by(Rollout.id.desc()).limit(limit)))
