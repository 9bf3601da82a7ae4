"""Deploys at the door: what is queued with what, history, roll-back, API and pages; nothing is carried out here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from butai.assembly import Butai, assemble
from butai.deploys.service import DeployRequest, RollBackRequest
from butai.environments.service import CreateRequest, EnvironmentView, ServiceChoice, UpdateRequest
from butai.errors import NotFoundError, RefusedError, WrongUseError
from butai.rooms import ROOMS
from butai.runs.migrations import Migrated
from butai.runs.model import RunEnd, RunKind, RunStatus
from butai.runs.service import RunView
from butai.runs.store import Run
from butai.settings import Settings
from butai.web.app import create_app
from butai.web.sign_in import SignIn
from support.rows import NOW
from support.tiny_team import YAML, TinyTeam

VARIABLES = YAML.replace("    ecs_service", '    variables: {VERSION: "{short_commit}"}\n    ecs_service')


@pytest.fixture
def team(tmp_path: Path) -> TinyTeam:
    return TinyTeam(tmp_path / "team", yaml=VARIABLES)


@pytest.fixture
def butai(tmp_path: Path, team: TinyTeam) -> Iterator[Butai]:
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.blueprints.add(str(team.infra.path))
    end(butai, butai.environments.create(CreateRequest(name="qa-1"), by="mika").run)
    yield butai
    butai.database.close()


@pytest.fixture
def client(butai: Butai) -> TestClient:
    app = create_app(butai, ROOMS, SignIn(butai.data), 8710)
    key = butai.data.cli_secret()
    headers = {"Authorization": f"Bearer {key}", "X-Butai-User": "ken"}
    return TestClient(app, base_url="http://127.0.0.1:8710", headers=headers)


def end(butai: Butai, run: RunView, how: RunEnd = RunEnd.SUCCEEDED, *, put: bool = True) -> RunView:
    """A run ends; a deploy has put its version there."""
    with butai.database.session() as session:
        row = session.get_one(Run, run.id)
        row.status, row.end, row.ended_at, row.settled_at = RunStatus.ENDED, how, NOW, NOW
        if put and run.kind is RunKind.DEPLOY:
            butai.environments.note_deployed(
                session, run.environment_id, {"web": run.params["services"]["web"]}, Migrated()
            )
    return butai.runs.get(run.id)


def deploy(butai: Butai, branch: str) -> RunView:
    return butai.deploys.deploy("qa-1", DeployRequest(services={"web": ServiceChoice(branch=branch)}), by="ken").run


def web_of(shown: EnvironmentView) -> str:
    return shown.services[0].branch


def test_a_deploy_is_queued_with_everything_that_it_exchanges(butai: Butai, team: TinyTeam) -> None:
    run = deploy(butai, "blue")
    assert (run.kind, run.requested_by) == (RunKind.DEPLOY, "ken")
    assert run.params["services"]["web"]["image"] == f"registry.example/web:{team.blue_commit}"
    told = run.params["deploy"]["services"]["web"]
    assert told["variables"] == {"VERSION": team.blue_commit[:7]}
    assert told["before"]["branch"] == "main"
    assert butai.environments.get("qa-1").state.word == "Queued"


def test_what_cannot_be_deployed_is_said_at_the_door(butai: Butai) -> None:
    with pytest.raises(WrongUseError, match="No service was named"):
        butai.deploys.deploy("qa-1", DeployRequest(services={}), by="ken")
    with pytest.raises(NotFoundError, match="Did you mean `web`"):
        butai.deploys.deploy("qa-1", DeployRequest(services={"wep": ServiceChoice(branch="main")}), by="ken")
    with pytest.raises(NotFoundError, match="blue"):
        deploy(butai, "bleu")
    with pytest.raises(NotFoundError, match="Did you mean `web`"):
        butai.deploys.roll_back("qa-1", RollBackRequest(service="wep"), by="ken")


def test_what_comes_later_starts_from_what_was_deployed(butai: Butai) -> None:
    end(butai, deploy(butai, "blue"))
    assert web_of(butai.environments.get("qa-1")) == "blue"
    update = butai.environments.update("qa-1", UpdateRequest(variables={"exit_code": "0"}), by="mika").run
    assert update.params["services"]["web"]["branch"] == "blue"
    assert update.params["values"]["web_image"] == update.params["services"]["web"]["image"]


def test_an_update_that_is_run_again_brings_back_no_older_image(butai: Butai) -> None:
    wish = UpdateRequest(services={"web": ServiceChoice(branch="main")})
    end(butai, butai.environments.update("qa-1", wish, by="mika").run, RunEnd.FAILED_BEFORE_CHANGE)
    end(butai, deploy(butai, "blue"))
    again = butai.environments.next("qa-1", by="mika").run
    assert (again.kind, again.params["services"]["web"]["branch"]) == (RunKind.UPDATE, "blue")


def test_a_deploy_that_was_not_rolled_out_is_no_part_of_a_repeated_update(butai: Butai) -> None:
    wish = UpdateRequest(services={"web": ServiceChoice(branch="main")})
    end(butai, butai.environments.update("qa-1", wish, by="mika").run, RunEnd.FAILED_BEFORE_CHANGE)
    end(butai, deploy(butai, "blue"), RunEnd.NOT_ROLLED_OUT, put=False)
    assert butai.environments.next("qa-1", by="mika").run.params["services"]["web"]["branch"] == "main"


def test_a_roll_back_goes_to_the_version_before_or_to_that_of_a_run(butai: Butai, team: TinyTeam) -> None:
    with pytest.raises(RefusedError, match="no other good version"):
        butai.deploys.roll_back("qa-1", RollBackRequest(service="web"), by="ken")
    first = end(butai, deploy(butai, "blue"))
    back = butai.deploys.roll_back("qa-1", RollBackRequest(service="web"), by="ken").run
    assert back.params["services"]["web"]["commit"] == team.main_commit
    assert back.params["deploy"]["services"]["web"]["variables"] == {"VERSION": team.main_commit[:7]}
    end(butai, back)
    to = butai.deploys.roll_back("qa-1", RollBackRequest(service="web", to=first.id), by="ken").run
    assert to.params["services"]["web"]["commit"] == team.blue_commit
    with pytest.raises(RefusedError, match="had no version of run 99"):
        butai.deploys.roll_back("qa-1", RollBackRequest(service="web", to=99), by="ken")


def test_a_roll_back_after_a_failed_deploy_goes_to_what_still_serves(butai: Butai, team: TinyTeam) -> None:
    end(butai, deploy(butai, "blue"), RunEnd.NOT_ROLLED_OUT, put=False)
    back = butai.deploys.roll_back("qa-1", RollBackRequest(service="web"), by="ken").run
    assert back.params["services"]["web"]["commit"] == team.main_commit


def test_the_api_deploys_rolls_back_and_tells_the_history(client: TestClient, butai: Butai) -> None:
    path = "/api/v1/environments/qa-1/deploys"
    asked = client.post(path, json={"services": {"web": {"branch": "blue"}}, "wait_for_image_minutes": 5})
    assert asked.status_code == 202 and asked.json()["run"]["params"]["deploy"]["wait_for_image_s"] == 300
    end(butai, butai.runs.get(asked.json()["run"]["id"]))
    assert client.post(f"{path}/roll-back", json={"service": "web"}).status_code == 202
    assert client.post(path, json={"services": {"web": {"branch": "none"}}}).status_code == 404
    assert client.post(path, json={"services": {}, "wait_for_image_minutes": 61}).status_code == 422
    told: list[dict[str, Any]] = client.get(path).json()
    assert [(each["kind"], each["branch"], each["end"], each["by"]) for each in told] == [
        ("deploy", "main", None, "ken"),
        ("deploy", "blue", "succeeded", "ken"),
        ("create", "main", "succeeded", "mika"),
    ]


def test_the_pages_show_what_runs_where_and_deploy(client: TestClient, butai: Butai) -> None:
    html = {"Accept": "text/html"}
    assert "qa-1" in client.get("/deploys", headers=html).text
    done = client.post("/deploys/tiny/qa-1", data={"service.web": "blue", "wait": "on"}, follow_redirects=False)
    newest = butai.environments.get("qa-1").last_run
    assert (done.status_code, done.headers["location"]) == (303, f"/environments/tiny/qa-1?run={newest.id}")
    assert newest.params["deploy"]["wait_for_image_s"] == 1800
    end(butai, newest)
    page = client.get("/deploys/tiny/qa-1", headers=html).text
    assert "Roll back to this" in page and "runs now" in page
    first = butai.environments.runs_of(newest.environment_id)[-1].id
    back = client.post(
        "/deploys/tiny/qa-1/roll-back", data={"service": "web", "to": str(first)}, follow_redirects=False
    )
    assert back.status_code == 303
    wrong = client.post("/deploys/tiny/qa-1", data={"service.web": "bleu"}, headers=html)
    assert wrong.status_code == 404 and "bleu" in wrong.text
    assert "No service was named" in client.post("/deploys/tiny/qa-1", data={}, headers=html).text
    shown = client.get(f"/environments/tiny/qa-1?run={newest.id}", headers=html).text
    assert 'formaction="/deploys/tiny/qa-1"' in shown
