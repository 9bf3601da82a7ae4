"""An update queued behind a deploy: what that one put there stays, what it did not put there Terraform does not bring in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butai.assembly import Butai, assemble
from butai.environments.service import ServiceChoice, UpdateRequest
from butai.environments.store import Environment
from butai.errors import RefusedError
from butai.runs.model import RunEnd
from butai.runs.service import RunView
from butai.settings import Settings
from support.bucket import carry, create
from support.tiny_team import TOKEN, TinyTeam


@pytest.fixture
def butai(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Butai]:
    monkeypatch.setenv("BUTAI_SECRET_TINY_TOKEN", TOKEN)
    team = TinyTeam(tmp_path / "team")
    team.web.git("switch", "--quiet", "main")
    team.web.branch("broken")
    team.web.commit({"broken": "yes"}, "Broken")
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.blueprints.add(str(team.infra.path))
    assert carry(butai, create(butai, "qa-1", sleep_s="0")).end is RunEnd.SUCCEEDED
    yield butai
    butai.database.close()


def deploy_and_update(butai: Butai, **wish: Any) -> tuple[RunView, RunView]:
    """Both queued, one behind the other."""
    deploy = butai.environments.deploy("qa-1", {"web": ServiceChoice(branch="broken")}, by="mika").run
    update = butai.environments.update("qa-1", UpdateRequest(variables={"exit_code": "0"}, **wish), by="ken").run
    return deploy, update


def test_a_deploy_that_failed_is_not_brought_in_by_the_update_behind_it(butai: Butai) -> None:
    before = butai.environments.get("qa-1").services
    deploy, update = deploy_and_update(butai)
    assert update.params["rests_on"] == {"web": deploy.id}
    assert update.params["services"]["web"]["branch"] == "broken"
    # Its state knows no ECS service.
    assert carry(butai, deploy).end is RunEnd.FAILED_BEFORE_CHANGE
    ended = carry(butai, update)
    assert ended.end is RunEnd.SUCCEEDED
    assert butai.environments.get("qa-1").services == before
    assert ended.params["values"]["web_image"] == before[0].image
    assert any("put nothing there" in each.message for each in butai.runs.events(update.id))


def test_a_later_update_that_does_the_work_of_both_rests_on_it_as_well(butai: Butai) -> None:
    deploy, first = deploy_and_update(butai)
    second = butai.environments.update("qa-1", UpdateRequest(variables={"sleep_s": "0"}), by="aya").run
    assert butai.runs.get(first.id).end is RunEnd.SUPERSEDED
    assert second.params["rests_on"] == {"web": deploy.id}


def test_what_the_update_itself_wants_it_gets(butai: Butai) -> None:
    deploy, update = deploy_and_update(butai, services={"web": ServiceChoice(branch="broken")})
    assert update.params["rests_on"] == {}
    carry(butai, deploy)
    assert carry(butai, update).end is RunEnd.SUCCEEDED
    assert butai.environments.get("qa-1").services[0].branch == "broken"


def test_a_deploy_asks_for_no_engine(butai: Butai) -> None:
    with butai.database.session() as session:
        session.get_one(Environment, butai.environments.get("qa-1").id).engine_version = "99.0.0"
    with pytest.raises(RefusedError, match=r"99\.0\.0"):
        butai.environments.update("qa-1", UpdateRequest(), by="ken")
    assert butai.environments.deploy("qa-1", {"web": ServiceChoice(branch="main")}, by="mika").run.end is None
