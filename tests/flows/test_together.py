"""All environments of a blueprint brought to a ref, as the portal's page does it: real engine, step by step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from butai.assembly import Butai
from butai.environments.model import Kind
from butai.environments.service import CreateRequest, UpdateRequest
from butai.environments.together import ALREADY, FAILED, LEFT, PLANNING, UPDATED, WAITS, Phase, Progress, Together, Wish
from butai.errors import ButaiError, NotFoundError
from butai.runs.model import RunEnd
from support.here import butai_with, carry
from support.tiny_team import ROOT, TOKEN, TinyTeam

MORE = 'resource "terraform_data" "extra" {\n}\n'
WRONG = 'resource "terraform_data" "extra" {\n  provisioner "local-exec" {\n    command = "exit 1"\n  }\n}\n'


@pytest.fixture
def team(tmp_path: Path) -> TinyTeam:
    return TinyTeam(tmp_path / "team")


@pytest.fixture
def butai(tmp_path: Path, team: TinyTeam, monkeypatch: pytest.MonkeyPatch) -> Iterator[Butai]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BUTAI_SECRET_TINY_TOKEN", TOKEN)
    butai = butai_with(tmp_path, team)
    for name in ("qa-1", "qa-2", "qa-3"):
        started = butai.environments.create(CreateRequest(name=name), by="mika")
        assert carry(butai, started.run).last_run.end is RunEnd.SUCCEEDED
    yield butai
    butai.database.close()


def carry_all(butai: Butai, runs: tuple[int, ...]) -> None:
    for number in runs:
        run = butai.runs.get(number)
        if run.settled_at is None:
            carry(butai, run)


def words(progress: Progress) -> dict[str, str]:
    return {line.environment.name: line.word for line in progress.lines}


def test_plans_then_one_then_the_others(butai: Butai, team: TinyTeam) -> None:
    together = Together(butai.environments, butai.runs)
    commit = team.infra.commit({"staging/main.tf": ROOT + MORE}, "One thing more")
    newest = butai.environments.update("qa-3", UpdateRequest(commit="main"), by="ken")
    assert carry(butai, newest.run).last_run.end is RunEnd.SUCCEEDED
    wish = together.begin(Wish("tiny", "main", at_once=2), by="mika")
    assert len(wish.plans) == 3
    assert together.look(wish).phase is Phase.PLANNING and set(words(together.look(wish)).values()) == {PLANNING}
    assert together.go_on(wish, by="mika") == wish, "nothing is begun before the plans are there"
    carry_all(butai, wish.plans)
    asked = together.look(wish)
    assert asked.phase is Phase.ASKED and asked.waiting == 2
    assert words(asked) == {"qa-1": WAITS, "qa-2": WAITS, "qa-3": ALREADY}
    assert {line.does for line in asked.lines} == {"1 to create", "no resource changes"}

    first = together.go_on(wish, by="mika")
    assert (first.wave, len(first.runs), len(first.plans), len(first.others)) == (1, 1, 2, 1)
    assert together.look(first).phase is Phase.GOING
    again = together.go_on(wish, by="mika")
    assert again.runs == () or again == first, "the same step twice begins nothing twice"
    assert len(butai.environments.runs_of(butai.environments.get("qa-1").id)) == 3
    carry_all(butai, first.runs)
    assert together.look(first).phase is Phase.BETWEEN
    second = together.go_on(first, by="mika")
    assert second == replace(first, runs=second.runs, wave=2) and len(second.runs) == 2
    assert together.go_on(first, by="mika").runs == second.runs, "nor the next one"
    carry_all(butai, second.runs)
    over = together.look(second)
    assert (over.phase, over.done) == (Phase.OVER, 2)
    assert words(over) == {"qa-1": UPDATED, "qa-2": UPDATED, "qa-3": ALREADY}
    assert {each.commit for each in butai.environments.list()} == {commit}


def test_the_first_that_fails_ends_it(butai: Butai, team: TinyTeam) -> None:
    together = Together(butai.environments, butai.runs)
    team.infra.commit({"staging/main.tf": ROOT + WRONG}, "Something wrong")
    busy = butai.environments.update("qa-3", UpdateRequest(), by="ken")
    wish = together.begin(Wish("tiny", "main"), by="mika")
    carry_all(butai, wish.plans)
    asked = together.look(wish)
    line = next(each for each in asked.lines if each.environment.name == "qa-3")
    assert (line.word, line.kind) == (LEFT, Kind.WARN) and line.reason.startswith(f"run {busy.run.id} is not over")
    wish = together.go_on(wish, by="mika")
    carry_all(butai, wish.runs)
    stopped = together.look(wish)
    assert stopped.phase is Phase.STOPPED
    assert words(stopped) == {"qa-1": FAILED, "qa-2": LEFT, "qa-3": LEFT}
    assert next(each.reason for each in stopped.lines if each.environment.name == "qa-2") == "one before it failed"
    assert together.go_on(wish, by="mika") == wish, "nothing more is begun"


def test_what_cannot_be_planned_at_all_is_said(butai: Butai) -> None:
    together = Together(butai.environments, butai.runs)
    with pytest.raises(ButaiError, match="nowhere"):
        together.begin(Wish("tiny", "nowhere"), by="mika")
    with pytest.raises(NotFoundError):
        together.begin(Wish("other", "main"), by="mika")
    created = butai.environments.get("qa-1").last_run.id
    with pytest.raises(NotFoundError, match="not the plan"):
        together.look(Wish("tiny", "main", plans=(created,)))
