"""How a run is carried out: prepare, hand over to a supervisor, follow it, judge the end, then what comes after.

Every part can be entered again after a death of the worker. What an engine did is read from files, never assumed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from butai.datafolder import DataFolder, FolderLock
from butai.db import Database
from butai.errors import ButaiError
from butai.runs import store
from butai.runs.folder import RunFolder, Work
from butai.runs.log import RunLog
from butai.runs.model import EngineEnd, RunEnd, RunStatus, Step, judge
from butai.runs.service import RunView, view
from butai.runs.supervisor import DATABASE, STATE_KEY
from butai.terraform.events import parse, plain
from butai.terraform.follow import Follower
from butai.terraform.progress import Progress
from butai.text import text

LOOK_EVERY_S = 0.1
SUPERVISOR_START_S = 15.0
ENGINE_STEPS = (Step.INIT, Step.APPLY)

log = structlog.get_logger()


@dataclass(frozen=True)
class Prepared:
    """What a supervisor is given: the work, and the engine's whole environment (secrets included, so never stored)."""

    work: Work
    environment: Mapping[str, str]


class Job(Protocol):
    """What a room does around the engine, for one kind of run."""

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """Make the run's folder ready. A ButaiError ends the run before any change."""

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:
        """Take note of the end, in the transaction that records it."""

    def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
        """What follows the end (bounded, may be repeated): wait until services are steady, verify a destroy."""

    def gave_up(self, run: RunView, reason: str) -> None:
        """Take note that `after` could not be done."""


class Carrier:
    """Carries out runs on this machine."""

    def __init__(
        self, database: Database, data: DataFolder, jobs: Mapping[str, Job], now: Callable[[], datetime]
    ) -> None:
        self._database, self._data, self._jobs, self._now = database, data, jobs, now

    def engine_part(self, run_id: int) -> str:
        """From the queue to a known end. Returns the end's name; entering it again goes on where it was."""
        run = self._begin(run_id)
        if run.end is not None:
            return run.end
        folder, run_log = RunFolder(self._data.run(run_id)), RunLog(self._database, run_id, self._now)
        error: ButaiError | None = None
        try:
            if not folder.was_begun:
                self._start(run, folder, run_log)
            elif not folder.supervised():
                self._settle(folder)
            self._follow(run, folder, run_log)
        except ButaiError as caught:
            error = caught
            run_log.say(Step.EXPORT, caught.what, kind="failed", why=caught.why, next=caught.next)
        return self._end(run_id, folder, error)

    def after_part(self, run_id: int) -> None:
        """What follows the end. A failure here is written to the log and never changes the end."""
        run = self._view(run_id)
        if run.end is None or run.settled_at is not None:
            return
        job, run_log = self._jobs[run.kind], RunLog(self._database, run_id, self._now)
        try:
            job.after(run, run.end, run_log)
        except ButaiError as error:
            job.gave_up(run, error.what)
            run_log.say(Step.READY, error.what, kind="failed", why=error.why, next=error.next)
        except Exception:
            # A fault of Butai's own must not leave an environment that is starting for ever.
            log.exception("after the run", run=run_id)
            words = text("Something went wrong inside Butai; the worker's log says what.")
            job.gave_up(run, words)
            run_log.say(Step.READY, words, kind="failed")
        with self._database.session() as session:
            session.get_one(store.Run, run_id).settled_at = self._now()

    def _begin(self, run_id: int) -> RunView:
        with self._database.session() as session:
            waiting = update(store.Run).where(store.Run.id == run_id, store.Run.status == RunStatus.QUEUED)
            session.execute(waiting.values(status=RunStatus.RUNNING, started_at=self._now()))
        return self._view(run_id)

    def _start(self, run: RunView, folder: RunFolder, run_log: RunLog) -> None:
        folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        prepared = self._jobs[run.kind].prepare(run, folder, run_log)
        if self._view(run.id).cancel_requested:
            return
        folder.write_work(prepared.work)
        spawn(folder, prepared.environment, self._database.url, self._data.state_key)

    def _settle(self, folder: RunFolder) -> None:
        """A supervisor was asked for and is not there: wait for one that is just starting, else close the folder to it."""
        deadline = time.monotonic() + SUPERVISOR_START_S
        while time.monotonic() < deadline:
            if folder.supervised() or folder.read_end() is not None:
                return
            if (folder.path / "engine.json").exists():
                break
            time.sleep(LOOK_EVERY_S)
        lock = FolderLock(folder.lock_path)
        try:
            if lock.try_take() and folder.read_end() is None and not (folder.path / "engine.json").exists():
                folder.write_end(EngineEnd(Step.INIT, None))
        finally:
            lock.release()

    def _follow(self, run: RunView, folder: RunFolder, run_log: RunLog) -> None:
        if not folder.was_begun:
            return
        readers = {step: _Reader(folder, step, run_log) for step in ENGINE_STEPS}
        started = time.monotonic()
        while True:
            # The order matters: what the supervisor wrote before it went is read after it was seen gone.
            alive = folder.supervised() or (
                folder.read_end() is None
                and not (folder.path / "engine.json").exists()
                and time.monotonic() - started < SUPERVISOR_START_S
            )
            over = folder.read_end() is not None or not alive
            for reader in readers.values():
                reader.read(last=over)
            if over:
                return
            if self._view(run.id).cancel_requested and not folder.cancel_asked:
                folder.ask_cancel()
                run_log.say(Step.APPLY, text("Asked to stop: one interrupt to the engine, then waiting for its state."))
            time.sleep(LOOK_EVERY_S)

    def _end(self, run_id: int, folder: RunFolder, error: ButaiError | None) -> str:
        with self._database.session() as session:
            run = session.get_one(store.Run, run_id)
            if run.end is not None:
                return run.end
            engine_end = folder.read_end()
            if not folder.was_begun:
                engine_end = EngineEnd(Step.EXPORT, None, cancelled=run.cancel_requested_at is not None)
            job = self._jobs[run.kind]
            end = judge(view(run).kind, engine_end, run.counts)
            problem = error or _problem(session, run_id, end, engine_end, folder)
            run.status, run.end, run.ended_at, run.waiting_for = RunStatus.ENDED, end, self._now(), ""
            run.error = problem.as_stored() if problem else None
            session.flush()
            job.ended(session, view(run), end, folder)
        log.info("run ended", run=run_id, end=str(end))
        return end

    def _view(self, run_id: int) -> RunView:
        with self._database.session() as session:
            return view(session.get_one(store.Run, run_id))


