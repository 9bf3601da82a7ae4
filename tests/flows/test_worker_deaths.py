"""Two workers with a data folder each on one database: what becomes of the runs of the one that is gone or silent."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from butai.assembly import Butai, assemble
from butai.board.model import WorkerState
from butai.board.service import DeclareDead
from butai.environments.model import Kind
from butai.environments.service import CreateRequest, EnvironmentView
from butai.errors import NotFoundError, RefusedError, WrongUseError
from butai.runs import workers
from butai.runs.folder import RunFolder
from butai.runs.model import NextAction, RunEnd, RunStatus
from butai.runs.service import RunView
from butai.runs.store import Run, RunClaim
from butai.runs.store import Worker as Row
from butai.settings import Settings
from butai.terraform.state import summary
from support.carrying import has_begun, wait_for
from support.databases import postgres, team_database_url
from support.postgres import PostgresServer, start
from support.tiny_team import TinyTeam, Worker
from support.variants import again

__all__ = ["postgres", "team_database_url"]

SLOW = "terraform_data.slow"


@dataclass
class Two:
    """Two workers of one Butai. Only the first runs at the beginning."""

    butai: Butai
    first: Worker
    second: Worker
    first_id: str
    second_id: str

    def create(self, **variables: str) -> EnvironmentView:
        return self.butai.environments.create(CreateRequest(name="qa-1", variables=variables), by="mika").environment

    def run(self, run: int) -> RunView:
        return self.butai.runs.get(run)

    def holder(self, environment: int) -> str | None:
        with self.butai.database.reading() as session:
            return session.get_one(RunClaim, environment).worker_id

    def wait(self, what: Callable[[], object], why: str, seconds: float = 30) -> float:
        """Wait for it; how long it took."""
        started = time.monotonic()
        try:
            wait_for(what, seconds=seconds, why=why)
        except AssertionError as error:
            logs = "\n".join(each.log.read_text()[-1500:] for each in (self.first, self.second) if each.log.exists())
            raise AssertionError(f"{error}\n{logs}") from None
        return time.monotonic() - started

    def begin(self, **variables: str) -> tuple[EnvironmentView, RunFolder]:
        """An environment in the midst of its first apply."""
        made = self.create(**variables)
        self.wait(lambda: self.run(made.last_run.id).folder, "it is handed over", 60)
        folder = RunFolder(Path(self.run(made.last_run.id).folder))
        self.wait(lambda: has_begun(folder, SLOW), "the slow one is begun", 60)
        return made, folder

    def moved_to_another_machine(self, worker_id: str) -> None:
        """From here its process cannot be seen any more."""
        with self.butai.database.session() as session:
            session.execute(update(Row).where(Row.id == worker_id).values(machine="another boot/another space"))


def one(root: Path, url: str, name: str) -> tuple[Settings, Worker]:
    settings = Settings(data=root / name, database=url, concurrency=2)
    settings.data.mkdir()
    return settings, Worker(settings, root / f"{name}.log")


@pytest.fixture
def two(tmp_path: Path, team_database_url: str) -> Iterator[Two]:
    yield from _two(tmp_path, team_database_url)


def _two(tmp_path: Path, team_database_url: str) -> Iterator[Two]:
    settings, first = one(tmp_path, team_database_url, "first")
    butai = assemble(settings)
    butai.blueprints.add(str(TinyTeam(tmp_path / "team").infra.path))
    other, second = one(tmp_path, team_database_url, "second")
    shutil.copy2(settings.data / "state.key", other.data / "state.key")
    found = Two(butai, first, second, workers.identity(settings.data), workers.identity(other.data))
    first.start()
    yield found
    for each in (first, second):
        if each.process and each.process.poll() is None:
            each.process.send_signal(signal.SIGCONT)
            each.end()
    butai.database.close()


def test_a_killed_workers_run_with_a_living_engine_goes_on_under_the_other_and_its_end_is_seen(two: Two) -> None:
    made, folder = two.begin(sleep_s="6")
    two.second.start()
    two.wait(lambda: "worker ready" in two.second.log.read_text(), "the second is up")
    two.first.end(signal.SIGKILL)
    took = two.wait(lambda: two.holder(made.id) == two.second_id, "the second takes over")
    assert took < 6
    assert folder.living_engine() is not None, "while its engine goes on"
    two.wait(lambda: two.run(made.last_run.id).finished, "it ends", 40)
    assert two.run(made.last_run.id).end is RunEnd.SUCCEEDED
    assert two.butai.environments.get("qa-1").state.kind is Kind.UP
    events = two.butai.runs.events(made.last_run.id, limit=5000)
    assert [each.seq for each in events] == list(range(1, len(events) + 1))
    applied = [each.detail["add"] for each in events if each.kind == "change_summary" and each.action == "apply"]
    assert applied == [2], "it was applied once, and every line is there once"


def test_a_killed_workers_run_whose_engine_is_dead_too_ends_as_it_did(two: Two) -> None:
    made, folder = two.begin(sleep_s="60")
    two.second.start()
    engine = folder.living_engine()
    assert engine is not None
    supervisor = engine.parent()
    assert supervisor is not None
    two.first.end(signal.SIGKILL)
    supervisor.kill()
    engine.kill()
    two.wait(lambda: two.run(made.last_run.id).finished, "it ends", 40)
    assert two.run(made.last_run.id).end is RunEnd.PARTIALLY_APPLIED, "state and world were asked"
    assert two.butai.states.lock_of(made.id) is None, "the dead engine's lock is gone"
    assert two.butai.environments.get("qa-1").state.next_action is NextAction.RUN_AGAIN
    assert two.holder(made.id) is None


def test_what_a_killed_worker_had_not_handed_over_is_queued_again_and_carried_out_elsewhere(two: Two) -> None:
    two.wait(lambda: "worker ready" in two.first.log.read_text(), "the first is up")
    made = two.create()
    run = made.last_run.id
    assert two.first.process is not None
    two.wait(lambda: two.run(run).status is RunStatus.RUNNING, "it is claimed")
    two.first.process.send_signal(signal.SIGSTOP)
    assert not two.run(run).handed_over, "the machine was too fast: stop it earlier"
    two.first.end(signal.SIGKILL)
    two.second.start()
    two.wait(lambda: two.run(run).finished, "it is done elsewhere", 40)
    shown = two.run(run)
    assert (shown.end, shown.attempts) == (RunEnd.SUCCEEDED, 2)
    assert shown.folder.startswith(str(Path(two.second.log).parent / "second"))


def test_a_silent_worker_elsewhere_makes_its_run_lost_within_30_s_and_coming_back_clears_it(two: Two) -> None:
    made, _ = two.begin(sleep_s="60")
    run = made.last_run.id
    two.second.start()
    assert two.first.process is not None
    # SQLite's one lock would be frozen with a writer; a worker elsewhere, which this one plays, has PostgreSQL.
    time.sleep(3)
    two.first.process.send_signal(signal.SIGSTOP)
    two.moved_to_another_machine(two.first_id)
    took = two.wait(lambda: two.run(run).lost, "it is said to be lost", 60)
    assert took > 10, "a short silence is no death"
    shown = two.butai.environments.get("qa-1")
    assert (shown.state.kind, shown.state.word) == (Kind.DOWN, "Out of sight")
    assert two.holder(made.id) == two.first_id, "nobody may start here meanwhile"
    two.first.process.send_signal(signal.SIGCONT)
    assert two.wait(lambda: not two.run(run).lost, "it is back") < 30
    two.butai.runs.cancel(run)
    two.wait(lambda: two.run(run).finished, "it ends", 40)
    assert two.run(run).end is RunEnd.INTERRUPTED, "and its true end is seen"


@again
def test_a_worker_that_is_killed_and_comes_back_goes_on_with_its_own_run(two: Two) -> None:
    made, _ = two.begin(sleep_s="5")
    two.first.end(signal.SIGKILL)
    two.first.start()
    two.wait(lambda: two.run(made.last_run.id).finished, "it ends", 40)
    assert two.run(made.last_run.id).end is RunEnd.SUCCEEDED
    assert len(summary(two.butai.states.read(made.id) or b"").resources) == 2


def test_a_run_that_kills_its_worker_again_and_again_is_given_up(two: Two) -> None:
    two.wait(lambda: "worker ready" in two.first.log.read_text(), "the first is up")
    made = two.create()
    two.wait(lambda: two.run(made.last_run.id).status is RunStatus.RUNNING, "it is claimed")
    two.first.end(signal.SIGKILL)
    with two.butai.database.session() as session:
        row = session.get_one(Run, made.last_run.id)
        row.attempts, row.handed_over_at = 3, None
        assert row.end is None, "the machine was too fast"
    shutil.rmtree(two.butai.data.run(made.last_run.id), ignore_errors=True)
    two.first.start()
    two.wait(lambda: two.run(made.last_run.id).finished, "it is given up", 40)
    shown = two.run(made.last_run.id)
    assert shown.end is RunEnd.FAILED_BEFORE_CHANGE
    assert shown.error is not None and shown.error["code"] == "worker-dies"


def test_a_machine_that_is_gone_for_good_is_declared_dead_and_what_it_still_does_is_shut_out(
    two: Two, tmp_path: Path
) -> None:
    made, folder = two.begin(sleep_s="12")
    run, board = made.last_run.id, two.butai.board
    with pytest.raises(RefusedError) as alive:
        board.declare_dead(two.first_id, DeclareDead(confirm=two.first_id), by="aya")
    assert alive.value.code == "worker-alive"
    with pytest.raises(WrongUseError):
        board.declare_dead(two.first_id, DeclareDead(confirm="yes"), by="aya")
    with pytest.raises(NotFoundError):
        board.declare_dead("nobody", DeclareDead(confirm="nobody"), by="aya")

    # The worker falls silent on a machine whose files nobody else sees; its supervisor and its engine live on there.
    assert two.first.process is not None
    # SQLite's one lock would be frozen with a writer; a worker elsewhere, which this one plays, has PostgreSQL.
    time.sleep(3)
    two.first.process.send_signal(signal.SIGSTOP)
    two.moved_to_another_machine(two.first_id)
    with two.butai.database.session() as session:
        session.get_one(Run, run).folder = "/not/here/runs/1"
        session.get_one(Row, two.first_id).seen_at -= timedelta(seconds=60)
    before = two.butai.states.versions(made.id)
    lock = two.butai.states.lock_of(made.id)
    assert lock is not None and lock.run_id == run
    two.second.start()
    shown = board.declare_dead(two.first_id, DeclareDead(confirm=two.first_id), by="aya")
    assert (shown.state, shown.declared_dead_by) == (WorkerState.DECLARED_DEAD, "aya")
    two.wait(lambda: two.run(run).finished, "another worker ends it")
    assert (two.run(run).end, two.run(run).next_action) == (RunEnd.LOST, NextAction.CHECK_AND_GO_ON)
    assert two.butai.states.lock_of(made.id) is None and two.holder(made.id) is None
    said = [each.message for each in two.butai.runs.events(run)]
    assert any("machine that had this run is gone" in each for each in said)
    assert any("lock" in each for each in said)

    # Whatever the old machine still does: its state is refused, its worker finds out that it lost the run.
    two.wait(lambda: folder.read_end() is not None, "the old engine ends", 40)
    assert two.butai.states.versions(made.id) == before
    two.first.process.send_signal(signal.SIGCONT)
    two.wait(lambda: "claim lost" in two.first.log.read_text(), "it is told")
    assert [each.message for each in two.butai.runs.events(run)] == said, "it wrote nothing more"
    two.wait(lambda: {each.state for each in board.workers()} == {WorkerState.ALIVE}, "and it works again")
    two.butai.environments.next("qa-1", by="aya")
    two.wait(lambda: two.butai.environments.get("qa-1").settled, "the next action", 60)
    assert two.butai.environments.get("qa-1").state.kind is Kind.UP


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    server = start()
    yield server
    server.stop()


@pytest.fixture
def away(tmp_path: Path, own_server: PostgresServer) -> Iterator[Two]:
    yield from _two(tmp_path, own_server.with_tables())


def test_a_database_that_was_away_counts_for_nobody_and_engines_go_on(away: Two, own_server: PostgresServer) -> None:
    made, folder = away.begin(sleep_s="20")
    away.second.start()
    away.wait(lambda: "worker ready" in away.second.log.read_text(), "the second is up")
    # From the second's side the first is on another machine: only its beats tell that it lives.
    away.moved_to_another_machine(away.first_id)
    time.sleep(4)
    own_server.halt()
    time.sleep(workers.SILENT_AFTER_S + 4)
    assert folder.read_end() is None or folder.supervised(), "the end of a state that is not saved yet is not told"
    own_server.again()
    run = made.last_run.id
    lost = []

    def ended() -> bool:
        shown = away.run(run)
        lost.append(shown.lost)
        return shown.finished

    away.wait(ended, "it ends", 60)
    assert not any(lost), "nobody was thought dead"
    assert away.run(run).end is RunEnd.SUCCEEDED
    assert away.holder(made.id) is None
    assert len(summary(away.butai.states.read(made.id) or b"").resources) == 2
