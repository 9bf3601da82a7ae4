"""Tables of what was found in accounts: states that somebody told of, and the last look of each repository."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from butai.db import Base, UtcDateTime


class InventoryState(Base):
    """A state that Butai does not keep. `place`: as `places.checked` gives it; no secret is in it.

    `root`: the folder whose state it is, as somebody said; else empty. `region`, `profile`, `role`: as whom it is read, where
    that is not as the blueprints say. `var_files`: what the root's variables are set by, as paths from its folder; `secrets`:
    where those are read that must not be in a file, by variable, as references. What was in it when it was read last
    (`read_at`) is `instances`, compressed; `failure` why it could not be read since. `environment_id`: of what runs are that
    look for its drift; none before the first.
    """

    __tablename__ = "inventory_states"
    __table_args__ = (UniqueConstraint("repository", "place"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    repository: Mapped[str] = mapped_column(String(63))
    place: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    root: Mapped[str] = mapped_column(Text, default="")
    region: Mapped[str] = mapped_column(String(32), default="")
    profile: Mapped[str] = mapped_column(String(128), default="")
    role: Mapped[str] = mapped_column(String(250), default="")
    var_files: Mapped[list[str]] = mapped_column(JSON, default=list)
    secrets: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    instances: Mapped[bytes | None] = mapped_column(LargeBinary)
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    environment_id: Mapped[int | None] = mapped_column(ForeignKey("environments.id"))


class InventorySurvey(Base):
    """A repository's last look. `result`: the last that succeeded, as compressed JSON, with its time `at`; `failure`: of one
    that failed since. `held`: by root, the paths that states which Butai does not keep had in it."""

    __tablename__ = "inventory_surveys"

    repository: Mapped[str] = mapped_column(String(63), primary_key=True)
    location: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[bytes | None] = mapped_column(LargeBinary)
    held: Mapped[dict[str, Any]] = mapped_column(JSON)
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)


def states_of(session: Session, repository: str) -> Sequence[InventoryState]:
    """What was told of a repository's states, in its order."""
    query = select(InventoryState).where(InventoryState.repository == repository)
    return session.scalars(query.order_by(InventoryState.id)).all()


def state_at(session: Session, repository: str, place: str) -> InventoryState | None:
    """One of them."""
    query = select(InventoryState).where(InventoryState.repository == repository, InventoryState.place == place)
    return session.scalars(query).one_or_none()


def survey_of(session: Session, repository: str) -> InventorySurvey | None:
    """A repository's last look."""
    return session.get(InventorySurvey, repository)


def results(session: Session) -> Sequence[bytes]:
    """What the last looks at all repositories' accounts found."""
    return [each for each in session.scalars(select(InventorySurvey.result)) if each]


def held_at(session: Session, location: str) -> Sequence[dict[str, Any]]:
    """What states that Butai does not keep had in a repository, at whatever ref it is read."""
    return session.scalars(select(InventorySurvey.held).where(InventorySurvey.location == location)).all()


def forget(session: Session, repository: str) -> None:
    """Forget what belongs to a repository that is not in the inventory any more."""
    for table in (InventoryState, InventorySurvey):
        session.execute(delete(table).where(table.repository == repository))
