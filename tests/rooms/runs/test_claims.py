"""One run at a time per environment under one worker, and whoever lost its claim writes nothing more: on both databases."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from butai.db import Database
from butai.runs import claims, workers
from butai.runs.claims import Claim, Fenced, LostClaimError
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, RunKind, RunStatus, Step
from butai.runs.queue import Hand
from butai.runs.service import Runs
from butai.runs.store import Run, RunClaim, Worker
from butai.states.service import States
from support.databases import database, database_url, postgres
from support.rows import NOW, add_environment, add_run

__all__ = ["database", "database_url", "postgres"]

HAND = Hand("one", {}, 5)


def take(database: Database, hand: Hand = HAND, cap: int = 0) -> list[Claim]:
    with database.session() as session:
        return claims.take(session, hand, cap=cap, now=NOW)


def pass_on(database: Database, claim: Claim, worker: str, *, fence: bool) -> Claim:
    with database.session() as session:
        return claims.hand_to(session, claim, worker, fence=fence)


def row_of(database: Database, run: int) -> Run:
    with database.reading() as session:
        return session.get_one(Run, run)


def test_twelve_takers_at_once_never_claim_one_environment_twice_and_keep_every_cap(database: Database) -> None:
    environments = [add_environment(database, f"qa-{number}") for number in range(20)]
    for each in environments:
        for _ in range(2):
            add_run(database, each, blueprint="ivr", at_once=9)
    start = threading.Barrier(12)

    def taker(number: int) -> list[Claim]:
        start.wait()
        return [each for _ in range(4) for each in take(database, Hand(f"w{number}", {}, 2), cap=10)]

    with ThreadPoolExecutor(12) as pool:
        taken = [each for found in pool.map(taker, range(12)) for each in found]
    assert len(taken) == 9, "the blueprint's cap, which is the smaller one, is used to the full"
    assert len({each.environment_id for each in taken}) == 9
    assert len({each.run_id for each in taken}) == 9
    assert max(Counter(each.worker_id for each in taken).values()) <= 2
    with database.reading() as session:
        assert sorted(each.run for each in claims.going(session)) == sorted(each.run_id for each in taken)
        assert len(claims.queued(session)) == 31


def test_takers_and_cancels_at_once_leave_every_run_either_claimed_or_ended(database: Database) -> None:
    environments = [add_environment(database, f"qa-{number}") for number in range(16)]
    runs = [add_run(database, each) for each in environments]
    service, start = Runs(database, lambda: NOW), threading.Barrier(8)

    def act(number: int) -> None:
        start.wait()
        if number % 2:
            for each in runs[number // 2 :: 4]:
                service.cancel(each)
        else:
            for _ in range(6):
                take(database, Hand(f"w{number}", {}, 16))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(8)))
    with database.reading() as session:
        claimed = {each.run for each in claims.going(session)}
    for each in runs:
        run = row_of(database, each)
        if each in claimed:
            assert (run.status, run.end) == (RunStatus.RUNNING, None)
        else:
            assert (run.status, run.end) == (RunStatus.ENDED, RunEnd.CANCELLED_BEFORE_CHANGE)
        assert run.cancel_requested_at is not None


def test_a_run_that_was_cancelled_after_it_was_looked_at_is_not_claimed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = add_run(database, add_environment(database, "qa-1"))
    with database.reading() as session:
        seen = claims.queued(session)
    Runs(database, lambda: NOW).cancel(run)
    monkeypatch.setattr(claims, "queued", lambda _session: seen)
    assert take(database) == []
    assert row_of(database, run).end == RunEnd.CANCELLED_BEFORE_CHANGE


def test_a_claim_counts_its_attempts_and_its_fence_rises(database: Database) -> None:
    environment = add_environment(database, "qa-1")
    run, later = add_run(database, environment), add_run(database, environment, kind=RunKind.DESTROY)
    (first,) = take(database)
    assert (first.run_id, first.fence, take(database)) == (run, 1, [])
    with database.session() as session:
        claims.requeue(session, first)
    (second,) = take(database)
    assert (second.run_id, second.fence, row_of(database, run).attempts) == (run, 3, 2)
    with database.session() as session:
        claims.free(session, first)
        assert session.get_one(RunClaim, environment).run_id == run, "an old holder gives nothing back"
        claims.free(session, second)
    (third,) = take(database)
    assert (third.run_id, third.fence) == (later, 4)


def test_an_old_writer_is_refused_whatever_it_writes(database: Database, tmp_path: Path) -> None:
    environment = add_environment(database, "qa-1")
    run = add_run(database, environment)
    (old,) = take(database)
    states = States(database, tmp_path / "state.key", lambda: NOW)
    log = RunLog(Fenced(database, old), run, lambda: NOW)
    log.say(Step.PLAN, "still mine")
    new = pass_on(database, old, "two", fence=True)

    with pytest.raises(LostClaimError) as caught:
        log.say(Step.PLAN, "not mine any more")
    assert caught.value.next
    document = b'{"version": 4, "serial": 1, "lineage": "x", "resources": []}'
    with pytest.raises(LostClaimError):
        states.write(
            environment, run, document, lock_id="", guard=lambda session: claims.check(session, old, worker=False)
        )
    with pytest.raises(LostClaimError), Fenced(database, old).session() as session:
        session.get_one(Run, run).end = RunEnd.SUCCEEDED
    assert states.read(environment) is None
    assert row_of(database, run).end is None
    assert [each.message for each in Runs(database, lambda: NOW).events(run)] == ["still mine"]
    RunLog(Fenced(database, new), run, lambda: NOW).say(Step.PLAN, "mine now")


def test_a_claim_that_passes_on_without_a_fence_shuts_out_the_worker_and_not_its_supervisor(database: Database) -> None:
    add_run(database, add_environment(database, "qa-1"))
    (old,) = take(database)
    new = pass_on(database, old, "two", fence=False)
    with database.session() as session:
        claims.check(session, new)
        claims.check(session, old, worker=False)
    with pytest.raises(LostClaimError), Fenced(database, old).session():
        pass


def test_who_passes_a_claim_on_waits_for_a_write_under_it_and_then_sees_it(database: Database) -> None:
    run = add_run(database, add_environment(database, "qa-1"))
    (claim,) = take(database)
    writing, seen = threading.Event(), []

    def look() -> None:
        writing.wait(5)
        with database.session() as session:
            assert claims.still_held(session, claim)
            seen.append(session.get_one(Run, run, populate_existing=True).handed_over_at)

    thread = threading.Thread(target=look)
    thread.start()
    with Fenced(database, claim).session() as session:
        writing.set()
        thread.join(0.3)
        assert thread.is_alive(), "it waits"
        session.get_one(Run, run).handed_over_at = NOW
    thread.join(10)
    assert seen == [NOW]
    with database.session() as session:
        assert not claims.still_held(session, Claim(run, claim.environment_id, "one", claim.fence + 1))


def test_who_is_alive_is_who_was_heard_of_lately_and_did_not_stop(database: Database) -> None:
    with database.session() as session:
        for name in ("alive", "silent", "stopped"):
            workers.register(session, name, slots=2, labels={"account": "dev"}, now=NOW)
        session.get_one(Worker, "stopped").stopped_at = NOW
        session.get_one(Worker, "silent").seen_at = NOW - timedelta(seconds=30)
    with database.session() as session:
        assert workers.living(session, NOW) == [Hand("alive", {"account": "dev"}, 2)]
        assert len(workers.everyone(session)) == 3
        assert workers.beat(session, "silent", NOW)
        assert len(workers.living(session, NOW)) == 2
        session.get_one(Worker, "silent").declared_dead_at = NOW
        assert not workers.beat(session, "silent", NOW)
