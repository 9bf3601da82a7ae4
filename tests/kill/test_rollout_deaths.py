"""Whoever does a rollout's next step is killed before and after each of its commits: no update is begun twice, none is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from butai.environments.rollout_model import Phase
from butai.environments.rollout_store import Rollout
from butai.environments.store import Environment
from butai.runs.model import RunKind, RunStatus
from butai.runs.store import Run
from support.portal import Portal
from support.postgres import PostgresServer, postgres
from support.rows import NOW
from support.variants import SQLITE_FIRST, again

__all__ = ["postgres"]

NAMES = ("qa-1", "qa-2", "qa-3", "qa-4")
# Kills itself around its n-th commit that writes something.
DYING = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.orm import Session
from butai.assembly import assemble
from butai.settings import Settings

butai = assemble(Settings(data=Path(sys.argv[1]), database=sys.argv[5]))
number, left, when = int(sys.argv[2]), [int(sys.argv[3])], sys.argv[4]

def wrote(session):
    if not session.connection().get_execution_options().get("reading"):
        left[0] -= 1
        if left[0] == 0 and when == "before_commit":
            os.kill(os.getpid(), signal.SIGKILL)

def committed(session):
    if left[0] == 0 and when == "after_commit":
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Session, "before_commit", wrote)
event.listen(Session, "after_commit", committed)
butai.rollouts.begin(number, by="mika")
butai.rollouts.step_all()
"""


@pytest.fixture(params=SQLITE_FIRST)
def portal(request: pytest.FixtureRequest, tmp_path: Path) -> Portal:
    """Four environments on the first commit, and a newer one."""
    server: PostgresServer | None = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    portal = Portal(tmp_path, server.with_tables() if server else "")
    commit = portal.team.infra.git("rev-list", "--max-parents=0", "main")
    for name in NAMES:
        environment = portal.add_environment(name, commit=commit, health="ready", engine_version="1.0.0")
        portal.add_run(environment, running=False)
    portal.team.infra.commit({"words.md": "words"}, "Words for everybody")
    return portal


def end_all(portal: Portal) -> None:
    """Every run that is queued has ended well."""
    with portal.butai.database.session() as session:
        for run in session.query(Run).filter(Run.end.is_(None)):
            run.status, run.end, run.ended_at, run.settled_at = RunStatus.ENDED, "succeeded", NOW, NOW
            if run.kind == RunKind.UPDATE:
                session.get_one(Environment, run.environment_id).commit = run.params["commit"]


def test_a_wave_that_was_begun_is_begun_whole_also_when_it_is_the_last_one_wanted(portal: Portal) -> None:
    rollouts = portal.butai.rollouts
    number = rollouts.plan("tiny", "main", by="mika", at_once=2).rollout.id
    end_all(portal)
    rollouts.begin(number, by="mika")
    end_all(portal)
    with portal.butai.database.session() as session:
        session.get_one(Rollout, number).wave = 2  # and here the worker died
    rollouts.stop(number, by="ken")
    for _ in range(3):
        rollouts.step_all()
        end_all(portal)
    held = rollouts.look(number)
    assert (held.phase, held.done, held.waiting, bool(held.rollout.ended_at)) == (Phase.HELD, 3, 1, True)
    rollouts.go_on(number, by="mika")
    end_all(portal)
    rollouts.step_all()
    assert (rollouts.look(number).phase, rollouts.look(number).done) == (Phase.OVER, 4)
    portal.butai.database.close()


@pytest.mark.parametrize("when", ["after_commit", pytest.param("before_commit", marks=again)])
@pytest.mark.parametrize("commit", [1, 5, *(pytest.param(each, marks=again) for each in (2, 3, 4, 6))])
def test_a_death_at_any_commit(portal: Portal, when: str, commit: int) -> None:
    rollouts = portal.butai.rollouts
    number = rollouts.plan("tiny", "main", by="mika", at_once=2).rollout.id
    end_all(portal)
    if commit > 3:
        # The second wave has two updates in it.
        rollouts.begin(number, by="mika")
        end_all(portal)
    place = str(portal.butai.data.path), portal.butai.settings.database
    argv = [sys.executable, "-c", DYING, place[0], str(number), str(commit), when, place[1]]
    died = subprocess.run(argv, env={**os.environ}, check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    if rollouts.look(number).rollout.begun_at is None:
        rollouts.begin(number, by="mika")
    for _ in NAMES:
        rollouts.step_all()
        end_all(portal)
    rollouts.step_all()
    over = rollouts.look(number)
    assert (over.phase, over.done) == (Phase.OVER, len(NAMES)), [line.reason for line in over.lines]
    for line in over.lines:
        kinds = [run.kind for run in portal.butai.runs.of_environment(line.environment.id)]
        assert kinds.count(RunKind.UPDATE) == 1, line.environment.name
    portal.butai.database.close()
