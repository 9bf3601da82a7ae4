"""Checks that nobody asked for: due ones are queued once, whoever looks, and never beside other work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import cast

import pytest

from butai.assembly import Butai, assemble
from butai.environments.drift_schedule import DriftSchedule
from butai.runs import workers
from butai.runs.carry import Carrier
from butai.runs.claims import Claim
from butai.runs.executor import Executor, Terms
from butai.runs.model import RunEnd, RunKind, RunStatus
from butai.runs.queue import Priority
from butai.runs.store import Worker
from butai.settings import Settings
from support.carrying import now, wait_for
from support.postgres import PostgresServer, postgres
from support.rows import WORKER, add_environment, add_run, claim_run
from support.threads import in_background
from support.tiny_team import YAML, TinyTeam
from support.tiny_team import Worker as ProcessOfWorker
from support.variants import SQLITE_FIRST

__all__ = ["postgres"]

LONG_AGO = now() - timedelta(days=3)


@pytest.fixture(params=SQLITE_FIRST)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "sqlite":
        return Settings(data=tmp_path / "data")
    server: PostgresServer = request.getfixturevalue("postgres")
    return Settings(data=tmp_path / "data", database=server.with_tables())


@pytest.fixture
def team(tmp_path: Path) -> TinyTeam:
    return TinyTeam(tmp_path / "team")


@pytest.fixture
def butai(settings: Settings, team: TinyTeam) -> Iterator[Butai]:
    butai = assemble(settings)
    butai.blueprints.add(str(team.infra.path))
    with_workers(butai, 1)
    yield butai
    butai.database.close()


def with_workers(butai: Butai, count: int) -> None:
    with butai.database.session() as session:
        for number in range(count):
            workers.register(session, f"worker-{number}", slots=4, labels={}, now=now())


def add(butai: Butai, name: str, *, at: datetime = LONG_AGO, **more: object) -> int:
    """An environment as a run of long ago left it."""
    commit = butai.blueprints.get("tiny").commit
    web = {"web": {"branch": "main", "commit": "0" * 40, "image": "web:0", "default_branch": "main"}}
    wish = {"commit": commit, "services": web, "variables": {}}
    made = add_environment(butai.database, name, blueprint="tiny", **wish)
    ended = {"status": RunStatus.ENDED, "end": RunEnd.SUCCEEDED, "ended_at": at, "settled_at": at}
    add_run(butai.database, made, **{**ended, "params": {"ref": "main", **wish}, **more})
    return made


def checks(butai: Butai, environment: int) -> list[Priority]:
    runs = butai.runs.of_environment(environment)
    return [each.priority for each in runs if each.kind is RunKind.DRIFT_CHECK]


def look(butai: Butai, every: str = "24h") -> None:
    DriftSchedule(butai.database, butai.environments, butai.blueprints, butai.runs, every, now).submit_due()


def test_two_workers_that_look_at_once_queue_one_check(butai: Butai, settings: Settings) -> None:
    with_workers(butai, 9)
    made = [add(butai, f"qa-{number}") for number in range(4)]
    others = [assemble(settings) for _ in range(3)]
    barrier = Barrier(4)

    def one(each: Butai) -> None:
        barrier.wait(10)
        look(each)

    with ThreadPoolExecutor() as pool:
        list(pool.map(one, [butai, *others]))
    assert [checks(butai, each) for each in made] == [[Priority.DRIFT_CHECK]] * 4
    look(butai)
    assert [len(checks(butai, each)) for each in made] == [1] * 4, "one that waits is enough"
    for each in others:
        each.database.close()


def test_never_more_at_once_than_workers(butai: Butai) -> None:
    made = [add(butai, f"qa-{number}") for number in range(20)]
    look(butai)
    look(butai)
    assert sum(len(checks(butai, each)) for each in made) == 1
    with_workers(butai, 3)
    look(butai)
    assert sum(len(checks(butai, each)) for each in made) == 3


def test_what_is_busy_gone_new_or_not_wanted_is_left_alone(butai: Butai, team: TinyTeam) -> None:
    with_workers(butai, 9)
    busy = add(butai, "busy")
    add_run(butai.database, busy, kind=RunKind.UPDATE)
    gone = add(butai, "gone", kind=RunKind.DESTROY)
    failed = add(butai, "failed", end=RunEnd.FAILED_BEFORE_CHANGE)
    new = add(butai, "new", at=now() - timedelta(hours=1))
    due = add(butai, "due")
    look(butai, "off")
    assert not checks(butai, due)
    look(butai)
    assert [bool(checks(butai, each)) for each in (busy, gone, failed, new, due)] == [False, False, False, False, True]


def test_the_blueprint_says_how_often_and_where(butai: Butai, team: TinyTeam) -> None:
    with_workers(butai, 9)
    made = add(butai, "qa-1", at=now() - timedelta(hours=2))
    look(butai)
    assert not checks(butai, made)
    team.infra.commit({"staging/butai.yaml": YAML + "drift: {every: 1h}\nruns: {labels: {account: dev}}\n"}, "Oftener")
    butai.blueprints.refresh("tiny")
    look(butai)
    assert not checks(butai, made), "no worker carries the label"
    with butai.database.session() as session:
        workers.register(session, "able", slots=1, labels={"account": "dev"}, now=now())
    look(butai)
    assert checks(butai, made) == [Priority.DRIFT_CHECK]


def test_a_scheduled_check_plans_what_the_environment_has(butai: Butai) -> None:
    made = add(butai, "qa-1")
    look(butai)
    run = butai.runs.of_environment(made)[0]
    assert (run.requested_by, run.params["commit"]) == ("schedule", butai.blueprints.get("tiny").commit)
    assert run.params["values"]["web_image"] == "web:0"


class Taken:
    """A carrier that only says what it was given."""

    def __init__(self) -> None:
        self.runs: list[int] = []

    def carry(self, claim: Claim) -> None:
        self.runs.append(claim.run_id)


@pytest.mark.parametrize("kind", [RunKind.DRIFT_CHECK, RunKind.UPDATE])
def test_a_check_of_a_worker_that_is_out_of_sight_stands_in_nobodys_way(
    butai: Butai, kind: RunKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add(butai, "qa-1")
    run = add_run(butai.database, made, kind=kind, folder="/elsewhere/runs/1", handed_over_at=now())
    claim_run(butai.database, run)
    with butai.database.session() as session:
        workers.register(session, WORKER, slots=1, labels={}, now=now())
        session.get_one(Worker, WORKER).machine = "another"
    monkeypatch.setattr(workers, "SILENT_AFTER_S", 1.0)
    taken, stop = Taken(), threading.Event()
    executor = Executor(butai.database, cast(Carrier, taken), Terms("me", 1, 0, {}), now)
    with in_background(lambda: executor.run_until(stop)):
        wait_for(lambda: taken.runs or butai.runs.get(run).lost, seconds=20)
        stop.set()
    assert (taken.runs, butai.runs.get(run).lost) == (([run], False) if kind is RunKind.DRIFT_CHECK else ([], True))


def test_a_worker_looks_by_itself(butai: Butai, settings: Settings, tmp_path: Path) -> None:
    made = add(butai, "qa-1")
    worker = ProcessOfWorker(settings, tmp_path / "worker.log")
    worker.start()
    try:
        wait_for(lambda: checks(butai, made), seconds=40, why=worker.log.read_text()[-2000:])
        run = butai.runs.of_environment(made)[0].id
        wait_for(lambda: butai.runs.get(run).finished, seconds=40, why=worker.log.read_text()[-2000:])
    finally:
        worker.end()
    drift = butai.environments.get("qa-1").drift
    assert drift is not None and drift.run == run
    # Rows alone stand for this environment: everything that the code says is missing.
    assert {each.action for each in drift.items} == {"create", "update"}
