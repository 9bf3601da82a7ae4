"""Retention: once a day the logs of runs that ended long ago go, and what their workers kept of them on disk.

What stays: the runs themselves with their figures, ends and errors; of their logs the lines that say what was made and
deleted, since a destroy accounts for each; and every folder with a state that could not be saved.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import and_, delete, not_, select, update

from butai.datafolder import DataFolder
from butai.db import Database
from butai.runs.folder import STATE_LEFT_BEHIND, RunFolder
from butai.runs.store import Run, RunClaim, RunEvent, Worker, tells_of_a_change
from butai.terraform.prepared import PreparedFolders

FIRST_AFTER_S = 60.0
EVERY_S = 24 * 3600.0
# Small steps: a claim or an event is never kept waiting for long.
RUNS_AT_ONCE = 50

log = structlog.get_logger()


@dataclass(frozen=True)
class Retention:
    """For how many days an ended run's log is kept (0: for ever), and its exported tree.

    And for how many days an unused prepared folder, and how many mebibytes all of them may take.
    """

    events_days: int
    folders_days: int
    prepared_days: int = 7
    prepared_mib: int = 4096


class Tidy:
    """The daily tidying of one worker: logs in the database (whoever comes first), and its own folders."""

    def __init__(self, database: Database, data: DataFolder, terms: Retention, now: Callable[[], datetime]) -> None:
        self._database, self._data, self._terms, self._now = database, data, terms, now

    def in_background(self, first_after_s: float = FIRST_AFTER_S, every_s: float = EVERY_S) -> threading.Event:
        """Tidy a while after the start, then daily, for as long as this process lives or until the event is set."""
        stop = threading.Event()
        threading.Thread(target=self._daily, args=(stop, first_after_s, every_s), name="tidy", daemon=True).start()
        return stop

    def _daily(self, stop: threading.Event, first_after_s: float, every_s: float) -> None:
        wait_s = first_after_s
        while not stop.wait(wait_s):
            try:
                self.once()
            except Exception:
                # Whatever it was: tomorrow is another day.
                log.exception("tidying; again in a day")
            wait_s = every_s

    def once(self) -> None:
        """Remove what is due now."""
        removed = 0
        while self._terms.events_days and (found := self._remove_logs()):
            removed += found
        if self._terms.events_days:
            self._forget_workers()
        trees = sum(
            self._tidy_folder(path.name) for path in self._data.run(0).parent.iterdir() if path.name.isdecimal()
        )
        prepared = PreparedFolders(self._data.prepared)
        gone = prepared.collect(days=self._terms.prepared_days, most_mib=self._terms.prepared_mib)
        log.info("tidied", logs=removed, folders=trees, prepared=gone)

    def _before(self, days: int) -> datetime:
        return self._now() - timedelta(days=days)

    def _remove_logs(self) -> int:
        """The logs of some runs that ended long ago; how many. A run that another worker has in hand is passed over."""
        due = and_(Run.settled_at < self._before(self._terms.events_days), Run.log_removed_at.is_(None))
        with self._database.session() as session:
            query = select(Run.id).where(due).order_by(Run.id).limit(RUNS_AT_ONCE)
            runs = session.scalars(query.with_for_update(skip_locked=True)).all()
            session.execute(delete(RunEvent).where(RunEvent.run_id.in_(runs), not_(tells_of_a_change())))
            session.execute(update(Run).where(Run.id.in_(runs)).values(log_removed_at=self._now()))
        return len(runs)

    def _forget_workers(self) -> None:
        """Workers that have not been heard of for as long, and hold nothing."""
        holding = select(RunClaim.worker_id).where(RunClaim.worker_id.is_not(None))
        old = Worker.seen_at < self._before(self._terms.events_days)
        with self._database.session() as session:
            session.execute(delete(Worker).where(old, Worker.id.not_in(holding)))

    def _tidy_folder(self, name: str) -> bool:
        """The folder of one run of this worker, where that run is over; whether something of it went."""
        folder = RunFolder(self._data.run(int(name)))
        with self._database.reading() as session:
            run = session.get(Run, int(name))
        if run is None or run.settled_at is None or _is_needed(folder):
            return False
        if run.log_removed_at is not None:
            shutil.rmtree(folder.path)
            return True
        if run.settled_at < self._before(self._terms.folders_days) and folder.tree.exists():
            shutil.rmtree(folder.tree)
            return True
        return False


def _is_needed(folder: RunFolder) -> bool:
    """Whether somebody works there still, or a state lies there that is nowhere else."""
    unsaved = next(folder.path.rglob(STATE_LEFT_BEHIND), None)
    return bool(unsaved or folder.supervised() or folder.living_engine())
