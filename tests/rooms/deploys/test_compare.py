"""Two environments beside each other: what differs is told, no value of a container, and their own names do not count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from butai.assembly import Butai, assemble
from butai.environments.service import CreateRequest, ServiceChoice
from butai.rooms import ROOMS
from butai.settings import Settings
from butai.web.app import create_app
from butai.web.sign_in import SignIn
from support.tiny_team import TinyTeam


@pytest.fixture
def butai(tmp_path: Path) -> Iterator[Butai]:
    butai = assemble(Settings(data=tmp_path / "data"))
    team = TinyTeam(tmp_path / "team")
    butai.blueprints.add(str(team.infra.path))
    blue = {"web": ServiceChoice(branch="blue")}
    butai.environments.create(CreateRequest(name="qa-1"), by="mika")
    butai.environments.create(CreateRequest(name="qa-2", services=blue, variables={"sleep_s": "1"}), by="mika")
    keep(butai, "qa-1", {"URL": "http://qa-1.test", "LEVEL": "debug", "SAME": "x"}, {"KEY": "/qa-1/key"})
    keep(butai, "qa-2", {"URL": "http://qa-2.test", "LEVEL": "hunter2", "SAME": "x"}, {"KEY": "/old/key", "NEW": "/n"})
    yield butai
    butai.database.close()


def keep(butai: Butai, name: str, variables: dict[str, str], secrets: dict[str, str]) -> None:
    """The environment's state holds one task definition."""
    container: dict[str, Any] = {
        "name": "web",
        "environment": [{"name": each, "value": value} for each, value in variables.items()],
        "secrets": [{"name": each, "valueFrom": value} for each, value in secrets.items()],
    }
    instance = {"schema_version": 1, "attributes": {"id": name, "container_definitions": json.dumps([container])}}
    resource = {
        "mode": "managed",
        "type": "aws_ecs_task_definition",
        "name": "web",
        "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
        "instances": [instance],
    }
    document = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": name}
    content = json.dumps({**document, "outputs": {}, "resources": [resource]}).encode()
    shown = butai.environments.get(name)
    butai.states.write(shown.id, shown.last_run.id, content, lock_id="")


def test_what_differs(butai: Butai) -> None:
    found = butai.deploys.compare("qa-1", "qa-2")
    told = {(str(each.part), each.name): (each.left, each.right) for each in found.lines}
    assert told.pop(("service", "web"))[1].startswith("blue ")
    assert told == {
        ("variable", "sleep_s"): ("", "1"),
        ("container-variable", "web: LEVEL"): ("one", "another"),
        ("container-secret", "web: KEY"): ("one", "another"),
        ("container-secret", "web: NEW"): ("", "one"),
    }
    assert "hunter2" not in found.model_dump_json(), "no value of a container is told"
    assert found.same >= 4


def test_nothing_differs_from_itself(butai: Butai) -> None:
    assert butai.deploys.compare("qa-1", "qa-1").lines == []


def test_through_the_api_and_the_pages(butai: Butai) -> None:
    app = create_app(butai, ROOMS, SignIn(butai.data), 8710)
    headers = {"Authorization": f"Bearer {butai.data.cli_secret()}", "X-Butai-User": "ken"}
    client = TestClient(app, base_url="http://127.0.0.1:8710", headers=headers)
    found = client.get("/api/v1/environments/qa-1/compare/qa-2").json()
    assert found["lines"][0]["part"] == "service"
    assert client.get("/api/v1/environments/qa-1/compare/none").status_code == 404
