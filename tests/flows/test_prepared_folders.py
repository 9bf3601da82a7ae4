"""One `init` for all runs that would have it made the same way: with the real engine, and the real AWS provider once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from butai.assembly import Butai, assemble
from butai.environments import reuse
from butai.environments.service import CreateRequest, UpdateRequest
from butai.environments.views import DestroyRequest, ServiceChoice
from butai.runs import workers
from butai.runs.folder import Command, RunFolder, Work
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, RunKind, Step
from butai.runs.service import RunView
from butai.settings import Settings
from butai.terraform.foldercopy import copy_folder
from butai.terraform.machine import this_platform
from butai.terraform.packages import LOCK_FILE
from butai.terraform.providers import find_mirrors
from butai.terraform.state import summary
from support.carrying import QUICK, RootJob, Stage, engine, now
from support.repository import WorkingTree
from support.rows import WORKER, add_run, claim_run
from support.tiny_team import ROOT, TOKEN, TinyTeam
from support.variants import again

USED = "A prepared folder is used instead of init"
KEPT = "What init made is kept"
OWN = "Every run of this root does its own init"
MODULE = 'module "more" {{\n  source = "{}"\n}}\n'
INNER = 'resource "terraform_data" "{}" {{}}\n'
REQUIRED = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
"""
AWS = (
    REQUIRED
    + """
resource "aws_ssm_parameter" "one" {
  name  = "/tiny/${var.environment}/one"
  type  = "String"
  value = "x"
}
"""
)


@dataclass
class Team:
    """Butai with a blueprint, whose runs are carried out here and now."""

    butai: Butai
    team: TinyTeam

    def create(self, name: str) -> RunView:
        return self.carry(self.butai.environments.create(CreateRequest(name=name), by="mika").run)

    def update(self, name: str, branch: str = "blue") -> RunView:
        body = UpdateRequest(services={"web": ServiceChoice(branch=branch)})
        return self.carry(self.butai.environments.update(name, body, by="ken").run)

    def destroy(self, name: str) -> RunView:
        return self.carry(self.butai.environments.destroy(name, DestroyRequest(confirm=name), by="ken").run)

    def carry(self, run: RunView) -> RunView:
        self.butai.carrier().carry(claim_run(self.butai.database, run.id))
        return self.butai.runs.get(run.id)

    def commit(self, files: dict[str, str]) -> None:
        self.team.infra.commit(files, "Change")
        self.butai.blueprints.refresh("tiny")

    def said(self, run: RunView, step: Step | None = None) -> str:
        events = self.butai.runs.events(run.id)
        return "\n".join(each.message for each in events if step in (None, each.step))

    def did_init(self, run: RunView) -> bool:
        return RunFolder(self.butai.data.run(run.id)).output(Step.INIT).exists()

    def addresses(self, run: RunView) -> set[str]:
        return {each.address for each in summary(self.butai.states.read(run.environment_id) or b"").resources}

    def root(self, run: RunView) -> Path:
        return Path(RunFolder(self.butai.data.run(run.id)).read_work().root)

    @property
    def store(self) -> Path:
        return self.butai.data.prepared


Opener = Callable[..., Team]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """Opens a team with a root, more files beside it, and settings."""
    monkeypatch.setenv("BUTAI_SECRET_TINY_TOKEN", TOKEN)
    teams: list[Team] = []

    def opener(
        root: str = ROOT, files: dict[str, str] | None = None, mirror: Path | None = None, days: int = 7
    ) -> Team:
        settings = Settings(data=tmp_path / "data", cache=tmp_path / "cache", keep_prepared_days=days)
        more = {"BUTAI_PROVIDER_MIRROR": str(mirror)} if mirror else {}
        butai = assemble(settings, {**os.environ, **more})
        team = TinyTeam(tmp_path / "team", root=root)
        if files:
            team.infra.commit(files, "More")
        butai.blueprints.add(str(team.infra.path))
        with butai.database.session() as session:
            workers.register(session, WORKER, slots=1, labels={}, now=now())
        teams.append(Team(butai, team))
        return teams[-1]

    yield opener
    for team in teams:
        team.butai.database.close()


