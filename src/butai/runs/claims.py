"""Claims: one run at a time per environment, under one worker, with a fencing number on every write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from butai.db import Database
from butai.errors import RefusedError
from butai.runs import queue
from butai.runs.model import RunKind, RunStatus
from butai.runs.store import Run, RunClaim
from butai.text import text

# Who starts next is decided by one worker at a time. Any number that no other part uses.
CLAIM_LOCK = 0x6275_7461_6901


@dataclass(frozen=True)
class Claim:
    """The right to work on one environment, for one run. `fence` goes with every write."""

    run_id: int
    environment_id: int
    worker_id: str
    fence: int


class LostClaimError(RefusedError):
    """Somebody else has the environment now: whoever meets this stops and writes nothing more."""

    code = "claim-lost"

    def __init__(self, claim: Claim) -> None:
        super().__init__(
            text("Run {run} does not hold its environment any more.", run=claim.run_id),
            why=text("Its claim with the number {fence} has passed to somebody else.", fence=claim.fence),
            next=text("Look at the environment's newest run."),
        )


def take(session: Session, hand: queue.Hand, *, cap: int, now: datetime) -> list[Claim]:
    """Claim the runs that this worker starts now: as many as it has free slots, and as the caps allow."""
    one_at_a_time(session)
    chosen = queue.next_for(hand, queued(session), going(session), cap)
    return [_claim(session, each, hand.worker) for each in chosen if _begun(session, each.run, now)]


def _begun(session: Session, run_id: int, now: datetime) -> bool:
    """Make a queued run a running one; false when it was cancelled or superseded since it was looked at."""
    began = {"status": RunStatus.RUNNING, "started_at": func.coalesce(Run.started_at, now)}
    query = update(Run).where(Run.id == run_id, Run.status == RunStatus.QUEUED)
    query = query.values(**began, attempts=Run.attempts + 1)
    return session.scalar(query.returning(Run.id)) is not None


def _claim(session: Session, chosen: queue.Queued, worker_id: str) -> Claim:
    row = session.get(RunClaim, chosen.environment) or RunClaim(environment_id=chosen.environment, fence=0)
    row.fence, row.run_id, row.worker_id = row.fence + 1, chosen.run, worker_id
    session.add(row)
    return Claim(chosen.run, chosen.environment, worker_id, row.fence)


def any_queued(session: Session) -> bool:
    """Whether a run waits at all: the question of an idle worker, as cheap as it can be."""
    return session.scalar(select(Run.id).where(Run.status == RunStatus.QUEUED).limit(1)) is not None


def one_at_a_time(session: Session) -> None:
    """Whoever decides about claims does so alone until its transaction ends. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": CLAIM_LOCK})


def queued(session: Session) -> list[queue.Queued]:
    """Every run that waits."""
    columns = (Run.id, Run.environment_id, Run.blueprint, Run.kind, Run.priority, Run.labels, Run.at_once)
    rows = session.execute(select(*columns).where(Run.status == RunStatus.QUEUED))
    return [_as_queued(*row) for row in rows]


def as_queued(row: Run) -> queue.Queued:
    """A run as the rules of the queue see it."""
    return _as_queued(row.id, row.environment_id, row.blueprint, row.kind, row.priority, row.labels, row.at_once)


def _as_queued(
    run: int, environment: int, blueprint: str, kind: str, priority: int, labels: dict[str, str], at_once: int
) -> queue.Queued:
    return queue.Queued(run, environment, blueprint, RunKind(kind), queue.Priority(priority), labels, at_once)


def going(session: Session) -> list[queue.Going]:
    """Every run that a worker holds."""
    query = select(RunClaim, Run.blueprint).join(Run, Run.id == RunClaim.run_id)
    return [
        queue.Going(claim.run_id or 0, claim.environment_id, blueprint, claim.worker_id or "")
        for claim, blueprint in session.execute(query)
    ]


def held(session: Session) -> list[Claim]:
    """Every claim under which something goes on."""
    rows = session.scalars(select(RunClaim).where(RunClaim.run_id.is_not(None)).order_by(RunClaim.environment_id))
    return [Claim(row.run_id or 0, row.environment_id, row.worker_id or "", row.fence) for row in rows]


def count_held(session: Session, worker_id: str) -> int:
    """How many runs a worker holds."""
    mine = (RunClaim.worker_id == worker_id, RunClaim.run_id.is_not(None))
    return session.scalar(select(func.count()).where(*mine)) or 0


def still_held(session: Session, claim: Claim) -> bool:
    """Whether the claim is as it was read; if so its holder writes nothing until this transaction ends."""
    query = select(RunClaim).where(RunClaim.environment_id == claim.environment_id).with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).one()
    return (row.run_id, row.fence, row.worker_id) == (claim.run_id, claim.fence, claim.worker_id)


def hand_to(session: Session, claim: Claim, worker_id: str, *, fence: bool) -> Claim:
    """Pass a claim on to another worker. With `fence`, whoever still works under the old number is shut out."""
    row = session.get_one(RunClaim, claim.environment_id)
    row.worker_id, row.fence = worker_id, row.fence + fence
    return Claim(claim.run_id, claim.environment_id, worker_id, row.fence)


def requeue(session: Session, claim: Claim) -> None:
    """Nothing was changed under this claim: its run waits again, and the old holder is shut out."""
    free(session, claim, fence=True)
    run = session.get_one(Run, claim.run_id)
    run.status, run.handed_over_at, run.folder = RunStatus.QUEUED, None, ""


def free(session: Session, claim: Claim, *, fence: bool = False) -> None:
    """The run is over: the next one of this environment may start."""
    mine = (RunClaim.environment_id == claim.environment_id, RunClaim.fence == claim.fence)
    session.execute(update(RunClaim).where(*mine).values(run_id=None, worker_id=None, fence=claim.fence + fence))


def check(session: Session, claim: Claim, *, worker: bool = True) -> None:
    """Raise LostClaimError unless the claim still stands; it then stands until this transaction ends.

    `worker`: whether it must be this worker's. A supervisor outlives its worker and writes under the number alone.
    """
    query = select(RunClaim).where(RunClaim.environment_id == claim.environment_id).with_for_update(read=True)
    row = session.scalars(query.execution_options(populate_existing=True)).first()
    same = row is not None and (row.run_id, row.fence) == (claim.run_id, claim.fence)
    if row is None or not same or (worker and row.worker_id != claim.worker_id):
        raise LostClaimError(claim)


class Fenced:
    """A database in which every transaction first asks whether the claim still stands."""

    def __init__(self, database: Database, claim: Claim, *, worker: bool = True) -> None:
        self.database, self.claim, self._worker = database, claim, worker

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction under the claim. Raises LostClaimError."""
        with self.database.session() as session:
            check(session, self.claim, worker=self._worker)
            yield session
