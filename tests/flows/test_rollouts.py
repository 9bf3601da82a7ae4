"""Rollouts with a real engine: step by step, and by a real worker on its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from butai.assembly import Butai, assemble
from butai.environments.model import Kind
from butai.environments.rollout_model import ALREADY, FAILED, LEFT, PLANNING, UPDATED, WAITS, Phase, Progress
from butai.environments.service import CreateRequest, UpdateRequest
from butai.errors import ButaiError, NotFoundError, RefusedError
from butai.runs.model import RunEnd, RunKind
from butai.settings import Settings
from support.carrying import wait_for
from support.here import butai_with, carry
from support.tiny_team import ROOT, TOKEN, TinyTeam, Worker
from support.variants import again

MORE = 'resource "terraform_data" "extra" {\n}\n'
WRONG = 'resource "terraform_data" "extra" {\n  provisioner "local-exec" {\n    command = "exit 1"\n  }\n}\n'
NAMES = ("qa-1", "qa-2", "qa-3")


@pytest.fixture
def team(tmp_path: Path) -> TinyTeam:
    return TinyTeam(tmp_path / "team")


@pytest.fixture
def butai(tmp_path: Path, team: TinyTeam, monkeypatch: pytest.MonkeyPatch) -> Iterator[Butai]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BUTAI_SECRET_TINY_TOKEN", TOKEN)
    butai = butai_with(tmp_path, team)
    for name in NAMES:
        started = butai.environments.create(CreateRequest(name=name), by="mika")
        assert carry(butai, started.run).last_run.end is RunEnd.SUCCEEDED
    yield butai
    butai.database.close()


def carry_all(butai: Butai, progress: Progress) -> None:
    """What it began is carried out."""
    for line in progress.lines:
        for run in (line.plan, line.run):
            if run and butai.runs.get(run.id).settled_at is None:
                carry(butai, run)


def words(progress: Progress) -> dict[str, str]:
    return {line.environment.name: line.word for line in progress.lines}


def reason(progress: Progress, name: str) -> str:
    return next(line.reason for line in progress.lines if line.environment.name == name)


def updates(butai: Butai, name: str) -> int:
    runs = butai.environments.runs_of(butai.environments.get(name).id)
    return sum(run.kind is RunKind.UPDATE for run in runs)


def test_plans_then_one_then_the_others(butai: Butai, team: TinyTeam) -> None:
    rollouts = butai.rollouts
    commit = team.infra.commit({"staging/main.tf": ROOT + MORE}, "One thing more")
    newest = butai.environments.update("qa-3", UpdateRequest(commit="main"), by="ken")
    assert carry(butai, newest.run).last_run.end is RunEnd.SUCCEEDED
    planned = rollouts.plan("tiny", "main", by="mika", at_once=2)
    number = planned.rollout.id
    assert planned.phase is Phase.PLANNING and set(words(planned).values()) == {PLANNING}
    with pytest.raises(RefusedError, match="still planning"):
        rollouts.begin(number, by="mika")
    carry_all(butai, planned)
    rollouts.step_all()
    asked = rollouts.look(number)
    assert asked.phase is Phase.ASKED and asked.waiting == 2, "nothing is begun before somebody says yes"
    assert words(asked) == {"qa-1": WAITS, "qa-2": WAITS, "qa-3": ALREADY}
    assert {line.does for line in asked.lines} == {"1 to create", "no resource changes"}

    first = rollouts.begin(number, by="ken")
    assert (first.rollout.wave, first.phase, first.waiting) == (1, Phase.GOING, 1)
    assert [line.run.requested_by for line in first.lines if line.run] == ["ken"]
    rollouts.begin(number, by="aya")
    rollouts.step_all()
    assert [updates(butai, name) for name in NAMES] == [1, 0, 1], "the same step twice begins nothing twice"
    carry_all(butai, first)
    assert rollouts.look(number).phase is Phase.BETWEEN
    rollouts.step_all()
    second = rollouts.look(number)
    assert (second.rollout.wave, second.phase) == (2, Phase.GOING)
    carry_all(butai, second)
    rollouts.step_all()
    over = rollouts.look(number)
    assert (over.phase, over.done) == (Phase.OVER, 2) and over.rollout.ended_at is not None
    assert words(over) == {"qa-1": UPDATED, "qa-2": UPDATED, "qa-3": ALREADY}
    assert {each.commit for each in butai.environments.list()} == {commit}


def test_the_first_that_fails_ends_it(butai: Butai, team: TinyTeam) -> None:
    rollouts = butai.rollouts
    team.infra.commit({"staging/main.tf": ROOT + WRONG}, "Something wrong")
    busy = butai.environments.update("qa-3", UpdateRequest(), by="ken")
    planned = rollouts.plan("tiny", "main", by="mika")
    number = planned.rollout.id
    carry_all(butai, planned)
    asked = rollouts.look(number)
    line = next(each for each in asked.lines if each.environment.name == "qa-3")
    assert (line.word, line.kind) == (LEFT, Kind.WARN) and line.reason.startswith(f"run {busy.run.id} is not over")
    carry_all(butai, rollouts.begin(number, by="mika"))
    rollouts.step_all()
    stopped = rollouts.look(number)
    assert stopped.phase is Phase.STOPPED and stopped.rollout.ended_at is not None
    assert words(stopped) == {"qa-1": FAILED, "qa-2": LEFT, "qa-3": LEFT}
    assert reason(stopped, "qa-2") == "one before it failed"
    rollouts.step_all()
    assert updates(butai, "qa-2") == 0, "nothing more is begun"
    with pytest.raises(RefusedError, match="not going on"):
        rollouts.stop(number, by="mika")


@again
def test_a_plan_that_went_stale_is_left_for_later(butai: Butai, team: TinyTeam) -> None:
    rollouts = butai.rollouts
    team.infra.commit({"staging/main.tf": ROOT + MORE}, "One thing more")
    planned = rollouts.plan("tiny", "main", by="mika")
    number = planned.rollout.id
    carry_all(butai, planned)
    first = rollouts.begin(number, by="mika")
    own = butai.environments.update("qa-2", UpdateRequest(variables={"sleep_s": "0"}), by="ken")
    carry(butai, own.run)
    carry_all(butai, first)
    rollouts.step_all()
    second = rollouts.look(number)
    assert reason(second, "qa-2") == f"run {own.run.id} came since it was planned"
    assert words(second)["qa-2"] == LEFT and updates(butai, "qa-2") == 1
    carry_all(butai, second)
    rollouts.step_all()
    assert rollouts.look(number).phase is Phase.OVER


def test_what_cannot_be_planned_at_all_is_said(butai: Butai) -> None:
    with pytest.raises(ButaiError, match="nowhere"):
        butai.rollouts.plan("tiny", "nowhere", by="mika")
    with pytest.raises(NotFoundError):
        butai.rollouts.plan("other", "main", by="mika")
    with pytest.raises(NotFoundError, match="no rollout 7"):
        butai.rollouts.stop(7, by="mika")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "real", concurrency=3, acceleration=False)


@pytest.fixture
def worker(settings: Settings, tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(settings, tmp_path / "worker.log")
    yield worker
    if worker.process and worker.process.poll() is None:
        worker.end()


@again
def test_a_worker_goes_on_by_itself_also_one_that_was_killed(
    settings: Settings, team: TinyTeam, worker: Worker
) -> None:
    butai = assemble(settings)
    butai.blueprints.add(str(team.infra.path))
    worker.start()
    for name in NAMES:
        butai.environments.create(CreateRequest(name=name), by="mika")
    wait_for(lambda: all(each.last_run.finished for each in butai.environments.list()), seconds=90)
    assert {each.state.kind for each in butai.environments.list()} == {Kind.UP}
    slow = 'resource "terraform_data" "slower" {\n  provisioner "local-exec" {\n    command = "sleep 3"\n  }\n}\n'
    team.infra.commit({"staging/main.tf": ROOT + slow}, "Slow")
    number = butai.rollouts.plan("tiny", "main", by="mika", at_once=1).rollout.id
    wait_for(lambda: butai.rollouts.look(number).phase is not Phase.PLANNING, seconds=60)
    assert butai.rollouts.look(number).phase is Phase.ASKED, [line.reason for line in butai.rollouts.look(number).lines]
    butai.rollouts.begin(number, by="mika")
    for wave in (1, 2):
        wait_for(lambda: butai.rollouts.look(number).rollout.wave == wave, seconds=60)  # noqa: B023
        worker.end(signal.SIGKILL)
        worker.start()
    butai.rollouts.stop(number, by="ken")
    wait_for(lambda: butai.rollouts.look(number).phase is Phase.HELD, seconds=60)
    assert words(butai.rollouts.look(number)) == {"qa-1": UPDATED, "qa-2": UPDATED, "qa-3": WAITS}
    butai.rollouts.go_on(number, by="ken")
    wait_for(lambda: butai.rollouts.look(number).rollout.ended_at, seconds=60)
    assert set(words(butai.rollouts.look(number)).values()) == {UPDATED}
    assert [updates(butai, name) for name in NAMES] == [1, 1, 1], "no update is begun twice"
    assert worker.end() == 0
    butai.database.close()
