"""What a worker does with runs that nobody carries, its own and others', on both databases; carrying itself is stood in for."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from butai.db import Database
from butai.runs import claims, executor, workers
from butai.runs.capacity import Offer
from butai.runs.carry import Carrier
from butai.runs.claims import Claim
from butai.runs.executor import Executor, Terms
from butai.runs.model import RunEnd, RunStatus
from butai.runs.queue import Hand, WaitsFor
from butai.runs.room import Room
from butai.runs.store import Run, RunClaim, Worker
from support.carrying import wait_for
from support.databases import database, database_url, postgres
from support.rows import NOW, add_environment, add_run

__all__ = ["database", "database_url", "postgres"]


class Carried:
    """Instead of a carrier: takes note of claims, and holds each until it is let go (or fails at once)."""

    def __init__(self, *, faults: int = 0) -> None:
        self.claims: list[Claim] = []
        self.let_go = threading.Event()
        self._faults = faults

    def carry(self, claim: Claim) -> None:
        self.claims.append(claim)
        if len(self.claims) <= self._faults:
            raise RuntimeError("a fault of the job's own")
        self.let_go.wait(30)


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "TEND_EVERY_S", 0.1)
    monkeypatch.setattr(workers, "BEAT_EVERY_S", 0.1)
    monkeypatch.setattr(workers, "SILENT_AFTER_S", 1.0)


@contextmanager
def working(database: Database, carried: Carried, **more: Any) -> Iterator[None]:
    """The worker `me` works while the block runs."""
    stop = threading.Event()
    terms = Terms("me", more.get("slots", 3), 0, more.get("labels", {}))
    one = Executor(database, cast(Carrier, carried), terms, clock, capacity=more.get("capacity"))
    thread = threading.Thread(target=one.run_until, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
        # Not before: what is carried would end while its claim stands, and the worker would go on with it.
        carried.let_go.set()
        assert not thread.is_alive()


def held_by_another(
    database: Database, *, elsewhere: bool = True, labels: dict[str, str] | None = None, **run: Any
) -> int:
    """A run that the worker `other` has claimed, and is silent since; `elsewhere`: on a machine that cannot be seen."""
    number = add_run(database, add_environment(database, "qa-1"), labels=labels or {})
    with database.session() as session:
        workers.register(session, "other", slots=1, labels=labels or {}, now=NOW)
        claims.take(session, Hand("other", labels or {}, 1), cap=0, now=NOW)
        row = session.get_one(Worker, "other")
        row.machine, row.pid_started = ("elsewhere" if elsewhere else row.machine), 1.0
        for name, value in run.items():
            setattr(session.get_one(Run, number), name, value)
    return number


def claim_of(database: Database, run: int) -> tuple[str | None, int]:
    with database.reading() as session:
        row = session.get_one(RunClaim, session.get_one(Run, run).environment_id)
        return row.worker_id, row.fence


def row_of(database: Database, run: int) -> Run:
    with database.reading() as session:
        return session.get_one(Run, run)


def declare(database: Database) -> None:
    with database.session() as session:
        session.get_one(Worker, "other").declared_dead_at = NOW


def test_the_engines_run_of_a_worker_that_is_seen_dead_passes_on_without_a_fence(database: Database) -> None:
    run = held_by_another(database, elsewhere=False, handed_over_at=NOW)
    carried = Carried()
    with working(database, carried):
        wait_for(lambda: carried.claims, seconds=10)
        assert claim_of(database, run) == ("me", 1), "its supervisor may go on under the number it has"
    assert [each.run_id for each in carried.claims] == [run]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_was_not_begun_is_queued_again_and_taken_by_who_may(database: Database, elsewhere: bool) -> None:
    run = held_by_another(database, elsewhere=elsewhere, labels={"account": "prod"})
    carried = Carried()
    with working(database, carried):
        wait_for(lambda: row_of(database, run).status == RunStatus.QUEUED, seconds=10)
        time.sleep(0.5)
        assert carried.claims == [], "not by a worker without its labels"
    with working(database, able := Carried(), labels={"account": "prod"}):
        wait_for(lambda: able.claims, seconds=10)
        assert (claim_of(database, run), row_of(database, run).attempts) == (("me", 3), 2)


def test_a_silent_workers_run_elsewhere_is_lost_and_its_environment_stays_taken(database: Database) -> None:
    run = held_by_another(database, handed_over_at=NOW)
    carried = Carried()
    with working(database, carried):
        wait_for(lambda: row_of(database, run).lost_at, seconds=10)
        time.sleep(0.5)
        assert (claim_of(database, run), carried.claims) == (("other", 1), [])
        declare(database)
        wait_for(lambda: carried.claims, seconds=10)
        assert claim_of(database, run) == ("me", 2), "behind a fence"


def test_what_ended_on_a_silent_worker_is_seen_through_elsewhere(database: Database) -> None:
    ended: dict[str, Any] = {"status": RunStatus.ENDED, "end": RunEnd.SUCCEEDED, "handed_over_at": NOW}
    run = held_by_another(database, **ended)
    carried = Carried()
    with working(database, carried):
        wait_for(lambda: carried.claims, seconds=10)
        assert claim_of(database, run) == ("me", 2)
    assert row_of(database, run).lost_at is None


def test_who_beats_keeps_its_run(database: Database) -> None:
    run = held_by_another(database, handed_over_at=NOW)
    carried = Carried()
    with working(database, carried):
        for _ in range(25):
            with database.session() as session:
                workers.beat(session, "other", NOW)
            time.sleep(0.1)
        assert (claim_of(database, run), row_of(database, run).lost_at, carried.claims) == (("other", 1), None, [])


def test_a_run_whose_thread_met_a_fault_is_gone_on_with(database: Database) -> None:
    run = add_run(database, add_environment(database, "qa-1"))
    carried = Carried(faults=2)
    with working(database, carried):
        wait_for(lambda: len(carried.claims) == 3, seconds=10)
        assert (claim_of(database, run)[0], row_of(database, run).attempts) == ("me", 3)
        time.sleep(0.5)
        assert len(carried.claims) == 3, "one thread at a time"


def test_a_worker_goes_on_with_what_its_last_life_left_and_nobody_thinks_it_lost(database: Database) -> None:
    run = add_run(database, add_environment(database, "qa-1"))
    with working(database, first := Carried()):
        wait_for(lambda: first.claims, seconds=10)
    with database.session() as session:
        session.get_one(Run, run).lost_at = NOW
        assert session.get_one(Worker, "me").stopped_at is not None
    with working(database, again := Carried()):
        wait_for(lambda: again.claims, seconds=10)
        assert again.claims == first.claims
        assert row_of(database, run).lost_at is None
        with database.reading() as session:
            assert session.get_one(Worker, "me").stopped_at is None


def test_a_living_worker_that_was_declared_dead_says_that_it_is_there(database: Database) -> None:
    with working(database, Carried()):
        wait_for(lambda: _me(database), seconds=10)
        with database.session() as session:
            session.get_one(Worker, "me").declared_dead_at = NOW
        wait_for(lambda: (found := _me(database)) and found.declared_dead_at is None, seconds=10)


class Roomy:
    """A capacity whose room the test says."""

    def __init__(self, more: int, full: WaitsFor) -> None:
        self.room = Room(more, full)

    def offer(self, going: Collection[int]) -> Offer:
        return Offer(self.room, {"cores": 2, "working": len(going), "free_mib": 700, "full": str(self.room.full)})


def test_as_many_start_as_there_is_room_for_and_the_workers_row_says_what_is_in_the_way(database: Database) -> None:
    runs = [add_run(database, add_environment(database, f"qa-{number}")) for number in range(3)]
    capacity = Roomy(0, WaitsFor.MEMORY)
    with working(database, carried := Carried(), slots=0, capacity=capacity):
        wait_for(lambda: _me(database), seconds=10)
        time.sleep(0.5)
        assert (carried.claims, _told(database)) == ([], (0, WaitsFor.MEMORY))
        capacity.room = Room(1, WaitsFor.CORES)
        wait_for(lambda: len(carried.claims) == 3, seconds=10)
        capacity.room = Room(0, WaitsFor.CORES)
        wait_for(lambda: _told(database) == (3, WaitsFor.CORES), seconds=10)
    assert [each.run_id for each in carried.claims] == runs
    with working(database, Carried(), slots=2):
        wait_for(lambda: _told(database) == (2, WaitsFor.SLOT), seconds=10, why="a number that is set, from then on")


def _told(database: Database) -> tuple[int, WaitsFor]:
    with database.reading() as session:
        hand = workers.hand_of(session.get_one(Worker, "me"))
    return hand.slots, hand.full


def _me(database: Database) -> Worker | None:
    with database.reading() as session:
        return session.get(Worker, "me")
