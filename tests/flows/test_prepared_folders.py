"""One `init` for all runs that would have it made the same way: with the real engine, and a real provider where it matters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from butai.assembly import Butai, assemble
from butai.environments.service import CreateRequest, UpdateRequest
from butai.environments.views import DestroyRequest, ServiceChoice
from butai.runs import workers
from butai.runs.folder import RunFolder
from butai.runs.model import RunEnd, Step
from butai.runs.service import RunView
from butai.settings import Settings
from support.carrying import now
from support.rows import WORKER, claim_run
from support.tiny_team import ROOT, TOKEN, TinyTeam

USED = "A prepared folder is used instead of init"
KEPT = "What init made is kept"
MODULE = 'module "more" {\n  source = "../modules/more"\n}\n'
INNER = 'resource "terraform_data" "inner" {\n  input = "1"\n}\n'


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

    def said(self, run: RunView, step: Step | None = None) -> str:
        events = self.butai.runs.events(run.id)
        return "\n".join(each.message for each in events if step in (None, each.step))

    def did_init(self, run: RunView) -> bool:
        return RunFolder(self.butai.data.run(run.id)).output(Step.INIT).exists()

    @property
    def store(self) -> Path:
        return self.butai.data.prepared

    def entries(self) -> list[Path]:
        return [each for each in self.store.iterdir() if not each.is_symlink()]


def opened(folder: Path, root: str = ROOT, **more: str) -> Team:
    settings = Settings(data=folder / "data", cache=folder / "cache")
    butai = assemble(settings)
    team = TinyTeam(folder / "team", root=root)
    if more:
        team.infra.commit(more, "More")
    butai.blueprints.add(str(team.infra.path))
    with butai.database.session() as session:
        workers.register(session, WORKER, slots=1, labels={}, now=now())
    return Team(butai, team)


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTAI_SECRET_TINY_TOKEN", TOKEN)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Team]:
    team = opened(tmp_path)
    yield team
    team.butai.database.close()


@pytest.fixture
def modular(tmp_path: Path) -> Iterator[Team]:
    team = opened(tmp_path, ROOT + MODULE, **{"modules/more/main.tf": INNER})
    yield team
    team.butai.database.close()


def test_the_first_run_inits_and_the_others_do_not_with_equal_results(plain: Team) -> None:
    first, second = plain.create("qa-1"), plain.create("qa-2")
    assert (first.end, second.end) == (RunEnd.SUCCEEDED, RunEnd.SUCCEEDED)
    assert plain.did_init(first) and KEPT in plain.said(first, Step.INIT) and USED not in plain.said(first)
    assert not plain.did_init(second) and USED in plain.said(second, Step.INIT) and KEPT not in plain.said(second)
    outputs, other = (
        {each.name: each.value for each in plain.butai.environments.get(n).outputs} for n in ("qa-1", "qa-2")
    )
    assert outputs["image"] == other["image"] and outputs.keys() == other.keys()
    assert len(plain.entries()) == 1 and len(list(plain.store.iterdir())) == 1, "no provider, so no lock file"
    for run in (plain.update("qa-1"), plain.destroy("qa-2"), plain.destroy("qa-1")):
        assert run.end is RunEnd.SUCCEEDED and not plain.did_init(run) and USED in plain.said(run)