def test_the_first_run_inits_and_the_others_do_not_with_equal_results(opened: Opener) -> None:
    team = opened()
    first, second = team.create("qa-1"), team.create("qa-2")
    assert (first.end, second.end) == (RunEnd.SUCCEEDED, RunEnd.SUCCEEDED)
    assert team.did_init(first) and KEPT in team.said(first, Step.INIT) and USED not in team.said(first)
    assert not team.did_init(second) and USED in team.said(second, Step.INIT) and KEPT not in team.said(second)
    assert team.addresses(first) == team.addresses(second) and (first.done, first.planned) == (
        second.done,
        second.planned,
    )
    assert len(list(team.store.iterdir())) == 1, "no provider, so no lock file, so no second name"
    for run in (team.update("qa-1"), team.destroy("qa-2"), team.destroy("qa-1")):
        assert run.end is RunEnd.SUCCEEDED and not team.did_init(run) and USED in team.said(run)


def test_a_drift_check_has_it_too(opened: Opener) -> None:
    team = opened()
    team.create("qa-1")
    check = team.carry(team.butai.environments.check("qa-1", by="ken").run)
    assert check.end is RunEnd.SUCCEEDED and not team.did_init(check) and USED in team.said(check)


def test_a_changed_module_is_a_new_init(opened: Opener) -> None:
    team = opened(ROOT + MODULE.format("../more"), {"more/main.tf": INNER.format("inner")})
    team.create("qa-1")
    same = team.create("qa-2")
    assert not team.did_init(same) and "module.more.terraform_data.inner" in team.addresses(same)
    team.commit({"more/main.tf": INNER.format("other")})
    other = team.create("qa-3")
    assert team.did_init(other) and "module.more.terraform_data.other" in team.addresses(other)
    team.commit({"README.md": "no module file"})
    assert not team.did_init(team.create("qa-4"))


@pytest.mark.parametrize(("ref", "pinned"), [("v1.0.0", True), ("main", False)])
def test_a_fetched_module_is_kept_where_it_is_pinned(opened: Opener, tmp_path: Path, ref: str, pinned: bool) -> None:
    module = WorkingTree(tmp_path / "module")
    module.commit({"main.tf": INNER.format("fetched")})
    module.git("tag", "v1.0.0")
    team = opened(ROOT + MODULE.format(f"git::file://{module.path}?ref={ref}"))
    first = team.create("qa-1")
    module.commit({"main.tf": INNER.format("newer")})
    second = team.create("qa-2")
    assert (first.end, second.end) == (RunEnd.SUCCEEDED, RunEnd.SUCCEEDED), team.said(second)
    resource = "fetched" if pinned else "newer"
    assert f"module.more.terraform_data.{resource}" in team.addresses(second)
    assert team.did_init(second) is not pinned
    assert (OWN in team.said(first)) is (OWN in team.said(second)) is not pinned
    assert bool(list(team.store.iterdir())) is pinned


def test_two_first_runs_at_once(opened: Opener) -> None:
    team = opened()
    started = [team.butai.environments.create(CreateRequest(name=name), by="mika").run for name in ("qa-1", "qa-2")]
    with ThreadPoolExecutor(2) as both:
        ended = list(both.map(team.carry, started))
    assert [each.end for each in ended] == [RunEnd.SUCCEEDED] * 2
    assert [each.name.startswith(".") for each in team.store.iterdir()] == [False]
    assert not team.did_init(team.create("qa-3"))


def test_it_can_be_turned_off(opened: Opener) -> None:
    team = opened(days=0)
    runs = [team.create("qa-1"), team.create("qa-2")]
    assert all(team.did_init(each) and "repared folder" not in team.said(each) for each in runs)
    assert not (team.butai.data.path / "prepared").exists()


