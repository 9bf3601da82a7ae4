"""A fault inside Butai while a run is carried out: tried again a few times, then the run ends and lets others pass."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from butai.environments.jobs import EnvironmentJob
from butai.environments.model import Kind
from butai.environments.service import CreateRequest, UpdateRequest
from butai.environments.views import ServiceChoice
from butai.runs import faults
from butai.runs.carry import Carrier
from butai.runs.executor import Executor, Terms
from butai.runs.folder import RunFolder
from butai.runs.log import RunLog
from butai.runs.model import NextAction, RunEnd, RunKind
from butai.runs.service import RunView
from butai.runs.store import Run, RunClaim
from support.carrying import QUICK, RootJob, Stage, environment, now, there, wait_for
from support.here import butai_with, carry
from support.rows import add_run
from support.tiny_team import TOKEN, TinyTeam
from support.variants import again

__all__ = ["environment", "there"]

A_FAULT = ValueError("a secret value")
TRIES = len(faults.PAUSES_S) + 1
WRONG = QUICK + (
    'resource "terraform_data" "wrong" {\n  depends_on = [terraform_data.one]\n'
    '  provisioner "local-exec" {\n    command = "exit 3"\n  }\n}\n'
)


@dataclass
class Faulty(RootJob):
    """Takes note of no end the first times, or of none of these runs."""

    times: int = 10**6
    runs: tuple[int, ...] = ()
    fault: Exception = A_FAULT
    tried: int = 0

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:
        if run.id in self.runs or not self.runs:
            self.tried += 1
            if self.tried <= self.times:
                raise self.fault
        super().ended(session, run, end, folder)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "PAUSES_S", (0.1, 0.2, 0.3))


@contextmanager
def worker(there: Stage, job: RootJob) -> Iterator[None]:
    """A real worker's executor, which carries everything out with this job."""
    carrier = Carrier(there.database, there.data, there.states, dict.fromkeys(RunKind, job), now)
    stop = threading.Event()
    one = Executor(there.database, carrier, Terms("one", 2, 0, {}), now)
    thread = threading.Thread(target=one.run_until, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def fails(*_: object) -> None:
    raise KeyError("outputs")


def row(there: Stage, run: int) -> Run:
    with there.database.reading() as session:
        return session.get_one(Run, run)


def test_an_end_that_nobody_can_take_note_of_frees_the_environment(there: Stage, environment: int) -> None:
    first, second = (add_run(there.database, environment, kind=RunKind.UPDATE) for _ in range(2))
    job = Faulty(QUICK, runs=(first,))
    with worker(there, job):
        wait_for(lambda: there.runs.get(second).finished, seconds=60)
    shown = there.runs.get(first)
    assert (shown.end, shown.next_action) == (RunEnd.NOT_FOLLOWED_UP, NextAction.RUN_AGAIN)
    assert shown.error is not None and shown.error["code"] == "not-followed-up"
    assert "ValueError" in shown.error["why"] and "secret" not in str(shown.error) and shown.error["next"]
    assert (job.tried, row(there, first).faults) == (TRIES, TRIES)
    assert there.runs.get(second).end is RunEnd.SUCCEEDED and job.ends == [RunEnd.SUCCEEDED]
    with there.database.reading() as session:
        assert session.get_one(RunClaim, environment).run_id is None


def test_a_fault_that_passes_costs_nothing(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)
    job = Faulty(QUICK, times=2)
    with worker(there, job):
        wait_for(lambda: there.runs.get(run).finished, seconds=60)
    shown = there.runs.get(run)
    assert (shown.end, shown.error, job.tried) == (RunEnd.SUCCEEDED, None, 3)
    assert job.ends == [RunEnd.SUCCEEDED], "taken note of once"


@again
def test_what_the_engine_did_badly_stays_what_it_was(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)
    assert there.carrier(Faulty(WRONG)).engine_part(run) is RunEnd.PARTIALLY_APPLIED
    shown = there.runs.get(run)
    assert shown.finished and shown.error is not None and shown.error["code"] == "not-followed-up"


def test_a_database_that_is_away_is_no_fault(there: Stage, environment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("butai.runs.carry.AWAY_LOOK_S", 0.1)
    run = add_run(there.database, environment)
    away = OperationalError("SELECT 1", {}, OSError("away"))
    job = Faulty(QUICK, times=TRIES + 2, fault=away)
    assert there.carrier(job).engine_part(run) is RunEnd.SUCCEEDED
    assert (job.tried, row(there, run).faults) == (TRIES + 3, 0)


def test_what_follows_the_end_and_cannot_even_be_given_up(there: Stage, environment: int) -> None:
    class Worse(RootJob):
        def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
            raise ValueError

        def gave_up(self, run: RunView, reason: str, log: RunLog) -> None:
            raise ValueError

    run = add_run(there.database, environment)
    assert there.carrier(Worse(QUICK)).engine_part(run) is RunEnd.NOT_FOLLOWED_UP
    assert there.runs.get(run).finished and there.runs.get(run).error is not None


@again
def test_a_worker_killed_between_two_tries_forgets_none(there: Stage, environment: int, tmp_path: Path) -> None:
    run = add_run(there.database, environment)
    code = (
        "import sys; from pathlib import Path; from butai.db import Database; from butai.tables import load_tables;"
        "from butai.runs import faults; from support.carrying import QUICK, stage; from flows.test_faults import Faulty;"
        "load_tables(); faults.PAUSES_S = (0.1, 600.0); folder = Path(sys.argv[1]);"
        "there = stage(folder, Database('sqlite:///' + str(folder / 'butai.db')));"
        "there.carrier(Faulty(QUICK)).engine_part(int(sys.argv[2]))"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(run)], env=env)
    try:
        wait_for(lambda: row(there, run).faults == 2, seconds=60)
    finally:
        process.kill()
        process.wait()
    assert there.runs.get(run).end is None and there.runs.get(run).waiting_for
    job = Faulty(QUICK)
    with there.database.session() as session:
        session.get_one(RunClaim, environment).worker_id = "test-worker"
    assert there.carrier(job).engine_part(run) is RunEnd.NOT_FOLLOWED_UP
    assert (job.tried, row(there, run).faults) == (TRIES - 2, TRIES)


def test_its_environment_needs_a_look_and_goes_on_from_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUTAI_SECRET_TINY_TOKEN", TOKEN)
    team = TinyTeam(tmp_path / "team")
    butai = butai_with(tmp_path, team)
    made = butai.environments.create(CreateRequest(name="qa-1"), by="mika")
    assert carry(butai, made.run).state.kind is Kind.UP
    with monkeypatch.context() as broken:
        broken.setattr(EnvironmentJob, "ended", fails)
        wish = UpdateRequest(services={"web": ServiceChoice(branch="blue")})
        shown = carry(butai, butai.environments.update("qa-1", wish, by="mika").run)
    assert (shown.state.kind, shown.state.word) == (Kind.DOWN, "Not followed up")
    assert "could not take note" in shown.state.reason and shown.services[0].branch == "main"
    plain = butai.environments.update("qa-1", UpdateRequest(), by="ken").run
    assert plain.params["services"]["web"]["branch"] == "blue", "what the engine was given is what there is"
    butai.runs.cancel(plain.id)
    stopped = butai.environments.get("qa-1").state
    assert stopped.kind is Kind.WARN and "could not take note" in stopped.reason, "nobody takes it for what it was"
    again = carry(butai, butai.environments.next("qa-1", by="mika").run)
    assert (again.state.kind, again.services[0].branch) == (Kind.UP, "blue")
    butai.database.close()
