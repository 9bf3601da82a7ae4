"""Tables of runs and their events. They are the truth for people; the executor's own tables are only its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, UniqueConstraint, and_, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from butai.db import Base, UtcDateTime
from butai.runs.model import MAIN, READ_ONLY, Counts, RunStatus

# What workers listen to for new runs.
QUEUE = "butai_queue"


class Run(Base):
    """One run. `ended_at`: its engine's end; `settled_at`: what followed is over too.

    `params` is what was asked for (never a secret); `error` the one JSON shape of errors. `labels` (what its worker must
    carry) and `at_once` (its blueprint's cap) are those of the moment in which it was asked for. `handed_over_at`: from
    then on an engine may run for it, in `folder` on the machine of `worker_id`. `lost_at`: since then nobody can say how
    it stands; it goes on when its worker returns. `log_removed_at`: its events were removed by retention. `faults`: how often
    carrying it out met a fault of Butai's own. `waiting_text`, `way`: whether it shares a provider with others, and why.
    `error["texts"]` and `detail["texts"]` of events: what their words are translated from.
    """

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_environment", "environment_id", "id"), Index("ix_runs_status", "status"))

    id: Mapped[int] = mapped_column(primary_key=True)
    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"))
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16), default=RunStatus.QUEUED)
    end: Mapped[str | None] = mapped_column(String(40))
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    requested_by: Mapped[str] = mapped_column(String(100))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    kill_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    handed_over_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lost_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    blueprint: Mapped[str] = mapped_column(String(63), default="")
    priority: Mapped[int] = mapped_column(default=0)
    labels: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    at_once: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    faults: Mapped[int] = mapped_column(default=0)
    folder: Mapped[str] = mapped_column(default="")
    worker_id: Mapped[str] = mapped_column(String(40), default="")
    superseded_by: Mapped[int | None]
    log_removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    planned: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    begun: Mapped[int] = mapped_column(default=0)
    waiting_for: Mapped[str] = mapped_column(default="")
    waiting_text: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    way: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    @property
    def counts(self) -> Counts:
        """The figures of the event log."""
        return Counts(self.planned, self.done, self.failed, self.begun)


class RunClaim(Base):
    """Who may work on an environment: at most one run, under one worker.

    `fence` rises whenever the claim passes to somebody who cannot know what the last holder still does; every write names
    its number, and an old one is refused. `run_id` is none while nothing goes on.
    """

    __tablename__ = "run_claims"

    environment_id: Mapped[int] = mapped_column(ForeignKey("environments.id"), primary_key=True)
    fence: Mapped[int] = mapped_column(default=0)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"))
    worker_id: Mapped[str | None] = mapped_column(String(40))


class Worker(Base):
    """A worker, once it has started. `beat` rises while it lives; `machine`, `pid` and `pid_started` say where to look.

    `cap` is how many runs at once in all it was told. `declared_dead_at`: a person said that its machine is gone for good.
    `room`: where `slots` is measured (what goes on and how many more), the figures and what stands in the way of one more.
    """

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    host: Mapped[str] = mapped_column(String(200))
    machine: Mapped[str] = mapped_column(String(120))
    pid: Mapped[int]
    pid_started: Mapped[float]
    slots: Mapped[int]
    labels: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    version: Mapped[str] = mapped_column(String(40))
    beat: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    declared_dead_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    declared_dead_by: Mapped[str] = mapped_column(String(100), default="")
    cap: Mapped[int] = mapped_column(default=0)
    room: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class RunEvent(Base):
    """One line of a run's log. `source` and `line` say where it was read, so that reading twice stores once."""

    __tablename__ = "run_events"
    __table_args__ = (UniqueConstraint("run_id", "source", "line"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(16))
    line: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    step: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(24))
    address: Mapped[str] = mapped_column(default="")
    action: Mapped[str] = mapped_column(String(16), default="")
    message: Mapped[str] = mapped_column(default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


def events(session: Session, run_id: int, *, after: int = 0, limit: int = 1000) -> list[RunEvent]:
    """Events of a run with a sequence number above `after`, in order."""
    query = select(RunEvent).where(RunEvent.run_id == run_id, RunEvent.seq > after)
    return list(session.scalars(query.order_by(RunEvent.seq).limit(limit)))


def changes(session: Session, environment_id: int) -> list[RunEvent]:
    """What the logs of all runs of an environment tell of creations and deletions, in order.

    Begun, done and failed ones; the engine's errors; and what was learnt later of those that were only begun.
    """
    query = select(RunEvent).join(Run, Run.id == RunEvent.run_id).where(Run.environment_id == environment_id)
    return list(session.scalars(query.where(tells_of_a_change()).order_by(RunEvent.run_id, RunEvent.seq)))


def tells_of_a_change() -> ColumnElement[bool]:
    """Whether a line belongs to the account of what was made and deleted."""
    change = and_(RunEvent.kind.in_(("started", "done", "failed")), RunEvent.action.in_(("create", "delete")))
    return or_(change, RunEvent.kind.in_(("diagnostic", "adopted", "found", "gone")))


def own_changes(session: Session, run_id: int) -> list[RunEvent]:
    """What a run's log tells of its changes, in order."""
    kinds = ("started", "progress", "done", "failed")
    query = select(RunEvent).where(RunEvent.run_id == run_id, RunEvent.kind.in_(kinds))
    return list(session.scalars(query.order_by(RunEvent.seq)))


def of_kinds(session: Session, run_id: int, kinds: Sequence[str]) -> list[RunEvent]:
    """Events of a run of these kinds, in order."""
    query = select(RunEvent).where(RunEvent.run_id == run_id, RunEvent.kind.in_(kinds))
    return list(session.scalars(query.order_by(RunEvent.seq)))


def last_line(session: Session, run_id: int, source: str) -> int:
    """The last line that was read from a source; 0 when none was."""
    query = select(func.max(RunEvent.line)).where(RunEvent.run_id == run_id, RunEvent.source == source)
    return session.scalar(query) or 0


def next_seq(session: Session, run_id: int) -> int:
    """The sequence number of the run's next event."""
    return (session.scalar(select(func.max(RunEvent.seq)).where(RunEvent.run_id == run_id)) or 0) + 1


def of_environment(session: Session, environment_id: int, limit: int = 50) -> list[Run]:
    """Runs of one environment, newest first."""
    query = select(Run).where(Run.environment_id == environment_id).order_by(Run.id.desc()).limit(limit)
    return list(session.scalars(query))


def unfinished(session: Session, environment_id: int | None = None) -> list[Run]:
    """Queued and running runs, oldest first."""
    query = select(Run).where(Run.status != RunStatus.ENDED).order_by(Run.id)
    if environment_id is not None:
        query = query.where(Run.environment_id == environment_id)
    return list(session.scalars(query))


def held_or_waiting(session: Session) -> list[Run]:
    """Runs that wait or that a worker still holds, oldest first: also one whose engine ended, while it is waited for."""
    held = select(RunClaim.run_id).where(RunClaim.run_id.is_not(None))
    query = select(Run).where(or_(Run.status == RunStatus.QUEUED, Run.id.in_(held)))
    return list(session.scalars(query.order_by(Run.id)))


def count_unfinished(session: Session) -> int:
    """How many runs wait or go on."""
    query = select(func.count()).where(Run.status.in_((RunStatus.QUEUED, RunStatus.RUNNING)))
    return session.scalar(query) or 0


def newest_of(session: Session, environment_ids: list[int]) -> dict[int, Run]:
    """The newest run of each environment that says how it is; one that mends something beside it counts while it goes on."""
    telling = or_(Run.kind.in_(MAIN), and_(Run.kind.not_in(READ_ONLY), Run.settled_at.is_(None)))
    newest = select(func.max(Run.id)).where(Run.environment_id.in_(environment_ids), telling)
    newest = newest.group_by(Run.environment_id)
    return {run.environment_id: run for run in session.scalars(select(Run).where(Run.id.in_(newest)))}


def newest_at_all(session: Session, environment_ids: Collection[int]) -> dict[int, Run]:
    """The newest run of each environment, whatever it does."""
    newest = select(func.max(Run.id)).where(Run.environment_id.in_(environment_ids)).group_by(Run.environment_id)
    return {run.environment_id: run for run in session.scalars(select(Run).where(Run.id.in_(newest)))}
