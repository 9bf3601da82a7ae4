"""How a run is carried out: prepare, hand over to a supervisor, follow it, judge the end, then what comes after.

Every part can be entered again after a death of the worker. What an engine did is read from files, never assumed; every
write asks first whether the claim still stands.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from butai.datafolder import DataFolder, FolderLock
from butai.db import AWAY, Database
from butai.errors import ButaiError
from butai.runs import faults, store
from butai.runs.claims import Claim, Fenced, LostClaimError, check, free
from butai.runs.folder import RunFolder
from butai.runs.job import Job
from butai.runs.log import RunLog
from butai.runs.model import Counts, EngineEnd, RunEnd, RunStatus, Step, did_its_work, judge
from butai.runs.problem import problem_of
from butai.runs.reader import Reader
from butai.runs.remote import keep_copy, open_remote, release_left
from butai.runs.rescue import take_over_state
from butai.runs.service import RunView, view
from butai.runs.spawn import Spawn, spawn
from butai.runs.supervisor import DATABASE, STATE_KEY
from butai.states.service import States
from butai.text import text

LOOK_EVERY_S = 0.1
AWAY_LOOK_S = 1.0
SUPERVISOR_START_S = 20.0
# What kills its worker while it is prepared is not tried for ever.
MAX_ATTEMPTS = 3

log = structlog.get_logger()


@dataclass(frozen=True)
class Carrier:
    """Carries out runs on this machine. `start`: how supervisors are started, if not anew."""

    database: Database
    data: DataFolder
    states: States
    jobs: Mapping[str, Job]
    now: Callable[[], datetime]
    start: Spawn | None = None

    def carry(self, claim: Claim) -> None:
        """Everything, until the run is over or the claim has passed to somebody else. Waits for a database that is away."""
        while pause := self._carried(claim):
            time.sleep(pause)

    def _carried(self, claim: Claim) -> float:
        """Carry out; in how many seconds it has to be gone on with, 0 for never."""
        try:
            with self.database.reading() as session:
                kind = session.get_one(store.Run, claim.run_id).kind
            return self._tried(_Carrying(self, self.jobs[kind], claim), claim)
        except LostClaimError:
            log.warning("claim lost", run=claim.run_id, fence=claim.fence)
        except AWAY as error:
            log.warning("database away", run=claim.run_id, why=type(error.orig).__name__)
            return AWAY_LOOK_S
        return 0

    def _tried(self, one: _Carrying, claim: Claim) -> float:
        """Carry out. A fault is tried again, a few times: then the run ends with what was seen, and lets others pass."""
        try:
            one.engine_part()
            one.after_part()
        except (LostClaimError, *AWAY):
            raise
        except Exception as fault:
            log.exception("a fault", run=claim.run_id)
            pause = faults.pause_after(faults.count(one.fenced))
            if not pause:
                one.give_up(fault)
            return pause
        return 0


class _Carrying:
    """One run under one claim."""

    def __init__(self, by: Carrier, job: Job, claim: Claim) -> None:
        self.fenced = Fenced(by.database, claim)
        self._claim, self._job, self._now, self._states = claim, job, by.now, by.states
        self._own = {DATABASE: by.database.url, STATE_KEY: str(by.data.state_key)}
        self._start_supervisor = by.start or spawn
        self._log = RunLog(self.fenced, claim.run_id, by.now)
        # Whether the newest version here is what the engine wrote; not so while a bucket that has it is out of reach.
        self._known = True
        # Whether all that the engine said is stored: then the run's figures are whole.
        self._read = False
        recorded = self._view().folder
        self._folder = RunFolder(Path(recorded) if recorded else by.data.run(claim.run_id))

    def engine_part(self) -> None:
        """From the queue to a known end; entering it again goes on where it was."""
        run = self._view()
        if run.end is not None:
            return
        error: ButaiError | None = None
        try:
            if not self._folder.was_begun or self._was_not_handed_over(run):
                self._start_or_say_why(run)
            self._follow()
            if self._folder.was_begun and self._folder.read_end() is None:
                self._close()
            if self._folder.was_begun:
                self._collect()
            self._read = True
        except LostClaimError:
            raise
        except ButaiError as caught:
            error = caught
            self._log.say(Step.EXPORT, caught.what, kind="failed", why=caught.why, next=caught.next)
        self._end(error)

    def after_part(self) -> None:
        """What follows the end, then the next run of this environment may come. A failure here never changes the end."""
        run = self._view()
        if run.end is not None and run.settled_at is None:
            self._after(run, run.end)
        with self.fenced.session() as session:
            session.get_one(store.Run, run.id).settled_at = self._now()
            free(session, self._claim)

    def give_up(self, fault: Exception) -> None:
        """A fault that comes again and again: the end is what was seen, and nobody waits for what follows it."""
        while self._anybody_at_work():
            self._pass_on_wishes()
            time.sleep(LOOK_EVERY_S)
        engine_end = self._folder.read_end() if self._folder.was_begun else None
        faults.give_up(self._job, self._log, fault, engine_end, read=self._read, now=self._now())

    def _anybody_at_work(self) -> bool:
        folder = self._folder
        return folder.was_begun and (folder.supervised() or folder.living_engine() is not None)

    def _after(self, run: RunView, end: RunEnd) -> None:
        try:
            self._job.after(run, end, self._log)
        except (LostClaimError, *AWAY):
            raise
        except ButaiError as error:
            self._job.gave_up(run, error.what, self._log)
            self._log.say(Step.READY, error.what, kind="failed", why=error.why, next=error.next)
        except Exception:
            # A fault of Butai's own must not leave an environment that is starting for ever.
            log.exception("after the run", run=run.id)
            self._job.gave_up(run, FAULT, self._log)
            self._log.say(Step.READY, FAULT, kind="failed")

    def _was_not_handed_over(self, run: RunView) -> bool:
        """The work was written down, and then the worker died or the database was away: nobody was started for it."""
        return not run.handed_over and self._folder.read_end() is None

    def _start_or_say_why(self, run: RunView) -> None:
        """Start; what goes wrong before anything is handed over ends the run before any change, and says so."""
        try:
            self._start(run)
        except (ButaiError, *AWAY):
            raise
        except Exception as error:
            log.exception("making a run ready", run=run.id)
            if self._folder.was_begun:
                raise
            why = error.strerror or str(error) if isinstance(error, OSError) else FAULT
            raise ButaiError(
                text("This run could not be made ready."),
                why=why,
                next=text("Look at the worker's disk and into its log, then run again."),
                code="not-made-ready",
            ) from error

    def _start(self, run: RunView) -> None:
        if run.handed_over:
            self._given_up(run)
            return
        if run.attempts > MAX_ATTEMPTS:
            raise ButaiError(
                text("The worker died {times} times while it prepared this run.", times=MAX_ATTEMPTS),
                next=text("Look into the worker's log and at the machine's memory, then run again."),
                code="worker-dies",
            )
        # What a worker left that died while it prepared.
        shutil.rmtree(self._folder.path, ignore_errors=True)
        self._folder.path.mkdir(parents=True, mode=0o700)
        prepared = self._job.prepare(run, self._folder, self._log)
        work = replace(prepared.work, fence=self._claim.fence)
        if not work.commands:
            # No engine is needed: the job has done it all, whoever asked to stop meanwhile. A death before the last of
            # these two lines does it again.
            self._folder.write_end(EngineEnd(Step.APPLY, 0))
            self._folder.write_work(work)
            return
        self._folder.write_work(work)
        if self._hand_over():
            self._start_supervisor(self._folder, {**prepared.environment, **self._own})
        else:
            self._folder.forget_work()

    def _hand_over(self) -> bool:
        """Say that from now on an engine may run; false when somebody asked to stop before."""
        with self.fenced.session() as session:
            row = session.get_one(store.Run, self._claim.run_id)
            if row.cancel_requested_at is not None:
                return False
            row.handed_over_at, row.folder = self._now(), str(self._folder.path)
            row.worker_id = self._claim.worker_id
        return True

    def _given_up(self, run: RunView) -> None:
        """Another machine had it, which a person said is gone. Whatever may still write there is shut out by the fence."""
        self._log.say(Step.APPLY, text("The machine that had this run is gone: what its engine did was not seen."))
        if self._states.release_of_run(run.environment_id, run.id):
            self._log.say(Step.APPLY, text("The lock that its engine held on the state is released."))

    def _follow(self) -> None:
        """Store what the engine says until nobody can say more. An engine without its supervisor is waited for too."""
        folder = self._folder
        if not folder.was_begun:
            return
        readers = {step: Reader(folder, step, self._log) for step in Step if step in folder.read_work().steps}
        started = time.monotonic()
        while True:
            # The order matters: what was written before they went is read after they were seen gone.
            starting = not folder.engine_was_started and time.monotonic() - started < SUPERVISOR_START_S
            alive = self._anybody_at_work() or starting
            over = folder.read_end() is not None or not alive
            for reader in readers.values():
                reader.read(last=over)
            if over:
                return
            self._pass_on_wishes()
            time.sleep(LOOK_EVERY_S)

    def _pass_on_wishes(self) -> None:
        """A person's wish to stop, from the table to the supervisor; to the engine itself where that one is gone."""
        run, folder = self._view(), self._folder
        if run.cancel_requested and not folder.cancel_asked:
            folder.ask_cancel()
            self._interrupt_orphan()
            self._log.say(Step.APPLY, text("Asked to stop: one interrupt to the engine, then waiting for its state."))
        if run.kill_requested and not folder.kill_asked:
            folder.ask_kill()
            self._interrupt_orphan()
            self._log.say(
                Step.APPLY, text("Asked again: the engine's hard stop. What it was making may stand in no state.")
            )

    def _interrupt_orphan(self) -> None:
        engine = self._folder.living_engine()
        if engine is not None and not self._folder.supervised():
            engine.send_signal(signal.SIGINT)

    def _close(self) -> None:
        """Supervisor and engine are gone and left no word: nobody may start here any more, and what they held is taken."""
        folder, claim = self._folder, self._claim
        lock = FolderLock(folder.lock_path)
        try:
            if not lock.take_soon() or folder.read_end() is not None:
                return
            step = folder.step_reached
            released = self._states.release_of_run(claim.environment_id, claim.run_id)
            saved = take_over_state(self._states, folder, claim.environment_id, claim.run_id, self._check)
            folder.write_end(EngineEnd(step, None, saved, folder.cancel_asked, released))
            if released:
                self._log.say(step, text("The engine is gone and left the state's lock behind: released."))
        finally:
            lock.release()

    def _collect(self) -> None:
        """Where the state lies in the team's bucket: release what a dead engine left locked there, keep a version here."""
        work, end = self._folder.read_work(), self._folder.read_end()
        if not work.remote or end is None:
            return
        self._known = False
        remote = open_remote(work.remote)
        if release_left(remote, end, self._view().started_at):
            self._log.say(end.step, text("The engine is gone and left the state's lock behind: released."))
        keep_copy(self._states, remote, work.environment_id, work.run_id, self._check)
        self._known = True

    def _check(self, session: Session) -> None:
        check(session, self._claim)

    def _end(self, error: ButaiError | None) -> None:
        run, engine_end = self._view(), self._folder.read_end()
        if not self._folder.was_begun and not run.handed_over:
            engine_end = EngineEnd(Step.EXPORT, None, cancelled=run.cancel_requested)
        asked = self._ask(run, engine_end)
        with self.fenced.session() as session:
            row = session.get_one(store.Run, run.id)
            end = judge(run.kind, engine_end, row.counts, asked=asked, told_all=self._told_all(session))
            problem = error or problem_of(session, run, end, engine_end, self._folder)
            row.status, row.end, row.ended_at, row.waiting_for = RunStatus.ENDED, end, self._now(), ""
            row.lost_at, row.error = None, problem.as_stored() if problem else None
            session.flush()
            self._job.ended(session, view(row), end, self._folder)
        log.info("run ended", run=run.id, end=str(end))

    def _ask(self, run: RunView, engine_end: EngineEnd | None) -> bool:
        """Whether state and world were asked what an unfinished run left; not needed where nothing was begun."""
        if engine_end is None or did_its_work(run.kind, engine_end) or self._counts().begun == 0 or not self._known:
            return False
        try:
            return self._job.look(run, self._log)
        except (LostClaimError, *AWAY):
            raise
        except Exception:
            log.exception("looking for what a run left", run=run.id)
            return False

    def _told_all(self, session: Session) -> bool:
        """Whether the engine, whose change is the last of this run's work, has said that all of it is done."""
        commands = self._folder.read_work().commands if self._folder.was_begun else []
        if not commands or commands[-1].argv[1:2] != ["apply"]:
            return False
        said = store.of_kinds(session, self._claim.run_id, ["change_summary"])
        return any(each.action in ("apply", "destroy") for each in said)

    def _counts(self) -> Counts:
        with self.fenced.database.reading() as session:
            return session.get_one(store.Run, self._claim.run_id).counts

    def _view(self) -> RunView:
        with self.fenced.database.reading() as session:
            return view(session.get_one(store.Run, self._claim.run_id))


FAULT = text("Something went wrong inside Butai; the worker's log says what.")
