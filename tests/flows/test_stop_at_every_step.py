"""A stop is heard at every step of a run: while it is prepared, waits for its turn, initialises, adopts, applies, waits."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from butai.datafolder import FolderLock
from butai.environments.model import Kind
from butai.environments.service import CreateRequest
from butai.environments.stopping import CancelRequest, Stopping
from butai.runs.folder import Command, RunFolder
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, Step
from butai.runs.service import RunView
from support.carrying import QUICK, RootJob, Stage, wait_for
from support.here import butai_with, carry
from support.rows import add_run
from support.threads import in_background
from support.tiny_team import ROOT, TOKEN, YAML, TinyTeam


def cancelled_cleanly(there: Stage, environment: int, run: int) -> bool:
    shown = there.runs.get(run)
    assert (shown.end, shown.settled_at is not None) == (RunEnd.CANCELLED_BEFORE_CHANGE, True)
    return there.states.read(environment) is None and there.states.lock_of(environment) is None


def test_while_it_is_prepared(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)

    class StoppedWhilePreparing(RootJob):
        def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
            there.runs.cancel(run.id)
            return super().prepare(run, folder, log)

    there.carrier(StoppedWhilePreparing(QUICK)).engine_part(run)
    assert cancelled_cleanly(there, environment, run)
    assert not there.folder(run).engine_was_started


def test_while_it_waits_for_its_turn_to_fetch_providers(there: Stage, environment: int, tmp_path: Path) -> None:
    run = add_run(there.database, environment)

    class Waiting(RootJob):
        def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
            made = super().prepare(run, folder, log)
            return replace(made, work=replace(made.work, init_lock=str(tmp_path / "init.lock")))

    other = FolderLock(tmp_path / "init.lock")
    assert other.try_take()
    with in_background(lambda: there.carrier(Waiting(QUICK)).engine_part(run)):
        wait_for(lambda: there.folder(run).supervised(), why="its supervisor is there")
        time.sleep(0.5)
        assert not there.folder(run).engine_was_started
        there.runs.cancel(run)
    other.release()
    assert cancelled_cleanly(there, environment, run)
    assert not there.folder(run).engine_was_started


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_while_it_initialises(there: Stage, environment: int, silent: int) -> None:
    run = add_run(there.database, environment)
    root = QUICK + f'module "far" {{\n  source = "http://127.0.0.1:{silent}/module.zip"\n}}\n'
    with in_background(lambda: there.carrier(RootJob(root)).engine_part(run)):
        wait_for(lambda: there.folder(run).living_engine(), why="init runs")
        time.sleep(1)
        assert there.folder(run).living_engine() is not None, "it waits for a module"
        there.runs.cancel(run)
    assert cancelled_cleanly(there, environment, run)


@dataclass
class Adopting(RootJob):
    """A job with something slow before its apply, as adopting can be."""

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        made = super().prepare(run, folder, log)
        slow = Command(Step.ADOPT, [sys.executable, "-c", "import time; time.sleep(60)"])
        first, last = made.work.commands
        return replace(made, work=replace(made.work, commands=[first, slow, last]))


def test_while_it_adopts(there: Stage, environment: int) -> None:
    run = add_run(there.database, environment)
    with in_background(lambda: there.carrier(Adopting(QUICK)).engine_part(run)):
        wait_for(lambda: there.folder(run).output(Step.ADOPT).exists(), why="it adopts")
        time.sleep(0.5)
        there.runs.cancel(run)
    assert cancelled_cleanly(there, environment, run)
    assert not there.folder(run).output(Step.APPLY).exists()


def test_while_it_waits_until_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTAI_SECRET_TINY_TOKEN", TOKEN)
    root = ROOT + '\noutput "url" { value = "http://127.0.0.1:9" }\n'
    yaml = YAML + "urls: {app: url}\nready: {timeout_s: 300}\n"
    butai = butai_with(tmp_path, TinyTeam(tmp_path / "team", yaml=yaml, root=root))
    started = butai.environments.create(CreateRequest(name="qa-1"), by="mika")
    with in_background(lambda: carry(butai, started.run)):
        wait_for(lambda: butai.runs.get(started.run.id).end, seconds=60, why="it is applied")
        time.sleep(1)
        assert butai.environments.get("qa-1").state.word == "Starting"
        Stopping(butai.environments, butai.runs).stop(started.run.id, CancelRequest())
    shown = butai.environments.get("qa-1")
    assert (shown.last_run.end, shown.state.kind) == (RunEnd.SUCCEEDED, Kind.WARN)
    assert "somebody asked to stop" in shown.state.reason
    butai.database.close()
