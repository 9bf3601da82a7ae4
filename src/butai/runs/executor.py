"""The worker's heart: claims runs, carries each out in a thread of its own, and looks after those of workers that died."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from butai.db import AWAY, Database
from butai.db.changes import Changes
from butai.runs import claims, workers
from butai.runs.capacity import Capacity, Fixed, Offer
from butai.runs.carry import Carrier
from butai.runs.chores import Chores
from butai.runs.claims import Claim
from butai.runs.model import READ_ONLY
from butai.runs.queue import Hand, WaitsFor, carries
from butai.runs.store import QUEUE, Run, RunClaim, Worker

# What nobody tells of: a worker that is gone, a machine that has room again.
LOOK_EVERY_S = 0.5
TEND_EVERY_S = 2.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Terms:
    """How this worker works: its id, how many runs at once here (0: as measured) and in all (0: no limit), its labels."""

    worker_id: str
    slots: int
    cap: int
    labels: Mapping[str, str]

    @property
    def hand(self) -> Hand:
        """As the rules of the queue see it."""
        return Hand(self.worker_id, self.labels, self.slots)


class Executor:
    """Runs carried out durably. What a crash left is found again at the next start, here or by another worker."""

    def __init__(
        self,
        database: Database,
        carrier: Carrier,
        terms: Terms,
        now: Callable[[], datetime],
        chores: Sequence[Chores] = (),
        capacity: Capacity | None = None,
    ) -> None:
        self._database, self._carrier, self._terms, self._now = database, carrier, terms, now
        self._chores, self._capacity = chores, capacity or Fixed(terms.slots)
        self._told: tuple[int, WaitsFor] | None = None
        self._going: dict[int, threading.Thread] = {}
        self._wake = threading.Event()  # a run has ended: its slot is free
        self._silence, self._changes = workers.Silence(), Changes(database, QUEUE)
        self._tended_at = self._beaten_at = float("-inf")

    def run_until(self, stop: threading.Event) -> None:
        """Work until told to stop. A database that is away is waited for.

        `stop` is looked at and never waited on: a signal handler that sets it would meet a lock that this thread holds.
        """
        self._trying(self._start, stop)
        while not stop.is_set():
            self._wake.clear()
            self._trying(self._tick, stop)
            self._changes.wait(LOOK_EVERY_S, lambda: stop.is_set() or self._wake.is_set())
        self._trying(self._leave, stop)

    def _trying(self, what: Callable[[], None], stop: threading.Event) -> None:
        while True:
            try:
                return what()
            except AWAY as error:
                log.warning("database away", why=type(error.orig).__name__)
                self._silence.forget()
                if stop.is_set():
                    return None
                time.sleep(1.0)

    def _start(self) -> None:
        """Say that this worker is here. What its last life left is found by the first look round."""
        terms, offer = self._terms, self._offer()
        with self._database.session() as session:
            told = {"slots": terms.slots, "cap": terms.cap}
            workers.register(session, terms.worker_id, **told, labels=terms.labels, now=self._now())
            self._found(session)
            self._tell_room(session, offer)

    def _tick(self) -> None:
        self._beat()
        if self._terms.slots == 0 or len(self._going) < self._terms.slots:
            self._take()
        if time.monotonic() - self._tended_at >= TEND_EVERY_S:
            self._tended_at = time.monotonic()
            self._tend()
            for each in self._chores:
                each.do_when_due()

    def _take(self) -> None:
        with self._database.reading() as session:
            if not claims.any_queued(session):
                return
        offer = self._offer()
        if offer.room.more == 0 and self._told == (len(self._going), offer.room.full):
            return
        with self._database.session() as session:
            hand = self._tell_room(session, offer)
            taken = claims.take(session, hand, cap=self._terms.cap, now=self._now())
        for claim in taken:
            self._carry(claim)

    def _offer(self) -> Offer:
        return self._capacity.offer(list(self._going))

    def _tell_room(self, session: Session, offer: Offer) -> Hand:
        """Let pages know what this worker has room for; itself as the rules of the queue see it."""
        if offer.measured is None:
            return self._terms.hand
        held = claims.count_held(session, self._terms.worker_id)
        slots, full = held + offer.room.more, offer.room.full
        workers.tell_room(session, self._terms.worker_id, slots, offer.measured)
        self._told = slots, full
        return replace(self._terms.hand, slots=slots, full=full)

    def _carry(self, claim: Claim) -> None:
        # A daemon: what it follows is in files, and is found again.
        thread = threading.Thread(target=self._carry_out, args=(claim,), name=f"run-{claim.run_id}", daemon=True)
        self._going[claim.run_id] = thread
        thread.start()

    def _carry_out(self, claim: Claim) -> None:
        try:
            self._carrier.carry(claim)
        except Exception:
            log.exception("a fault; the next look round goes on with it", run=claim.run_id)
        finally:
            if self._going.get(claim.run_id) is threading.current_thread():
                del self._going[claim.run_id]
            self._wake.set()

    def _beat(self) -> None:
        if time.monotonic() - self._beaten_at < workers.BEAT_EVERY_S:
            return
        self._beaten_at = time.monotonic()
        offer = self._offer()
        with self._database.session() as session:
            known = workers.beat(session, self._terms.worker_id, self._now())
            self._found(session)
            self._tell_room(session, offer)
        if not known:
            log.warning("this worker was declared dead and is alive: it starts anew")
            self._start()

    def _found(self, session: Session) -> None:
        """Whoever thought that the runs of this worker were lost: it is here."""
        mine = select(RunClaim.run_id).where(RunClaim.worker_id == self._terms.worker_id)
        session.execute(update(Run).where(Run.id.in_(mine), Run.lost_at.is_not(None)).values(lost_at=None))

    def _tend(self) -> None:
        """Look after runs that nobody carries: those of workers that are gone, and this one's own that lost their thread."""
        # Before the claims are read: one that is given back meanwhile was carried.
        carried = set(self._going)
        with self._database.reading() as session:
            if all(each.run_id in carried for each in claims.held(session)):
                return
        with self._database.session() as session:
            claims.one_at_a_time(session)
            rows = {row.id: row for row in workers.everyone(session)}
            silent = self._silence.after({key: row.beat for key, row in rows.items()}, time.monotonic())
            taken = []
            for claim in claims.held(session):
                if claim.worker_id == self._terms.worker_id:
                    taken += self._own(session, claim) if claim.run_id not in carried else []
                elif claim.worker_id in rows:
                    taken += self._tend_one(session, rows[claim.worker_id], claim, silent[claim.worker_id])
        for claim in taken:
            self._carry(claim)

    def _own(self, session: Session, claim: Claim) -> list[Claim]:
        """A claim of this worker that no thread carries: from its last life, or of a thread that met a fault."""
        log.info("gone on with", run=claim.run_id)
        session.get_one(Run, claim.run_id).attempts += 1
        return [claim]

    def _tend_one(self, session: Session, worker: Worker, claim: Claim, silent_s: float) -> list[Claim]:
        """What becomes of one run of another worker; the claim, if this one takes it over."""
        gone, declared = workers.process_is_gone(worker), worker.declared_dead_at is not None
        if not (gone or declared or silent_s >= workers.SILENT_AFTER_S) or not claims.still_held(session, claim):
            return []
        run = session.get_one(Run, claim.run_id, populate_existing=True)
        known = {"run": run.id, "worker": worker.id}
        if run.end is None and (run.handed_over_at is None or run.kind in READ_ONLY):
            # A plan changes nothing and holds no lock: it may be made again elsewhere while the old one still goes on.
            log.warning("queued again: its worker is gone or silent, and had begun nothing", **known)
            claims.requeue(session, claim)
        elif gone or declared or (run.end is not None and carries(self._terms.labels, run.labels)):
            # Seen dead from here, nobody but a supervisor writes for this run, and that one is followed like one's own.
            # Otherwise whoever may still write is shut out.
            log.warning("taken over: its worker is gone", **known)
            return [claims.hand_to(session, claim, self._terms.worker_id, fence=not gone)]
        elif run.lost_at is None:
            log.warning("lost: its worker is silent", **known)
            run.lost_at = self._now()
        return []

    def _leave(self) -> None:
        with self._database.session() as session:
            session.get_one(Worker, self._terms.worker_id).stopped_at = self._now()
