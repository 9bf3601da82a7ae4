"""A fault of Butai's own while a run is carried out: how often it is tried again, and how the run ends all the same."""

from __future__ import annotations

from datetime import datetime

import structlog

from butai.db import AWAY
from butai.errors import ButaiError
from butai.runs import store
from butai.runs.claims import Fenced, LostClaimError, free
from butai.runs.job import Job
from butai.runs.log import RunLog
from butai.runs.model import (
    HALF_DONE,
    READ_ONLY,
    Counts,
    EngineEnd,
    RunEnd,
    RunKind,
    RunStatus,
    Step,
    did_its_work,
    judge,
)
from butai.runs.service import RunView, view
from butai.text import stored, text

# Bad data stays bad, but a disk that was full or a half-written file may not: worth less than a minute.
PAUSES_S = (2.0, 10.0, 30.0)


def pause_after(faults: int) -> float:
    """How long to wait after so many faults before it is tried again; 0: it is not tried again."""
    return PAUSES_S[faults - 1] if 0 < faults <= len(PAUSES_S) else 0


def end_of(kind: RunKind, engine_end: EngineEnd | None, counts: Counts, *, read: bool) -> RunEnd:
    """The end of a run whose job could not take note of it: what was seen, and never that all is well.

    `read`: all that the engine said is stored, so `counts` are whole; else nobody knows what it had begun.
    """
    if engine_end is not None and did_its_work(kind, engine_end) and engine_end.state_saved:
        return RunEnd.FAILED_BEFORE_CHANGE if kind in READ_ONLY else RunEnd.NOT_FOLLOWED_UP
    if not read and kind not in READ_ONLY and (engine_end is None or engine_end.step is Step.APPLY):
        return RunEnd.LOST
    return judge(kind, engine_end, counts)


def count(fenced: Fenced) -> int:
    """One more fault, on the row, where a death of the worker does not forget it; how many there were."""
    with fenced.session() as session:
        row = session.get_one(store.Run, fenced.claim.run_id)
        row.faults += 1
        if row.end is None:
            row.waiting_for = words = text("a fault inside Butai: it is tried again")
            row.waiting_text = stored(words)
        return row.faults


def give_up(
    job: Job, log: RunLog, fault: Exception, engine_end: EngineEnd | None, *, read: bool, now: datetime
) -> None:
    """End a run, or what follows its end, without what met the fault; the next run of its environment may come."""
    with log.fenced.database.reading() as session:
        run = view(row := session.get_one(store.Run, log.run_id))
        end = run.end or end_of(run.kind, engine_end, row.counts, read=read)
        problem = _error(fault, row.faults)
    if end is RunEnd.SUCCEEDED:
        end = RunEnd.FAILED_BEFORE_CHANGE if run.kind in READ_ONLY else RunEnd.NOT_FOLLOWED_UP
    if end in HALF_DONE:
        _tell(job, run, problem, log)
    with log.fenced.session() as session:
        row = session.get_one(store.Run, run.id)
        row.status, row.end, row.ended_at, row.settled_at = RunStatus.ENDED, end, row.ended_at or now, now
        row.lost_at, row.error, row.waiting_for, row.waiting_text = None, problem.as_stored(), "", None
        free(session, log.fenced.claim)


def _tell(job: Job, run: RunView, problem: ButaiError, log: RunLog) -> None:
    """So that nobody takes the environment for what it was; where that meets a fault too, the run's end says it."""
    try:
        job.gave_up(run, problem.what, log)
    except (LostClaimError, *AWAY):
        raise
    except Exception:
        structlog.get_logger().exception("giving up", run=run.id)


def _error(fault: Exception, times: int) -> ButaiError:
    return ButaiError(
        text("Butai could not take note of how this run ended: it met the same fault {times} times.", times=times),
        # A foreign error's words may hold anything, secrets too.
        why=fault.what if isinstance(fault, ButaiError) else text("{fault}: see the worker's log", fault=_name(fault)),
        next=text("Do what is proposed next. Does that end in the same way, report it with the worker's log."),
        code=RunEnd.NOT_FOLLOWED_UP,
    )


def _name(fault: Exception) -> str:
    return type(fault).__name__