class _Reader:
    """Reads one step's output into the log, from the first line that is not stored yet."""

    def __init__(self, folder: RunFolder, step: Step, run_log: RunLog) -> None:
        self._step, self._log = step, run_log
        self._follower = Follower(folder.output(step))
        self._stored = run_log.last_line(step)
        self._progress = Progress()

    def read(self, *, last: bool) -> None:
        """Store what was written since; with `last` all of it, and a line without its end too."""
        while lines := self._follower.read():
            self._store(lines)
            if not last:
                break
        if last:
            self._store(self._follower.read_last())

    def _store(self, lines: list[tuple[int, str]]) -> None:
        events = [parse(number, line) for number, line in lines]
        for event in events:
            self._progress = self._progress.after(event)
        # Lines stored before a restart are read again only to have the right figures.
        fresh = [event for event in events if event.seq > self._stored]
        if fresh:
            self._log.engine(self._step, fresh, self._progress)


def spawn(folder: RunFolder, environment: Mapping[str, str], database_url: str, state_key: Path) -> None:
    """Start a supervisor that outlives this process. Its words go to a file beside the engine's."""
    own = {DATABASE: database_url, STATE_KEY: str(state_key)}
    with (folder.path / "supervisor.err").open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "butai.runs.supervisor", str(folder.path)],
            env={**environment, **own},
            cwd=folder.path,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
        )
    _reap_later(process)


def _reap_later(process: subprocess.Popen[bytes]) -> None:
    """Collect the supervisor's exit status, so that a long-lived worker keeps no zombies."""
    threading.Thread(target=process.wait, daemon=True).start()


def _problem(
    session: Session, run_id: int, end: RunEnd, engine_end: EngineEnd | None, folder: RunFolder
) -> ButaiError | None:
    """What went wrong, in the engine's own words with file and line, else from its error output."""
    if end in (RunEnd.SUCCEEDED, RunEnd.CANCELLED_BEFORE_CHANGE, RunEnd.INTERRUPTED):
        return None
    if end is RunEnd.LOST:
        alive = folder.living_engine()
        return ButaiError(
            text("The end of this run was not seen."),
            why=text("Its engine still runs as process {alive}.", alive=alive)
            if alive
            else text("Its supervisor and engine are gone."),
            next=text("Check and go on: Butai looks what is left, releases what the dead engine held, and runs again."),
            code="run-lost",
        )
    for event in reversed(store.events(session, run_id, limit=100_000)):
        if event.kind == "diagnostic" and event.detail.get("severity") == "error":
            place = event.detail.get("file", "")
            line = event.detail.get("line")
            where = f"{place}:{line}" if place and line else place
            summary = event.detail.get("summary") or event.message
            return ButaiError(summary, why=event.detail.get("detail", ""), where=where, code="engine-error")
    step = engine_end.step if engine_end else Step.INIT
    words = _tail(folder.errors(step)) or _tail(folder.path / "supervisor.err")
    code = engine_end.exit_code if engine_end else None
    return ButaiError(text("The engine ended with exit code {code}.", code=code), why=words, code="engine-error")


def _tail(path: Path, size: int = 2000) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return plain(file.read().decode(errors="replace").strip())
