"""Drift: found by a real plan, without lock or write; reconciled by a run; in nobody's way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from butai.assembly import Butai, assemble
from butai.environments.drift_job import PLAN
from butai.environments.service import CreateRequest, EnvironmentView, UpdateRequest
from butai.environments.views import ServiceChoice
from butai.runs.model import RunEnd, RunKind, RunStatus
from butai.runs.service import RunView
from butai.settings import Settings
from butai.states.model import Lock
from butai.terraform.attributes import LATER
from support.carrying import now, wait_for
from support.postgres import PostgresServer, postgres
from support.tiny_team import ROOT, TinyTeam, Worker
from support.variants import SQLITE_FIRST, again

__all__ = ["postgres"]

# A plan of thousands of instances takes seconds, and can be interrupted between any two.
MANY = 'variable "many" {\n  default = 0\n}\nresource "terraform_data" "many" {\n  count = var.many\n}\n'


@pytest.fixture
def team(tmp_path: Path) -> TinyTeam:
    return TinyTeam(tmp_path / "team", root=ROOT + MANY)


@pytest.fixture(params=SQLITE_FIRST)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "sqlite":
        return Settings(data=tmp_path / "data", concurrency=2)
    server: PostgresServer = request.getfixturevalue("postgres")
    return Settings(data=tmp_path / "data", database=server.with_tables(), concurrency=2)


@pytest.fixture
def butai(settings: Settings, team: TinyTeam) -> Iterator[Butai]:
    butai = assemble(settings)
    butai.blueprints.add(str(team.infra.path))
    yield butai
    butai.database.close()


@pytest.fixture
def worker(settings: Settings, butai: Butai, tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(settings, tmp_path / "worker.log")
    worker.start()
    yield worker
    if worker.process and worker.process.poll() is None:
        worker.end()


@pytest.fixture
def made(butai: Butai, worker: Worker) -> EnvironmentView:
    asked = butai.environments.create(CreateRequest(name="qa-1"), by="mika")
    ended(butai, asked.run.id, worker)
    return butai.environments.get("qa-1")


def ended(butai: Butai, run: int, worker: Worker) -> RunView:
    wait_for(lambda: butai.runs.get(run).finished, seconds=60, why=worker.log.read_text()[-2000:])
    return butai.runs.get(run)


def checked(butai: Butai, worker: Worker) -> EnvironmentView:
    run = butai.environments.check("qa-1", by="mika").run
    assert ended(butai, run.id, worker).end is RunEnd.SUCCEEDED, butai.runs.get(run.id).error
    return butai.environments.get("qa-1")


def change_out_of_band(butai: Butai, made: EnvironmentView) -> bytes:
    """Somebody else ran the engine with another image: the state says so."""
    document = json.loads(butai.states.read(made.id) or b"")
    for each in document["resources"]:
        if each["name"] == "image":
            for name in ("input", "output"):
                each["instances"][0]["attributes"][name]["value"] = "registry.example/web:other"
    document["serial"] += 1
    content = json.dumps(document).encode()
    butai.states.write(made.id, made.last_run.id, content, lock_id="")
    return content


def test_drift_is_found_shown_and_reconciled(butai: Butai, worker: Worker, made: EnvironmentView) -> None:
    assert made.drift is None, "nobody has looked yet"
    clean = checked(butai, worker)
    assert clean.drift is not None and clean.drift.items == []
    changed = change_out_of_band(butai, made)
    versions = butai.states.versions(made.id)
    drifted = checked(butai, worker)
    assert drifted.drift is not None
    found = {each.address: each.action for each in drifted.drift.items}
    assert found == {"terraform_data.image": "update", "outputs": "update"}
    image = next(each for each in drifted.drift.items if each.address == "terraform_data.image")
    told = {each.path: (each.before, each.after) for each in image.attributes}
    assert told["input"] == ('"registry.example/web:other"', f'"{made.services[0].image}"')
    assert told["output"] == ('"registry.example/web:other"', LATER)
    run = butai.runs.get(drifted.drift.run)
    assert butai.environments.differences_of(run.id) == drifted.drift.items, "a preview's go the same way"
    assert not (Path(run.folder) / PLAN).exists(), "a plan holds every secret"
    assert (butai.states.read(made.id), butai.states.versions(made.id)) == (changed, versions)
    assert (drifted.state, drifted.last_run.id) == (made.state, made.last_run.id), "a check says nothing of the state"
    assert butai.environments.list()[0].drift == drifted.drift

    started = butai.environments.update("qa-1", UpdateRequest(), by="ken")
    assert ended(butai, started.run.id, worker).end is RunEnd.SUCCEEDED
    reconciled = butai.environments.get("qa-1")
    assert reconciled.drift is None, "a change makes what was seen before it worthless"
    assert {each.name: each.value for each in reconciled.outputs} == {each.name: each.value for each in made.outputs}
    assert (reconciled.commit, reconciled.services) == (made.commit, made.services)
    after = checked(butai, worker).drift
    assert after is not None and after.items == []


def test_a_check_neither_takes_nor_minds_the_states_lock(butai: Butai, worker: Worker, made: EnvironmentView) -> None:
    butai.states.lock(made.id, Lock("held", "aya@mac", "OperationTypeApply", made.last_run.id, now()))
    before = butai.states.versions(made.id)
    looked = checked(butai, worker)
    assert looked.drift is not None and looked.drift.items == []
    held = butai.states.lock_of(made.id)
    assert held is not None and held.lock_id == "held"
    assert butai.states.versions(made.id) == before
    assert "-lock=false" in (Path(butai.runs.get(looked.drift.run).folder) / "work.json").read_text()


@again
def test_a_persons_update_ends_a_check_that_runs(butai: Butai, worker: Worker, made: EnvironmentView) -> None:
    check = butai.environments.check("qa-1", by="mika", preview=UpdateRequest(variables={"many": "5000"})).run
    output = butai.data.run(check.id) / "plan.jsonl"
    wait_for(output.exists, seconds=30, why=worker.log.read_text()[-2000:])
    assert butai.runs.get(check.id).status is RunStatus.RUNNING
    wish = UpdateRequest(services={"web": ServiceChoice(branch="blue")}, variables={"many": "0"})
    time.sleep(0.3)
    update = butai.environments.update("qa-1", wish, by="ken").run
    assert ended(butai, check.id, worker).end is RunEnd.CANCELLED_BEFORE_CHANGE
    done = ended(butai, update.id, worker)
    assert done.end is RunEnd.SUCCEEDED and done.started_at is not None
    # How long the engine itself takes to stop is the machine's affair; what comes before and after it is Butai's.
    asked, stopped = ((output.parent / name).stat().st_mtime for name in ("cancel", "end.json"))
    assert asked - done.requested_at.timestamp() < 30
    assert done.started_at.timestamp() - stopped < 30
    shown = butai.environments.get("qa-1")
    assert shown.drift is None and shown.services[0].branch == "blue"


def test_a_queued_check_is_passed_and_superseded(butai: Butai, worker: Worker, made: EnvironmentView) -> None:
    worker.end()
    check = butai.environments.check("qa-1", by="mika").run
    update = butai.environments.update("qa-1", UpdateRequest(), by="ken").run
    assert (butai.runs.get(check.id).end, butai.runs.get(check.id).superseded_by) == (RunEnd.SUPERSEDED, update.id)
    later = butai.environments.check("qa-1", by="mika").run
    worker.start()
    ended(butai, later.id, worker)
    first, second = butai.runs.get(update.id), butai.runs.get(later.id)
    # Whoever starts runs takes the time before it looks at what may start: what is settled meanwhile is later.
    assert first.ended_at is not None and second.started_at is not None
    assert first.ended_at <= second.started_at and second.end is RunEnd.SUCCEEDED


def test_a_preview_says_what_an_update_would_do_and_is_no_wish(
    butai: Butai, worker: Worker, made: EnvironmentView, team: TinyTeam
) -> None:
    (team.infra.path / "staging" / "extra.tf").write_text('resource "terraform_data" "extra" {}\n')
    newest = team.infra.commit({}, "One thing more")
    preview = butai.environments.check("qa-1", by="mika", preview=UpdateRequest(commit="main")).run
    assert (preview.kind, preview.params["commit"]) == (RunKind.DRIFT_CHECK, newest)
    assert ended(butai, preview.id, worker).end is RunEnd.SUCCEEDED
    found = [(each.address, each.action) for each in butai.environments.differences_of(preview.id)]
    assert found == [("terraform_data.extra", "create")]
    shown = butai.environments.get("qa-1")
    assert shown.drift is None and shown.commit == made.commit
    update = butai.environments.update("qa-1", UpdateRequest(), by="mika").run
    assert update.params["commit"] == made.commit
