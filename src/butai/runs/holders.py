"""Who works on an environment, and what can be seen from this machine of the processes of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from butai.runs import workers
from butai.runs.folder import RunFolder
from butai.runs.model import RunKind
from butai.runs.store import Run, RunClaim, Worker


class WorksOn(BaseModel):
    """The run that has an environment now, and its worker. `lost`: the worker has not been heard of."""

    run: int
    kind: RunKind
    by: str
    since: datetime | None
    worker: str
    host: str
    lost: bool


@dataclass(frozen=True)
class Sight:
    """What is seen of a run's processes. `here`: they would be on this machine, so `alive` is the truth.

    `going`: a living worker carries the run out. `folder`: where its files lie, on the machine `host`. `gone`: a person
    said that this machine is gone for good.
    """

    going: bool
    here: bool
    alive: bool
    folder: str
    host: str
    gone: bool


def works_on(session: Session, environment_id: int) -> WorksOn | None:
    """Who has this environment; none while nothing goes on."""
    claim = session.get(RunClaim, environment_id)
    run = session.get(Run, claim.run_id) if claim and claim.run_id else None
    if claim is None or run is None:
        return None
    worker = session.get(Worker, claim.worker_id or "")
    return WorksOn(
        run=run.id,
        kind=RunKind(run.kind),
        by=run.requested_by,
        since=run.started_at,
        worker=claim.worker_id or "",
        host=worker.host if worker else "",
        lost=run.lost_at is not None,
    )


def sight_of(session: Session, run_id: int, now: datetime) -> Sight:
    """What can be seen from here of a run. An engine's processes are looked at, never assumed."""
    run = session.get_one(Run, run_id)
    holder = session.scalars(select(RunClaim.worker_id).where(RunClaim.run_id == run_id)).first()
    worker = session.get(Worker, run.worker_id or holder or "")
    going = holder is not None and any(hand.worker == holder for hand in workers.living(session, now))
    here = worker is not None and worker.machine == workers.this_machine()
    if run.folder:
        folder = RunFolder(Path(run.folder))
        here = here and folder.path.exists()
        alive = here and (folder.supervised() or folder.living_engine() is not None)
    else:
        # No engine was handed over: what it did, its worker did itself.
        alive = worker is not None and here and workers.process_is_gone(worker) is False
    host, gone = (worker.host, worker.declared_dead_at is not None) if worker else ("", False)
    return Sight(going, here, alive, run.folder, host, gone)
