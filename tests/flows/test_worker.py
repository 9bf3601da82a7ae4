"""From the request to the end, by a real worker process, on SQLite and on PostgreSQL; and what a death of it leaves."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butai.assembly import Butai, assemble
from butai.environments.model import Kind
from butai.environments.service import CreateRequest, DestroyRequest, EnvironmentView, UpdateRequest
from butai.environments.views import ServiceChoice
from butai.errors import ButaiError, NotFoundError, RefusedError, WrongUseError
from butai.leases import service as leases
from butai.runs.folder import RunFolder
from butai.runs.model import NextAction, RunEnd
from butai.settings import Settings
from butai.terraform.state import summary
from support.carrying import has_begun, wait_for
from support.postgres import PostgresServer, postgres
from support.tiny_team import TOKEN, TinyTeam, Worker
from support.variants import SQLITE_FIRST, again

__all__ = ["postgres"]


@pytest.fixture
def team(tmp_path: Path) -> TinyTeam:
    return TinyTeam(tmp_path / "team")


@pytest.fixture(params=SQLITE_FIRST)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "sqlite":
        return Settings(data=tmp_path / "data", concurrency=3)
    server: PostgresServer = request.getfixturevalue("postgres")
    return Settings(data=tmp_path / "data", database=server.with_tables(), concurrency=3)


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


def settle(butai: Butai, environment_id: int, worker: Worker, seconds: float = 60) -> EnvironmentView:
    wait_for(
        lambda: butai.environments.by_id(environment_id).settled, seconds=seconds, why=worker.log.read_text()[-2000:]
    )
    return butai.environments.by_id(environment_id)


def create(butai: Butai, name: str, **more: Any) -> EnvironmentView:
    return butai.environments.create(CreateRequest(name=name, **more), by="mika").environment


def test_the_life_of_an_environment(butai: Butai, worker: Worker, team: TinyTeam, settings: Settings) -> None:
    asked = create(butai, "qa-1", purpose="Release test", services={"web": ServiceChoice(branch="blue")})
    assert asked.state.kind is Kind.BUSY
    assert asked.leases == {"port": "1", "number": "050-1", "subdomain": "qa-1.example.localhost"}
    made = settle(butai, asked.id, worker)
    assert (made.state.kind, made.state.word, made.state.next_action) == (Kind.UP, "Up", NextAction.NONE)
    (web,) = made.services
    assert (web.branch, web.commit, web.differs) == ("blue", team.blue_commit, True)
    outputs = {each.name: each.value for each in made.outputs}
    assert outputs["image"] == f"registry.example/web:{team.blue_commit}"
    assert outputs["secret"] == "(sensitive)"
    assert made.engine.startswith(("terraform", "tofu"))

    changed = butai.environments.update("qa-1", UpdateRequest(services={"web": ServiceChoice(branch="main")}), by="ken")
    assert changed.run.requested_by == "ken"
    made = settle(butai, asked.id, worker)
    assert {each.name: each.value for each in made.outputs}["image"].endswith(team.main_commit)
    assert made.services[0].differs is False
    assert made.leases == asked.leases, "leases stay for life"

    with pytest.raises(WrongUseError, match="typed"):
        butai.environments.destroy("qa-1", DestroyRequest(confirm="qa1"), by="mika")
    butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="mika")
    gone = settle(butai, asked.id, worker)
    assert gone.destroyed_at is not None and gone.leases == {} and gone.state.kind is Kind.OFF
    assert butai.environments.list() == []
    assert summary(butai.states.read(asked.id) or b"").is_empty
    assert create(butai, "qa-1").id != asked.id, "the name is free again"


def test_a_secret_reaches_the_engine_and_nothing_else(butai: Butai, worker: Worker, settings: Settings) -> None:
    made = settle(butai, create(butai, "qa-1").id, worker)
    assert TOKEN.encode() in (butai.states.read(made.id) or b""), "the engine had it"
    shown = made.model_dump_json() + "".join(each.model_dump_json() for each in butai.runs.events(made.last_run.id))
    assert TOKEN not in shown
    worker.end()
    butai.database.close()
    for path in settings.data.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert TOKEN.encode() not in path.read_bytes(), path


def test_three_at_once_do_not_disturb_each_other(butai: Butai, worker: Worker) -> None:
    asked = [create(butai, f"qa-{number}") for number in (1, 2, 3)]
    made = [settle(butai, each.id, worker) for each in asked]
    assert {each.state.kind for each in made} == {Kind.UP}
    for name in ("port", "number", "subdomain"):
        assert len({each.leases[name] for each in made}) == 3
    lineages = {summary(butai.states.read(each.id) or b"").lineage for each in made}
    assert len(lineages) == 3


def test_an_update_stays_on_the_blueprints_commit_unless_told(butai: Butai, worker: Worker, team: TinyTeam) -> None:
    asked = create(butai, "qa-1")
    settle(butai, asked.id, worker)
    (team.infra.path / "staging" / "extra.tf").write_text('output "extra" { value = "new" }\n')
    newest = team.infra.commit({}, "An output more")
    butai.environments.update("qa-1", UpdateRequest(services={"web": ServiceChoice(branch="blue")}), by="ken")
    stayed = settle(butai, asked.id, worker)
    assert stayed.commit == asked.commit and "extra" not in {each.name for each in stayed.outputs}
    butai.environments.update("qa-1", UpdateRequest(latest=True), by="ken")
    moved = settle(butai, asked.id, worker)
    assert moved.commit == newest and "extra" in {each.name for each in moved.outputs}
    assert moved.services[0].branch == "blue", "and the services stay"
    butai.environments.update("qa-1", UpdateRequest(commit=asked.commit), by="ken")
    assert settle(butai, asked.id, worker).commit == asked.commit


@again
def test_after_a_killed_engine_it_goes_on_and_what_was_begun_is_looked_for(butai: Butai, worker: Worker) -> None:
    asked = create(butai, "qa-1", variables={"sleep_s": "30"})
    folder = RunFolder(butai.data.run(asked.last_run.id))
    wait_for(lambda: has_begun(folder, "terraform_data.slow"), seconds=60, why="the slow one is begun")
    pid = folder.living_engine()
    assert pid is not None
    pid.kill()
    killed = settle(butai, asked.id, worker)
    assert (killed.last_run.end, killed.state.next_action) == (RunEnd.PARTIALLY_APPLIED, NextAction.RUN_AGAIN)
    assert [each.address for each in killed.orphans] == ["terraform_data.image", "terraform_data.slow"]
    butai.environments.update("qa-1", UpdateRequest(variables={"sleep_s": "0"}), by="ken")
    assert settle(butai, asked.id, worker).state.kind is Kind.UP

    # The killed apply may have made something that no state knows: the leases stay until somebody has looked.
    butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="mika")
    left = settle(butai, asked.id, worker)
    assert (left.state.kind, left.destroyed_at) == (Kind.WARN, None)
    assert {each.address for each in left.left_over} >= {"terraform_data.slow"}
    assert left.leases == asked.leases
    butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1", looked=True), by="mika")
    gone = settle(butai, asked.id, worker)
    assert gone.destroyed_at is not None and gone.leases == {}


def test_what_failed_half_way_is_said_and_can_be_run_again(butai: Butai, worker: Worker) -> None:
    made = settle(butai, create(butai, "qa-1", variables={"exit_code": "3"}).id, worker)
    assert made.last_run.end is RunEnd.PARTIALLY_APPLIED
    assert (made.state.kind, made.state.next_action) == (Kind.DOWN, NextAction.RUN_AGAIN)
    assert made.last_run.error is not None and made.last_run.error["where"].startswith("main.tf:")
    assert made.leases, "what half exists keeps its leases"
    butai.environments.update("qa-1", UpdateRequest(variables={"exit_code": "0"}), by="mika")
    assert settle(butai, made.id, worker).state.kind is Kind.UP


def test_an_exhausted_pool_is_said_before_anything_is_made(butai: Butai) -> None:
    for number in range(1, 5):
        create(butai, f"qa-{number}")
    with pytest.raises(RefusedError, match="nothing left") as caught:
        create(butai, "qa-5")
    assert caught.value.code == "pool-exhausted"
    assert [each.name for each in butai.environments.list()] == ["qa-1", "qa-2", "qa-3", "qa-4"]


@pytest.mark.parametrize(
    ("name", "more", "code"),
    [
        ("Bad Name", {}, "bad-name"),
        ("qa-1", {"services": {"web": {"branch": "bleu"}}}, "no-such-ref"),
        ("qa-1", {"services": {"wep": {"branch": "main"}}}, "unknown-service"),
        ("qa-1", {"variables": {"sleep": "1"}}, "unknown-variable"),
        ("qa-1", {"variables": {"token": "x"}}, "bad-variable"),
        ("qa-1", {"variables": {"port": "1"}}, "bad-variable"),
        ("qa-1", {"engine": "tofuu"}, "wrong-use"),
        ("qa-1", {"engine": "/nonexistent/terraform"}, "engine-broken"),
        ("qa-1", {"blueprint": "tinny"}, "unknown-blueprint"),
        ("qa-1", {"ref": "nowhere"}, "no-such-ref"),
    ],
)
def test_bad_input_is_refused_whole(butai: Butai, name: str, more: dict[str, Any], code: str) -> None:
    with pytest.raises(ButaiError) as caught:
        create(butai, name, **more)
    assert (caught.value.code, bool(caught.value.next)) == (code, True)
    assert butai.environments.list() == []
    with butai.database.session() as session:
        assert not any(use.held for use in leases.overview(session, "tiny", {}))


def test_a_name_is_taken_once(butai: Butai) -> None:
    create(butai, "qa-1")
    with pytest.raises(RefusedError, match="exists already"):
        create(butai, "qa-1")
    with pytest.raises(NotFoundError, match="qa-2") as caught:
        butai.environments.get("qa-2")
    assert "qa-1" in caught.value.next


def test_a_worker_killed_in_mid_apply_is_followed_by_the_truth(butai: Butai, worker: Worker) -> None:
    asked = create(butai, "qa-1", variables={"sleep_s": "6"})
    wait_for(lambda: butai.runs.get(asked.last_run.id).done >= 1, seconds=60, why="the first resource is made")
    worker.end(signal.SIGKILL)
    worker.start()
    made = settle(butai, asked.id, worker)
    assert made.last_run.end is RunEnd.SUCCEEDED
    assert made.state.kind is Kind.UP
    applied = [event for event in butai.runs.events(asked.last_run.id) if event.kind == "change_summary"]
    assert [event.detail["add"] for event in applied if event.action == "apply"] == [2], "it was applied once"


def test_a_stopped_worker_leaves_the_engine_alone(butai: Butai, worker: Worker) -> None:
    asked = create(butai, "qa-1", variables={"sleep_s": "4"})
    wait_for(lambda: butai.runs.get(asked.last_run.id).done >= 1, seconds=60, why="the first resource is made")
    assert worker.end() == 0
    assert butai.runs.get(asked.last_run.id).end is None
    worker.start()
    assert settle(butai, asked.id, worker).state.kind is Kind.UP


def test_runs_of_one_environment_come_one_after_the_other(butai: Butai, worker: Worker) -> None:
    asked = create(butai, "qa-1", variables={"sleep_s": "2"})
    second = butai.environments.update("qa-1", UpdateRequest(services={"web": ServiceChoice(branch="blue")}), by="ken")
    third = butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="mika")
    assert second.run.params["variables"] == {"sleep_s": "2"}, "it builds on what is queued before it"
    gone = settle(butai, asked.id, worker)
    runs = butai.environments.runs_of(asked.id)
    assert [run.end for run in runs] == [RunEnd.SUCCEEDED] * 3
    newest, middle, oldest = runs
    assert (newest.id, gone.destroyed_at is not None) == (third.run.id, True)
    assert oldest.ended_at and middle.started_at and middle.ended_at and newest.started_at
    assert oldest.ended_at <= middle.started_at <= middle.ended_at <= newest.started_at


def test_a_second_worker_on_the_same_data_folder_is_refused(worker: Worker, settings: Settings, tmp_path: Path) -> None:
    wait_for(lambda: "worker ready" in worker.log.read_text(), why="the first is up")
    second = Worker(settings, tmp_path / "second.log")
    second.start()
    assert second.process is not None
    assert second.process.wait(30) == 3
    assert "already works on" in second.log.read_text()
    assert "Traceback" not in second.log.read_text()


def test_without_a_worker_the_page_says_so(butai: Butai) -> None:
    create(butai, "qa-1")
    assert "butai worker" in butai.environments.get("qa-1").state.reason
    assert "butai worker" in butai.environments.list()[0].state.reason
