"""What is left of a run when its worker or its supervisor is killed in mid-apply: never a lie, never a second engine."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from butai.environments import left_behind
from butai.errors import RefusedError
from butai.runs.folder import Command, RunFolder
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import NextAction, RunEnd, Step
from butai.runs.service import RunView
from butai.terraform.state import summary
from support.carrying import QUICK, SLOW, RootJob, Stage, carry_in_a_process, has_begun, slow, wait_for
from support.processes import is_supervisor
from support.rows import add_run
from support.threads import in_background
from support.variants import again


def supervisor_of(folder: RunFolder) -> psutil.Process:
    engine = folder.living_engine()
    assert engine is not None
    supervisor = engine.parent()
    assert supervisor is not None and is_supervisor(supervisor, folder.path)
    return supervisor


def begin_in_a_process(
    there: Stage, environment: int, tmp_path: Path, root: str
) -> tuple[int, subprocess.Popen[bytes]]:
    run = add_run(there.database, environment)
    file = tmp_path / "root.tf"
    file.write_text(root)
    return run, carry_in_a_process(tmp_path, file, run)


def test_a_killed_workers_run_goes_on_and_the_next_worker_sees_its_true_end(
    there: Stage, environment: int, tmp_path: Path
) -> None:
    run, worker = begin_in_a_process(there, environment, tmp_path, slow(4))
    folder = there.folder(run)
    wait_for(lambda: has_begun(folder, SLOW), why="the apply begins")
    worker.kill()
    worker.wait()
    pid = folder.living_engine()
    assert pid is not None, "the engine went with its worker"
    job = RootJob("this is never applied")
    assert there.carrier(job).engine_part(run) == RunEnd.SUCCEEDED
    assert job.ends == [RunEnd.SUCCEEDED]
    shown = there.runs.get(run)
    assert (shown.planned, shown.done) == (2, 2)
    lines = [event.seq for event in there.runs.events(run, limit=5000)]
    assert lines == list(range(1, len(lines) + 1))
    done = [event.address for event in there.runs.events(run, limit=5000) if event.kind == "done"]
    assert done == ["terraform_data.one", SLOW], "every line is stored once"


@again
def test_a_run_that_ended_while_no_worker_lived_is_told_as_it_ended(
    there: Stage, environment: int, tmp_path: Path
) -> None:
    run, worker = begin_in_a_process(there, environment, tmp_path, slow(2))
    folder = there.folder(run)
    wait_for(lambda: has_begun(folder, SLOW), why="the apply begins")
    worker.kill()
    worker.wait()
    wait_for(lambda: folder.read_end() is not None and not folder.supervised(), why="the supervisor ends")
    assert there.carrier(RootJob("")).engine_part(run) == RunEnd.SUCCEEDED
    assert len(summary(there.states.read(environment) or b"").resources) == 2


def test_an_engine_whose_supervisor_was_killed_is_waited_for_and_its_state_taken_over(
    there: Stage, environment: int, tmp_path: Path
) -> None:
    run, worker = begin_in_a_process(there, environment, tmp_path, slow(8))
    folder = there.folder(run)
    wait_for(lambda: has_begun(folder, SLOW), why="the apply begins")
    supervisor_of(folder).kill()
    worker.wait(timeout=90)
    assert folder.living_engine() is None, "the engine ended by itself, unkilled"
    shown = there.runs.get(run)
    assert (shown.end, shown.next_action) == (RunEnd.PARTIALLY_APPLIED, NextAction.RUN_AGAIN)
    # What the engine could not save for want of its supervisor was saved after it.
    assert len(summary(there.states.read(environment) or b"").resources) == 2
    assert there.states.lock_of(environment) is None
    before = there.states.versions(environment)
    # A worker that finds the run again leaves it as it is: no engine is started.
    assert there.carrier(RootJob(QUICK)).engine_part(run) == RunEnd.PARTIALLY_APPLIED
    assert there.states.versions(environment) == before


def test_a_worker_killed_before_the_supervisor_started_changed_nothing_and_its_run_is_begun_again(
    there: Stage, environment: int, tmp_path: Path
) -> None:
    run = add_run(there.database, environment)
    folder = there.folder(run)
    folder.path.mkdir(parents=True)
    prepared = RootJob(QUICK).prepare(there.runs.get(run), folder, there.log(run))
    folder.write_work(prepared.work)
    # Here the worker died: the work is written down, nobody was started.
    assert not there.runs.get(run).handed_over
    assert there.carrier(RootJob(QUICK)).engine_part(run) == RunEnd.SUCCEEDED
    applied = [each for each in there.runs.events(run) if each.kind == "change_summary" and each.action == "apply"]
    assert len(applied) == 1


class OneSleep(RootJob):
    """What stands for an engine is one command that takes a while, and writes down that it was there."""

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        prepared = super().prepare(run, folder, log)
        said = folder.path.parent / "said"
        words = f"trap 'kill $!; exit 130' INT; echo began >> {said}; sleep {self.root} & wait $!; echo ended >> {said}"
        argv = ["sh", "-c", words]
        return replace(prepared, work=replace(prepared.work, commands=[Command(Step.APPLY, argv)]))


def dying_supervisor(folder: RunFolder, environment: Mapping[str, str]) -> None:
    """A supervisor that is killed at the worst moment: the engine is started, and not written down yet."""
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from butai.runs import supervisor; from butai.runs.folder import RunFolder;"
        "RunFolder.write_engine = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "supervisor.start(Path(sys.argv[1]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder.path)], env=dict(environment))
    process.wait(60)
    assert process.returncode == -signal.SIGKILL


def test_an_engine_that_nobody_wrote_down_is_found_and_waited_for(
    there: Stage, environment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("butai.runs.carry.spawn", dying_supervisor)
    run = add_run(there.database, environment)
    folder = there.folder(run)
    with in_background(lambda: there.carrier(OneSleep("4")).engine_part(run)):
        wait_for(lambda: folder.engine_was_started and not folder.supervised(), why="its supervisor is dead")
        engine = folder.living_engine()
        assert engine is not None and engine.name() == "sh", "the engine itself, none of its children"
        with pytest.raises(RefusedError, match="still runs"):
            left_behind.check(there.states, there.runs, there.runs.get(run), folder.path, None)
        time.sleep(2)
        assert there.runs.get(run).end is None, "nobody else may start here meanwhile"
    said = (folder.path.parent / "said").read_text().split()
    assert said == ["began", "ended"], "it ended by itself, and no second one was started"
    assert there.runs.get(run).end is RunEnd.FAILED_BEFORE_CHANGE and folder.living_engine() is None


def test_a_stop_reaches_an_engine_that_nobody_wrote_down(
    there: Stage, environment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("butai.runs.carry.spawn", dying_supervisor)
    run = add_run(there.database, environment)
    folder = there.folder(run)
    with in_background(lambda: there.carrier(OneSleep("60")).engine_part(run)):
        wait_for(lambda: folder.engine_was_started and not folder.supervised(), why="its supervisor is dead")
        there.runs.cancel(run)
    assert there.runs.get(run).end is RunEnd.CANCELLED_BEFORE_CHANGE
