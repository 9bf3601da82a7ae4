"""What goes on and what waits, and who works: for people to look at, and the one word only a person can say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import BaseModel
from sqlalchemy.orm import Session

from butai.board.model import WorkerState, stands
from butai.db import Database
from butai.environments.service import Environments
from butai.errors import WrongUseError
from butai.runs import workers
from butai.runs.model import RunKind
from butai.runs.queue import Priority, WaitsFor
from butai.runs.service import PlaceView, Runs, RunView, Shown, Standing
from butai.runs.store import Worker
from butai.runs.waiting import words_of_room
from butai.text import text

log = structlog.get_logger()


class RunOnBoard(BaseModel):
    """A run with its environment."""

    run: int
    environment: str
    blueprint: str
    kind: RunKind
    requested_by: str
    requested_at: datetime


class QueuedRun(RunOnBoard):
    """A run that waits, and what for."""

    priority: Priority
    place: PlaceView


class GoingRun(RunOnBoard):
    """A run that goes on. `lost`: its worker cannot be heard, and nobody can say how it stands."""

    started_at: datetime | None
    worker: str
    alive: bool
    lost: bool
    done: int
    planned: int
    doing: Shown


class QueueView(BaseModel):
    """What goes on now, and what waits, in order."""

    going: list[GoingRun]
    queued: list[QueuedRun]


class RoomView(BaseModel):
    """What a worker measured: how many more runs it takes now and, where none, why (`full`, `words`), out of which figures."""

    more: int
    full: WaitsFor
    words: Shown
    working: int
    cores: int
    free_mib: int


class WorkerView(BaseModel):
    """A worker. `since`: from when on it is not alive. `runs`: what it holds. `room`: none where a number was set."""

    id: str
    host: str
    version: str
    labels: dict[str, str]
    slots: int
    room: RoomView | None
    state: WorkerState
    since: datetime | None
    started_at: datetime
    seen_at: datetime
    declared_dead_by: str
    runs: list[RunOnBoard]


class DeclareDead(BaseModel):
    """A worker's machine is gone for good: its id is said again."""

    confirm: str


class Board:
    """All runs that have not ended, and all workers."""

    def __init__(self, database: Database, runs: Runs, environments: Environments, now: Callable[[], datetime]) -> None:
        self._database, self._runs, self._environments, self._now = database, runs, environments, now

    def queue(self) -> QueueView:
        """What goes on, oldest first, and what waits, in the order in which it starts."""
        with self._database.reading() as session:
            unfinished, standing, names = self._unfinished(session)
        going = [
            GoingRun(
                **_on_board(run, names),
                started_at=run.started_at,
                worker=standing.holders[run.id],
                alive=standing.holders[run.id] in standing.alive,
                lost=run.lost,
                done=run.done,
                planned=run.planned,
                doing=run.waiting_for,
            )
            for run in unfinished
            if run.id in standing.holders
        ]
        queued = [
            QueuedRun(**_on_board(run, names), priority=run.priority, place=standing.places[run.id])
            for run in unfinished
            if run.id in standing.places
        ]
        return QueueView(going=going, queued=sorted(queued, key=lambda each: each.place.position))

    def workers(self) -> list[WorkerView]:
        """Every worker that ever was, the newest first."""
        with self._database.reading() as session:
            unfinished, standing, names = self._unfinished(session)
            rows = workers.everyone(session)
        by_worker: dict[str, list[RunOnBoard]] = {}
        for run in unfinished:
            if run.id in standing.holders:
                by_worker.setdefault(standing.holders[run.id], []).append(RunOnBoard(**_on_board(run, names)))
        return [self._worker(row, by_worker.get(row.id, [])) for row in rows]

    def declare_dead(self, worker_id: str, request: DeclareDead, *, by: str) -> WorkerView:
        """A person says that a worker's machine is gone for good. Refused while it is heard of."""
        if request.confirm != worker_id:
            raise WrongUseError(
                text("Declaring `{id}` dead cannot be taken back: its id has to be typed.", id=worker_id),
                why=text("Its runs end as lost, and whatever its machine still does is shut out."),
                next=text("Say `--confirm {id}`.", id=worker_id),
                where="confirm",
                code="confirm-name",
            )
        with self._database.session() as session:
            workers.declare_dead(session, worker_id, by=by, now=self._now())
        log.warning("worker declared dead", worker=worker_id, by=by)
        return next(each for each in self.workers() if each.id == worker_id)

    def figure(self) -> int:
        """How many runs have not ended."""
        with self._database.reading() as session:
            return self._runs.count_unfinished(session)

    def _unfinished(self, session: Session) -> tuple[list[RunView], Standing, dict[int, tuple[str, str]]]:
        runs = self._runs.held_or_waiting(session)
        names = self._environments.names(session, {run.environment_id for run in runs})
        return runs, self._runs.standing(session), names

    def _worker(self, row: Worker, runs: list[RunOnBoard]) -> WorkerView:
        state, since = stands(
            row.seen_at,
            row.stopped_at,
            row.declared_dead_at,
            now=self._now(),
            silent_after=timedelta(seconds=workers.SILENT_AFTER_S),
        )
        return WorkerView(
            id=row.id,
            host=row.host,
            version=row.version,
            labels=row.labels,
            slots=row.slots,
            room=_room(row, len(runs)),
            state=state,
            since=since,
            started_at=row.started_at,
            seen_at=row.seen_at,
            declared_dead_by=row.declared_dead_by,
            runs=runs,
        )


def _room(row: Worker, runs: int) -> RoomView | None:
    if row.room is None:
        return None
    more, full = max(0, row.slots - runs), WaitsFor(row.room["full"])
    figures = {name: row.room[name] for name in ("working", "cores", "free_mib")}
    return RoomView(more=more, full=full, words=words_of_room(more, full), **figures)


def _on_board(run: RunView, names: dict[int, tuple[str, str]]) -> dict[str, Any]:
    blueprint, name = names[run.environment_id]
    return {
        "run": run.id,
        "environment": name,
        "blueprint": blueprint,
        "kind": run.kind,
        "requested_by": run.requested_by,
        "requested_at": run.requested_at,
    }
