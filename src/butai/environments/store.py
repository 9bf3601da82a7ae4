"""The table of environments."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from butai.db import Base, UtcDateTime
from butai.environments.migrations import after_run
from butai.runs.migrations import Migrated, Versions
from butai.text import stored


class EngineCheck(Base):
    """Whether a plan was the same on both ways, for a blueprint and these versions (a digest of engine and providers)."""

    __tablename__ = "engine_checks"

    blueprint: Mapped[str] = mapped_column(String(63), primary_key=True)
    versions: Mapped[str] = mapped_column(String(64), primary_key=True)
    equal: Mapped[bool]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))


class Environment(Base):
    """One environment. `services`, `commit` and `values` are what the last run that changed something was given.

    `services`: name -> {branch, commit, image, default_branch}; `variables`: what a person gave; `outputs`: list of
    {name, sensitive, value}, sensitive values masked before they are stored; `left_over`: what a destroy could not
    account for, `orphans` what a run made that no state knows; both lists of {address, type, id}. `forgotten`: what a
    person ruled out of them, {address, id, run, by}; `tainted` what an interrupt left half made, {address, type, id,
    complete}. `health_text`: what `health_reason` is translated from. `drift`: what the newest check found, {run, at,
    count, items}; none since the last change. `state_place`: the bucket and key in which its state lies for its whole
    life, none for Butai's own database; `state_address` the same in one word. `hold`: who has it, {by, reason, since,
    until}; one whose end is past counts no more. `adopted`: none for what Butai makes; where it was made elsewhere, where
    its services are: {cluster, named, found}, `named` what a person said of {service: name of the ECS service}, `found`
    what the newest look saw, {service: {cluster, service}}. `root`: empty; else this is a root that is no environment, and
    only looked at (`REPOSITORY/FOLDER`).
    """

    __tablename__ = "environments"
    __table_args__ = (
        # A name is free again once its environment is gone.
        Index(
            "uq_environments_living_name",
            "blueprint",
            "name",
            unique=True,
            sqlite_where=text("destroyed_at IS NULL"),
            postgresql_where=text("destroyed_at IS NULL"),
        ),
        # Two living environments never share a state.
        Index(
            "uq_environments_living_state",
            "state_address",
            unique=True,
            sqlite_where=text("destroyed_at IS NULL AND state_address <> ''"),
            postgresql_where=text("destroyed_at IS NULL AND state_address <> ''"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    blueprint: Mapped[str] = mapped_column(String(63))
    name: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str] = mapped_column(String(100))
    purpose: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    destroyed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ref: Mapped[str] = mapped_column(String(200))
    commit: Mapped[str] = mapped_column(String(64))
    services: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON)
    variables: Mapped[dict[str, Any]] = mapped_column(JSON)
    engine_name: Mapped[str] = mapped_column(String(16))
    engine_version: Mapped[str] = mapped_column(String(40))
    lock_file: Mapped[str] = mapped_column(Text, default="")
    outputs: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    urls: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    health: Mapped[str] = mapped_column(String(16), default="unknown")
    health_reason: Mapped[str] = mapped_column(Text, default="")
    health_text: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    left_over: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    orphans: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    forgotten: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    tainted: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    state_place: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    state_address: Mapped[str] = mapped_column(String(700), default="")
    drift: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    hold: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    adopted: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    migrated: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    root: Mapped[str] = mapped_column(Text, default="")

    def note_health(self, health: str, reason: str = "") -> None:
        """What is known now, and why, with what a translation of it is made of."""
        self.health, self.health_reason, self.health_text = health, reason, stored(reason)

    def note_deployed(self, placed: Versions, tried: Migrated) -> None:
        """A deploy has put these versions there."""
        self.services, self.drift = {**self.services, **placed}, None
        self.note_migrated(tried, placed)

    def note_migrated(self, run: Migrated, placed: Collection[str]) -> None:
        """What a run did to the databases of its services."""
        self.migrated = after_run(self.migrated or {}, run, placed)


_OURS = Environment.root == ""
_LIVING = (Environment.destroyed_at.is_(None), _OURS)


def living(session: Session) -> list[Environment]:
    """Every environment that is not gone, by blueprint and name."""
    query = select(Environment).where(*_LIVING)
    return list(session.scalars(query.order_by(Environment.blueprint, Environment.name)))


def count_living(session: Session) -> int:
    """How many environments are not gone."""
    return session.scalar(select(func.count()).where(*_LIVING)) or 0


def named(session: Session, name: str, blueprint: str | None = None) -> list[Environment]:
    """Living environments of that name: at most one per blueprint."""
    query = select(Environment).where(*_LIVING, Environment.name == name)
    if blueprint is not None:
        query = query.where(Environment.blueprint == blueprint)
    return list(session.scalars(query.order_by(Environment.blueprint)))


def newest_named(session: Session, name: str, blueprint: str) -> Environment | None:
    """The newest environment of that name, gone or not."""
    query = select(Environment).where(_OURS, Environment.name == name, Environment.blueprint == blueprint)
    return session.scalars(query.order_by(Environment.id.desc()).limit(1)).first()


def once_named(session: Session, name: str, blueprint: str | None, at: datetime) -> list[Environment]:
    """Environments that were made by then under that name, gone or not, newest first."""
    query = select(Environment).where(_OURS, Environment.name == name, Environment.created_at <= at)
    if blueprint is not None:
        query = query.where(Environment.blueprint == blueprint)
    return list(session.scalars(query.order_by(Environment.id.desc())))


def with_state_at(session: Session, address: str) -> Environment | None:
    """The living environment whose state lies there."""
    query = select(Environment).where(*_LIVING, Environment.state_address == address)
    return session.scalars(query).first()


def any_of_blueprint(session: Session, blueprint: str) -> list[str]:
    """Names of the living environments of a blueprint."""
    query = select(Environment.name).where(*_LIVING, Environment.blueprint == blueprint)
    return list(session.scalars(query.order_by(Environment.name)))


def names(session: Session, environment_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Blueprint and name of each; of a root that is no environment none, and the root."""
    query = select(Environment.id, Environment.blueprint, Environment.name, Environment.root)
    rows = session.execute(query.where(Environment.id.in_(list(environment_ids))))
    return {key: (blueprint, root or name) for key, blueprint, name, root in rows}
