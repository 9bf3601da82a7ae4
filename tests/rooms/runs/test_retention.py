"""What retention removes, and what it never does: on both databases."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from butai.datafolder import DataFolder
from butai.db import Database
from butai.runs import workers
from butai.runs.chores import Chores
from butai.runs.folder import RunFolder, Work
from butai.runs.model import RunEnd, RunStatus
from butai.runs.service import Runs
from butai.runs.store import Run, RunEvent, Worker
from butai.runs.tidy import Retention, Tidy
from support.carrying import wait_for
from support.databases import database, database_url, postgres
from support.rows import NOW, add_environment, add_run

__all__ = ["database", "database_url", "postgres"]


def ended_run(database: Database, environment: int, days_ago: int) -> int:
    at = NOW - timedelta(days=days_ago)
    ended = {"status": RunStatus.ENDED, "end": RunEnd.SUCCEEDED, "ended_at": at, "settled_at": at}
    run = add_run(database, environment, **ended, planned=2, done=2)
    write_log(database, run)
    return run


def write_log(database: Database, run: int) -> None:
    lines = [("note", "", "began"), ("started", "create", "a"), ("done", "create", "a"), ("log", "", "talk")]
    with database.session() as session:
        for seq, (kind, action, message) in enumerate(lines, start=1):
            event = RunEvent(run_id=run, seq=seq, source="worker", line=seq, at=NOW, step="apply", kind=kind)
            event.action, event.message, event.address, event.detail = action, message, "", {}
            session.add(event)


def folder_of(data: DataFolder, run: int) -> RunFolder:
    folder = RunFolder(data.run(run))
    folder.tree.mkdir(parents=True)
    (folder.tree / "main.tf").write_text("")
    folder.write_work(Work(run, 1, str(folder.tree), []))
    (folder.path / "apply.jsonl").write_text("{}")
    return folder


def tidy(database: Database, data: DataFolder, events_days: int = 90, folders_days: int = 7) -> None:
    Tidy(database, data, Retention(events_days, folders_days), lambda: NOW).once()


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "worker")


def messages(database: Database, run: int) -> list[str]:
    return [each.message for each in Runs(database, lambda: NOW).events(run)]


def test_logs_of_long_ago_go_and_say_so_and_the_runs_stay_with_their_figures(
    database: Database, data: DataFolder
) -> None:
    environment = add_environment(database, "qa-1")
    old, young, going = ended_run(database, environment, 91), ended_run(database, environment, 89), None
    going = add_run(database, environment)
    write_log(database, going)
    tidy(database, data)
    shown = Runs(database, lambda: NOW).get(old)
    assert (shown.log_removed_at, shown.done, shown.end) == (NOW, 2, RunEnd.SUCCEEDED)
    assert messages(database, old) == ["a", "a"], "what was made is accounted for at its destroy"
    assert len(messages(database, young)) == len(messages(database, going)) == 4
    assert Runs(database, lambda: NOW).get(young).log_removed_at is None


def test_zero_days_keep_logs_for_ever(database: Database, data: DataFolder) -> None:
    run = ended_run(database, add_environment(database, "qa-1"), 4000)
    tidy(database, data, events_days=0)
    assert len(messages(database, run)) == 4


def test_four_workers_at_once_remove_everything_once(database: Database, tmp_path: Path) -> None:
    environment = add_environment(database, "qa-1")
    runs = [ended_run(database, environment, 100) for _ in range(120)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: tidy(database, DataFolder(tmp_path / str(number))), range(4)))
    with database.reading() as session:
        assert all(session.get_one(Run, run).log_removed_at == NOW for run in runs)
        assert session.query(RunEvent).count() == 240


def test_a_worker_tidies_its_own_folders_by_age(database: Database, data: DataFolder) -> None:
    environment = add_environment(database, "qa-1")
    fresh, week, old = (folder_of(data, ended_run(database, environment, days)) for days in (1, 8, 100))
    running = folder_of(data, add_run(database, environment, status=RunStatus.RUNNING))
    unknown = folder_of(data, 999)
    (data.run(0).parent / "note.txt").write_text("not a run's")
    tidy(database, data)
    assert fresh.tree.exists() and running.tree.exists() and unknown.tree.exists()
    assert not week.tree.exists() and (week.path / "apply.jsonl").exists()
    assert not old.path.exists(), "with its log"
    assert (data.run(0).parent / "note.txt").exists()


@pytest.mark.parametrize("where", ["", "tree/staging"])
def test_a_state_that_was_not_saved_is_never_removed(database: Database, data: DataFolder, where: str) -> None:
    folder = folder_of(data, ended_run(database, add_environment(database, "qa-1"), 4000))
    place = folder.path / where
    place.mkdir(exist_ok=True)
    (place / "errored.tfstate").write_text("{}")
    tidy(database, data)
    assert (place / "errored.tfstate").exists() and folder.tree.exists()


def test_workers_of_long_ago_are_forgotten_unless_they_hold_a_run(database: Database, data: DataFolder) -> None:
    with database.session() as session:
        for name in ("old", "young"):
            workers.register(session, name, slots=1, labels={}, now=NOW)
        session.get_one(Worker, "old").seen_at = NOW - timedelta(days=100)
    tidy(database, data)
    with database.reading() as session:
        assert [each.id for each in workers.everyone(session)] == ["young"]


def test_prepared_folders_that_nobody_used_go(database: Database, data: DataFolder) -> None:
    for name in ("old", "young"):
        (data.prepared / name).mkdir()
        (data.prepared / name / "used").touch()
    eight_days_ago = time.time() - 8 * 24 * 3600
    os.utime(data.prepared / "old" / "used", (eight_days_ago, eight_days_ago))
    tidy(database, data)
    assert [each.name for each in data.prepared.iterdir()] == ["young"]


def test_a_worker_tidies_by_its_timer_again_and_again_whatever_one_round_met(
    database: Database, data: DataFolder
) -> None:
    environment = add_environment(database, "qa-1")
    rounds: list[int] = []

    class Counted(Tidy):
        def once(self) -> None:
            rounds.append(len(rounds))
            if len(rounds) == 1:
                raise RuntimeError("the first round meets a fault")
            super().once()

    stop = Counted(database, data, Retention(90, 7), lambda: NOW).in_background(0.05, 0.05)
    first = folder_of(data, ended_run(database, environment, 8))
    wait_for(lambda: not first.tree.exists(), why="a later round does what the first did not")
    second = folder_of(data, ended_run(database, environment, 9))
    wait_for(lambda: not second.tree.exists(), why="and so does the next one")
    stop.set()
    time.sleep(0.2)
    done = len(rounds)
    time.sleep(0.3)
    assert len(rounds) == done, "until it is told to stop"


def test_a_workers_chores_are_done_in_rounds_and_one_that_fails_keeps_no_other_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    going, go_on = threading.Event(), threading.Event()

    def fails() -> None:
        done.append("fails")
        raise RuntimeError("a fault of its own")

    def waits() -> None:
        done.append("waits")
        going.set()
        go_on.wait(10)

    monkeypatch.setattr("butai.runs.chores.FIRST_AFTER_S", 0.0)
    chores = Chores([fails, waits], every_s=0.0)
    chores.do_when_due()
    assert going.wait(10)
    chores.do_when_due()
    assert done == ["fails", "waits"], "one round at a time, and nobody waits for it"
    go_on.set()

    def both_again() -> bool:
        chores.do_when_due()
        return len(done) >= 4

    wait_for(both_again, why="a second round when the first is over")
    monkeypatch.undo()
    late: list[str] = []
    Chores([lambda: late.append("done")]).do_when_due()
    time.sleep(0.2)
    assert late == [], "a worker that has just started has its own runs to find first"
