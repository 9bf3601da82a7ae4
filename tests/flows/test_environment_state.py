"""The state of an environment: its history, another version put in place, what could not be saved, what was left locked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from butai.assembly import Butai, assemble
from butai.datafolder import FolderLock
from butai.environments.model import Kind
from butai.environments.service import CreateRequest, EnvironmentView, UpdateRequest
from butai.environments.state_views import ImportRequest, ReleaseRequest, RollBackRequest, StateReport
from butai.environments.views import ServiceChoice
from butai.errors import ButaiError, NotFoundError, RefusedError, WrongUseError
from butai.runs import workers
from butai.runs.folder import RunFolder
from butai.runs.model import NextAction, RunEnd, RunKind, RunStatus
from butai.runs.service import RunView
from butai.runs.store import Run, Worker
from butai.settings import Settings
from butai.states.model import Holder, Lock
from butai.terraform.state import summary
from support.carrying import now
from support.postgres import PostgresServer, postgres
from support.rows import WORKER, claim_run
from support.tiny_team import TOKEN, TinyTeam
from support.variants import SQLITE_FIRST

__all__ = ["postgres"]


@dataclass
class Team:
    """Butai with one environment, whose runs are carried out here and now by a worker of this process."""

    butai: Butai

    def carry(self, run: RunView) -> RunView:
        self.butai.carrier().carry(claim_run(self.butai.database, run.id))
        return self.butai.runs.get(run.id)

    def create(self, name: str) -> EnvironmentView:
        started = self.butai.environments.create(CreateRequest(name=name), by="mika")
        assert self.carry(started.run).end is RunEnd.SUCCEEDED
        return started.environment

    def update(self, name: str, branch: str) -> RunView:
        body = UpdateRequest(services={"web": ServiceChoice(branch=branch)})
        return self.carry(self.butai.environments.update(name, body, by="ken").run)

    def roll_back(self, name: str, version: int) -> RunView:
        body = RollBackRequest(version=version, confirm=name)
        return self.carry(self.butai.environment_states.roll_back(name, body, by="aya").run)

    def import_(self, name: str, document: bytes) -> RunView:
        body = ImportRequest(document=document.decode(), confirm=name)
        return self.carry(self.butai.environment_states.import_(name, body, by="aya").run)

    def report(self, name: str) -> StateReport:
        return self.butai.environment_states.report(name)

    def messages(self, run: RunView) -> list[str]:
        return [each.message for each in self.butai.runs.events(run.id)]

    def change_run(self, run_id: int, **fields: Any) -> None:
        with self.butai.database.session() as session:
            row = session.get_one(Run, run_id)
            for name, value in fields.items():
                setattr(row, name, value)

    def change_worker(self, **fields: Any) -> None:
        with self.butai.database.session() as session:
            row = session.get_one(Worker, WORKER)
            for name, value in fields.items():
                setattr(row, name, value)


def open_team(settings: Settings, folder: Path) -> Team:
    butai = assemble(settings)
    butai.blueprints.add(str(TinyTeam(folder / "team").infra.path))
    with butai.database.session() as session:
        workers.register(session, WORKER, slots=1, labels={}, now=now())
    return Team(butai)


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTAI_SECRET_TINY_TOKEN", TOKEN)


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    team = open_team(Settings(data=tmp_path / "data"), tmp_path)
    yield team
    team.butai.database.close()


@pytest.fixture(params=SQLITE_FIRST)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Team]:
    settings = Settings(data=tmp_path / "data")
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        settings = Settings(data=tmp_path / "data", database=server.with_tables())
    team = open_team(settings, tmp_path)
    yield team
    team.butai.database.close()


def test_history_differences_and_rolling_back(either: Team) -> None:
    made = either.create("qa-1")
    first = either.report("qa-1").total
    either.update("qa-1", "blue")
    report = either.report("qa-1")
    newest = report.versions[0]
    assert report.total > first and [each.number for each in report.versions] == list(range(report.total, 0, -1))
    assert (newest.by, newest.run_kind, newest.resources) == ("ken", RunKind.UPDATE, 2)
    assert report.versions[-1].by == "mika" and newest.size > 500 and newest.serial > report.versions[-1].serial
    found = either.butai.environment_states.diff("qa-1", first, None)
    assert "input" in {name for each in found.changed for name in each.attributes}
    assert "image" in {each.name for each in found.outputs}
    assert TOKEN not in report.model_dump_json() + found.model_dump_json()

    old = either.butai.states.document(made.id, first)
    run = either.roll_back("qa-1", first)
    assert (run.end, run.error) == (RunEnd.SUCCEEDED, None)
    after = either.report("qa-1")
    assert after.total == report.total + 1, "no version is deleted"
    assert (after.versions[0].serial, after.versions[0].run_kind) == (newest.serial + 1, RunKind.ROLL_BACK)
    assert after.versions[0].lineage == newest.lineage and after.lock is None and after.works is None
    content = either.butai.states.read(made.id) or b""
    assert summary(content).outputs == summary(old).outputs
    said = either.messages(run)
    assert any("Known otherwise: terraform_data.image" in each for each in said)
    assert "nothing was changed there" in said[-1] and TOKEN not in "".join(said)
    shown = either.butai.environments.get("qa-1")
    assert (shown.state.kind, shown.state.word) == (Kind.WARN, "Not looked at yet")
    assert f"run {run.id}" in shown.state.reason
    # Reality is the engine's affair: the next update finds the image otherwise, and puts it right.
    again = either.update("qa-1", "blue")
    assert (again.end, again.done) == (RunEnd.SUCCEEDED, again.planned) and again.done > 0
    outputs = {each.name: each.value for each in either.butai.environments.get("qa-1").outputs}
    assert outputs["image"] in {each.after for each in found.outputs}


def test_rolling_back_wants_the_name_typed_and_a_version_that_is_there(team: Team) -> None:
    team.create("qa-1")
    states = team.butai.environment_states
    with pytest.raises(WrongUseError, match="typed"):
        states.roll_back("qa-1", RollBackRequest(version=1, confirm="qa1"), by="aya")
    with pytest.raises(NotFoundError, match="no version 99"):
        states.roll_back("qa-1", RollBackRequest(version=99, confirm="qa-1"), by="aya")


def test_a_roll_back_that_dies_on_the_way_is_done_once(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    made = team.create("qa-1")
    team.update("qa-1", "blue")
    before = team.report("qa-1").total

    class DiedError(BaseException):
        """Kill -9 has no exception; nothing after this point runs."""

    def die(*_: object, **__: object) -> None:
        raise DiedError

    body = RollBackRequest(version=1, confirm="qa-1")
    run = team.butai.environment_states.roll_back("qa-1", body, by="aya").run
    with monkeypatch.context() as patched, pytest.raises(DiedError):
        patched.setattr(RunFolder, "write_end", die)
        team.carry(run)
    # The worker died in the middle of it, with the lock in its hand.
    team.butai.states.lock(made.id, Lock("run", "butai", "roll-back", run.id, now()))
    # Somebody asks to stop, too late: it was done, and its end says so.
    team.butai.runs.cancel(run.id)
    assert team.carry(run).end is RunEnd.SUCCEEDED
    assert team.report("qa-1").total == before + 1


def test_a_roll_back_that_dies_before_its_write_leaves_no_lock(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    made = team.create("qa-1")
    team.butai.states.lock(made.id, Lock("other", "aya@mac", "OperationTypeApply", made.last_run.id, now()))
    run = team.roll_back("qa-1", 1)
    assert run.end is RunEnd.FAILED_BEFORE_CHANGE and run.error and run.error["code"] == "state-locked"
    held = team.butai.states.lock_of(made.id)
    assert held is not None and held.lock_id == "other", "another's lock is left alone"


def test_export_and_import(either: Team) -> None:
    made = either.create("qa-1")
    states = either.butai.environment_states
    content = states.export("qa-1", None, by="aya")
    assert TOKEN.encode() in content, "it is the whole state"
    document = json.loads(content)
    document["outputs"]["image"]["value"] = "registry.example/web:imported"
    with pytest.raises(WrongUseError, match="refused"):
        either.import_("qa-1", json.dumps(document).encode())
    document["serial"] += 5
    with pytest.raises(WrongUseError, match="typed"):
        states.import_("qa-1", ImportRequest(document=json.dumps(document), confirm="x"), by="aya")
    run = either.import_("qa-1", json.dumps(document).encode())
    assert (run.end, run.kind) == (RunEnd.SUCCEEDED, RunKind.IMPORT_STATE)
    assert TOKEN not in json.dumps(run.params), "a document is no parameter"
    assert either.report("qa-1").versions[0].serial == document["serial"]
    outputs = {each.name: each.value for each in either.butai.environments.by_id(made.id).outputs}
    assert outputs["image"] == "registry.example/web:imported" and outputs["secret"] == "(sensitive)"
    assert either.butai.states.upload(made.id, run.params["upload"]) is None, "nothing lies about"


def test_an_import_that_would_share_or_break_a_state_is_refused(team: Team) -> None:
    team.create("qa-1")
    team.create("qa-2")
    document = json.loads(team.butai.environment_states.export("qa-1", None, by="aya"))
    with pytest.raises(WrongUseError) as caught:
        team.import_("qa-2", json.dumps({**document, "serial": 99}).encode())
    assert "lineage" in caught.value.why
    for broken in (b"{", b"[]", json.dumps({**document, "version": 3, "serial": 99}).encode()):
        with pytest.raises(ButaiError):
            team.import_("qa-1", broken)
    # What was queued is looked at again when its turn comes.
    newer, newest = ({**document, "serial": document["serial"] + more} for more in (1, 2))
    states = team.butai.environment_states
    waiting = states.import_("qa-1", ImportRequest(document=json.dumps(newer), confirm="qa-1"), by="aya").run
    assert team.import_("qa-1", json.dumps(newest).encode()).end is RunEnd.SUCCEEDED
    late = team.carry(waiting)
    assert late.end is RunEnd.FAILED_BEFORE_CHANGE and late.error and late.error["code"] == "upload-gone"


@pytest.fixture
def unsaved(team: Team, tmp_path: Path) -> tuple[Team, RunView, Path]:
    """An update whose state could not be saved; it lies in the folder of another worker, elsewhere on this machine."""
    made = team.create("qa-1")
    document = json.loads(team.butai.states.read(made.id) or b"")
    run = team.update("qa-1", "blue")
    folder = tmp_path / "another" / "runs" / str(run.id)
    folder.mkdir(parents=True)
    newest = summary(team.butai.states.read(made.id) or b"").serial
    (folder / "errored.tfstate").write_text(json.dumps({**document, "serial": newest + 1}))
    team.change_run(run.id, end=RunEnd.STATE_NOT_SAVED, folder=str(folder), error=None)
    return team, run, folder


def test_a_state_that_was_not_saved_is_taken_over_from_the_folder_of_another_worker(
    unsaved: tuple[Team, RunView, Path],
) -> None:
    team, run, folder = unsaved
    shown = team.butai.environments.get("qa-1")
    assert (shown.state.word, shown.state.next_action) == ("State not saved", NextAction.CHECK_AND_GO_ON)
    kept = team.report("qa-1").kept
    assert kept and (kept.file, kept.here, kept.run) == (str(folder / "errored.tfstate"), True, run.id)
    before = team.report("qa-1").total
    started = team.butai.environments.next("qa-1", by="ken")
    assert team.report("qa-1").total == before + 1 and not (folder / "errored.tfstate").exists()
    assert team.report("qa-1").versions[0].run == run.id
    assert team.carry(started.run).end is RunEnd.SUCCEEDED


def test_a_state_that_lies_on_another_machine_is_not_gone_on_without(unsaved: tuple[Team, RunView, Path]) -> None:
    team, _, folder = unsaved
    content = (folder / "errored.tfstate").read_bytes()
    elsewhere = folder.parent / "not-on-this-machine"
    folder.rename(elsewhere)
    team.change_worker(machine="another", host="build-2")
    kept = team.report("qa-1").kept
    assert kept and (kept.here, kept.host) == (False, "build-2")
    with pytest.raises(RefusedError) as caught:
        team.butai.environments.next("qa-1", by="ken")
    assert caught.value.code == "state-elsewhere"
    assert str(folder) in caught.value.what and "build-2" in caught.value.what
    # Copied and imported, as the error says: then the folder is not asked for any more.
    assert team.import_("qa-1", content).end is RunEnd.SUCCEEDED
    assert team.carry(team.butai.environments.next("qa-1", by="ken").run).end is RunEnd.SUCCEEDED


def test_a_machine_that_is_gone_for_good_is_not_waited_for(unsaved: tuple[Team, RunView, Path]) -> None:
    team, _, folder = unsaved
    folder.rename(folder.parent / "gone")
    team.change_worker(machine="another", declared_dead_at=now())
    assert team.butai.environments.next("qa-1", by="ken").run.kind is RunKind.UPDATE


@pytest.fixture
def locked(team: Team) -> tuple[Team, EnvironmentView, RunFolder]:
    """A lock that is left over, of the run that made the environment."""
    made = team.create("qa-1")
    team.butai.states.lock(made.id, Lock("left", "root@build-1", "OperationTypeApply", made.last_run.id, now()))
    return team, made, RunFolder(team.butai.data.run(made.last_run.id))


def test_a_lock_whose_holder_is_seen_dead_is_released(locked: tuple[Team, EnvironmentView, RunFolder]) -> None:
    team, made, _ = locked
    lock = team.report("qa-1").lock
    assert lock and (lock.id, lock.who, lock.run, lock.holder) == (
        "left",
        "root@build-1",
        made.last_run.id,
        Holder.DEAD,
    )
    assert team.butai.environment_states.release("qa-1", ReleaseRequest(), by="aya").lock is None
    with pytest.raises(NotFoundError, match="not locked"):
        team.butai.environment_states.release("qa-1", ReleaseRequest(), by="aya")


def test_a_lock_of_a_living_engine_is_never_released(locked: tuple[Team, EnvironmentView, RunFolder]) -> None:
    team, _, folder = locked
    folder.write_engine(os.getpid())
    assert psutil.pid_exists(os.getpid())
    with pytest.raises(RefusedError, match="still works"):
        team.butai.environment_states.release("qa-1", ReleaseRequest(confirm="qa-1"), by="aya")
    (folder.path / "engine.json").unlink()
    supervisor = FolderLock(folder.lock_path)
    assert supervisor.try_take()
    lock = team.report("qa-1").lock
    assert lock and lock.holder is Holder.LIVES
    supervisor.release()


def test_a_lock_of_a_run_that_goes_on_is_its_own(locked: tuple[Team, EnvironmentView, RunFolder]) -> None:
    team, made, _ = locked
    run = team.butai.environments.update("qa-1", UpdateRequest(), by="ken").run
    claim_run(team.butai.database, run.id)
    team.butai.states.unlock(made.id, "left")
    team.butai.states.lock(made.id, Lock("its-own", "butai", "apply", run.id, now()))
    report = team.report("qa-1")
    assert report.works and (report.works.run, report.works.by, report.works.worker) == (run.id, "ken", WORKER)
    assert report.lock and report.lock.holder is Holder.LIVES
    team.change_run(run.id, status=RunStatus.RUNNING)
    with pytest.raises(RefusedError):
        team.butai.environment_states.release("qa-1", ReleaseRequest(confirm="qa-1"), by="aya")


def test_a_holder_that_cannot_be_seen_from_here_needs_a_persons_word(
    locked: tuple[Team, EnvironmentView, RunFolder],
) -> None:
    team, _, _ = locked
    team.change_worker(machine="another", host="build-2")
    lock = team.report("qa-1").lock
    assert lock and (lock.holder, lock.host) == (Holder.UNSEEN, "build-2")
    with pytest.raises(WrongUseError, match="typed"):
        team.butai.environment_states.release("qa-1", ReleaseRequest(), by="aya")
    assert team.butai.environment_states.release("qa-1", ReleaseRequest(confirm="qa-1"), by="aya").lock is None