def test_a_state_with_another_provider_gets_its_own_init(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    team = opened()
    team.create("qa-1")
    monkeypatch.setattr(reuse, "providers", lambda _: frozenset({"example.com/a/b"}))
    run = team.update("qa-1")
    assert run.end is RunEnd.SUCCEEDED and team.did_init(run)
    assert "not used, init is done: the state needs example.com/a/b too" in team.said(run, Step.INIT)


class Mirror:
    """A mirror of the test's own with the real AWS provider in it, which is the same file: nobody may write to it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source = folder, f"{engine().registry_host}/hashicorp/aws"
        held = [each for each in find_mirrors(os.environ, home=Path.home()).packages if each.source == self.source]
        if not held:
            pytest.skip("no mirror with the AWS provider on this machine")
        self._original = held[-1].mirror / self.source / held[-1].version / this_platform()
        self.version = held[-1].version
        self.add(self.version)

    def package(self, version: str) -> Path:
        return self.folder / self.source / version / this_platform()

    def add(self, version: str) -> None:
        """The same provider as a version."""
        self.package(version).parent.mkdir(parents=True)
        copy_folder(self._original, self.package(version), linked=lambda _: True)

    @property
    def newer(self) -> str:
        """A version that nobody has made."""
        major, minor, _ = self.version.split(".")
        return f"{major}.{int(minor) + 1}.0"


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror")


@again
def test_a_provider_of_a_mirror_is_linked_and_both_lock_files_find_it(opened: Opener, mirror: Mirror) -> None:
    team = opened(ROOT + REQUIRED, mirror=mirror.folder)
    runs = [team.create("qa-1"), team.create("qa-2"), team.update("qa-1")]
    assert [each.end for each in runs] == [RunEnd.SUCCEEDED] * 3, team.said(runs[1])
    assert [team.did_init(each) for each in runs] == [True, False, False]
    assert sorted(each.is_symlink() for each in team.store.iterdir()) == [False, True], "with and without its lock file"
    link = next(each for each in (team.root(runs[1]) / ".terraform/providers").rglob("*") if each.is_symlink())
    assert link.readlink() == mirror.package(mirror.version)

    mirror.add(mirror.newer)
    team.butai.engines._mirrors = None  # as after a restart of the worker
    created, updated = team.create("qa-3"), team.update("qa-2")
    assert team.did_init(created) and f'"{mirror.newer}"' in (team.root(created) / LOCK_FILE).read_text()
    assert created.end is updated.end is RunEnd.SUCCEEDED
    assert f'"{mirror.version}"' in (team.root(updated) / LOCK_FILE).read_text(), "its lock file holds it where it was"


@again
def test_a_tampered_provider_is_not_used_and_the_engine_says_the_same(opened: Opener, mirror: Mirror) -> None:
    team = opened(ROOT + REQUIRED, mirror=mirror.folder)
    assert team.create("qa-1").end is RunEnd.SUCCEEDED
    (mirror.package(mirror.version) / "more").write_text("what nobody has put there")
    update = team.update("qa-1")
    assert "is not the one that the lock file names" in team.said(update, Step.INIT) and USED not in team.said(update)
    assert update.end is RunEnd.FAILED_BEFORE_CHANGE and team.did_init(update)
    assert "checksums" in str(update.error)
    # A new environment without a lock file takes what the mirror has now, as it always did.
    created = team.create("qa-2")
    assert created.end is RunEnd.SUCCEEDED and team.did_init(created) and KEPT in team.said(created)


@again
def test_a_mirror_that_was_removed_is_said(opened: Opener, mirror: Mirror) -> None:
    team = opened(ROOT + REQUIRED, mirror=mirror.folder)
    team.create("qa-1")
    shutil.rmtree(mirror.folder)
    update = team.update("qa-1")
    assert "the package of" in team.said(update, Step.INIT) and "is gone" in team.said(update, Step.INIT)
    assert update.end is RunEnd.FAILED_BEFORE_CHANGE and team.did_init(update)


@again
def test_with_the_aws_provider(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    values = {"ENDPOINT_URL": f"http://{host}:{port}", "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}
    for name, value in values.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    try:
        team = opened(ROOT + AWS)
        first, second = team.create("qa-1"), team.create("qa-2")
        assert (first.end, second.end) == (RunEnd.SUCCEEDED, RunEnd.SUCCEEDED), team.said(second)
        assert team.did_init(first) and not team.did_init(second)
        assert team.addresses(first) == team.addresses(second) and "aws_ssm_parameter.one" in team.addresses(first)
        gone = team.destroy("qa-1")
        assert gone.end is RunEnd.SUCCEEDED and not team.did_init(gone), "its lock file is the one that init wrote"
    finally:
        server.stop()


def test_a_command_that_may_fail_ends_nothing(there: Stage, environment: int) -> None:
    class Failing(RootJob):
        def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
            made = super().prepare(run, folder, log)
            first, *others = made.work.commands
            failing = Command(Step.INIT, ["sh", "-c", "kill -9 $$"], may_fail=True)
            return replace(made, work=replace(made.work, commands=[first, failing, *others]))

    run = add_run(there.database, environment, kind=RunKind.CREATE)
    assert there.carrier(Failing(QUICK)).engine_part(run) is RunEnd.SUCCEEDED


def test_the_step_that_was_reached(there: Stage) -> None:
    folder = there.folder(1)
    folder.path.mkdir(parents=True)
    commands = [Command(Step.ADOPT, ["a"]), Command(Step.APPLY, ["b"])]
    folder.write_work(Work(1, 1, str(folder.path), commands))
    seen = [folder.step_reached]
    for step in (Step.ADOPT, Step.APPLY):
        folder.output(step).touch()
        seen.append(folder.step_reached)
    assert seen == [Step.ADOPT, Step.ADOPT, Step.APPLY]
