"""On one core, pretended: what waits is carried out together, what works one after the other, by real engines."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from butai.assembly import Butai, assemble, now
from butai.environments.service import CreateRequest
from butai.runs.capacity import of_this_machine
from butai.runs.executor import Executor, Terms
from butai.runs.model import RunEnd
from butai.runs.queue import WaitsFor
from butai.settings import Settings
from support.carrying import wait_for
from support.tiny_team import ROOT, TOKEN, TinyTeam
from support.variants import again

SLEEP = "sleep ${var.sleep_s}"
# The shell itself: no more than a core, for as long as `timeout` lets it.
BURN = "timeout 4 sh -c 'while :; do :; done'; true"
NAMES = ("qa-1", "qa-2", "qa-3", "qa-4")


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTAI_SECRET_TINY_TOKEN", TOKEN)


@contextmanager
def one_core(folder: Path, command: str) -> Iterator[Butai]:
    """A worker that takes this machine for one with a single core, and a team whose creations run this command."""
    assert SLEEP in ROOT
    team = TinyTeam(folder / "team", root=ROOT.replace(SLEEP, command))
    butai = assemble(Settings(data=folder / "data"))
    butai.blueprints.add(str(team.infra.path))
    stop, terms = threading.Event(), Terms("one", butai.settings.concurrency, 0, {})
    room = of_this_machine(butai.database, butai.data, cores=1)
    worker = Executor(butai.database, butai.carrier(), terms, now, capacity=room)
    thread = threading.Thread(target=worker.run_until, args=(stop,))
    thread.start()
    try:
        yield butai
    finally:
        stop.set()
        thread.join(20)
        butai.acceleration().host.end_when_unused()
        butai.database.close()
    assert not thread.is_alive()


def create_all(butai: Butai) -> list[int]:
    return [butai.environments.create(CreateRequest(name=name), by="mika").run.id for name in NAMES]


def at_once(butai: Butai, runs: list[int]) -> int:
    """How many of these runs have an engine's part that goes on."""
    shown = [butai.runs.get(each) for each in runs]
    return sum(each.started_at is not None and each.ended_at is None for each in shown)


def all_over(butai: Butai, runs: list[int]) -> bool:
    return all(butai.runs.get(each).finished for each in runs)


def test_creations_that_wait_go_on_together(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with one_core(tmp_path, f"until [ -e {gate} ]; do sleep 1; done") as butai:
        runs = create_all(butai)
        try:
            wait_for(lambda: at_once(butai, runs) == len(runs), seconds=90, why="all four wait at the same time")
            (shown,) = butai.board.workers()
            assert shown.room is not None and (shown.room.cores, len(shown.runs)) == (1, len(runs))
        finally:
            gate.touch()
            wait_for(lambda: all_over(butai, runs), seconds=60)
        assert {butai.runs.get(each).end for each in runs} == {RunEnd.SUCCEEDED}


@again
def test_creations_that_work_go_on_one_after_the_other_and_the_queue_says_why(tmp_path: Path) -> None:
    with one_core(tmp_path, BURN) as butai:
        runs, most, said = create_all(butai), 0, set[WaitsFor]()
        deadline = time.monotonic() + 120
        while not all_over(butai, runs):
            assert time.monotonic() < deadline
            most = max(most, at_once(butai, runs))
            said |= {each.place.waits_for for each in butai.board.queue().queued}
            time.sleep(0.1)
        assert most == 1
        assert WaitsFor.CORES in said and said <= {WaitsFor.CORES, WaitsFor.TURN}
        assert {butai.runs.get(each).end for each in runs} == {RunEnd.SUCCEEDED}
