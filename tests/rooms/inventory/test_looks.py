"""What git and states tell of a repository, through the API and on its pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from butai.assembly import Butai, assemble
from butai.environments.store import Environment
from butai.settings import Settings
from support.in_process import signed_in
from support.rows import NOW, add_environment, add_run
from support.tiny_team import TinyTeam

PORT = 8713
HOST = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def butai(tmp_path: Path) -> Iterator[Butai]:
    butai = assemble(Settings(data=tmp_path / "data"))
    team = TinyTeam(tmp_path / "team")
    butai.blueprints.add(str(team.infra.path), root="staging", name="tiny")
    yield butai
    butai.database.close()


@pytest.fixture
def client(butai: Butai) -> TestClient:
    return signed_in(butai, PORT)


def live(butai: Butai) -> int:
    """An environment whose state has one thing that is in code and one that is not, and whose drift check found both."""
    shown = butai.blueprints.get("tiny")
    number = add_environment(butai.database, "qa-1", blueprint="tiny", commit=shown.commit)
    run = add_run(butai.database, number, params={"commit": shown.commit})
    resources = [resource("terraform_data", "image", "img-1"), resource("terraform_data", "gone", "old-1")]
    document = {"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {}}
    butai.states.write(number, run, json.dumps({**document, "resources": resources}).encode(), lock_id="")
    with butai.database.session() as session:
        row = session.get_one(Environment, number)
        row.drift = {"run": run, "at": NOW.isoformat(), "count": 1, "items": [drifted("terraform_data.image")]}
    return number


def resource(kind: str, name: str, id_: str) -> dict[str, Any]:
    instance = {"attributes": {"id": id_}}
    provider = 'provider["terraform.io/builtin/terraform"]'
    return {"mode": "managed", "type": kind, "name": name, "provider": provider, "instances": [instance]}


def drifted(address: str) -> dict[str, Any]:
    return {"address": address, "action": "update", "outside": "update"}


def test_states_and_drift_of_environments_stand_beside_the_code(butai: Butai, client: TestClient) -> None:
    live(butai)
    [found] = client.get("/api/v1/inventory/infra/environments").json()
    assert (found["environment"], found["root"], found["instances"]) == ("qa-1", "staging", 2)
    assert [each["address"] for each in found["undeclared"]] == ["terraform_data.gone"]
    assert "terraform_data.slow" in found["missing"] + found["perhaps_missing"]
    [drift] = found["drift"]
    assert (drift["node"], drift["outside"]) == ("staging:terraform_data.image", "update")
    asked = client.get("/api/v1/inventory/infra/environments/node", params={"id": "staging:terraform_data.image"})
    [node] = asked.json()
    assert [each["id"] for each in node["instances"]] == ["img-1"] and node["drift"] == [drift]


def test_pages_show_both(butai: Butai, client: TestClient) -> None:
    live(butai)
    page = client.get("/inventory/infra/environments").text
    assert "terraform_data.gone" in page and "changed outside; an update would change it" in page
    panel = client.get("/inventory/infra/map", params={"node": "staging:terraform_data.image"}).text
    assert "img-1" in panel and "changed outside" in panel
    butai.pasts.of("infra", wait=True)
    panel = client.get("/inventory/infra/map", params={"node": "staging:terraform_data.image"}).text
    assert "Who to ask" in panel


def test_git_tells_who_knows_what_and_keeps_it(butai: Butai, client: TestClient) -> None:
    assert client.get("/api/v1/inventory/infra/past").json()["commit"]
    found = client.get("/api/v1/inventory/infra/past", params={"wait": True}).json()
    assert not found["reading"] and found["whole"]["changes"] >= 1
    assert sum(each["commits"] for each in found["weeks"]) >= 1
    assert [each["id"] for each in found["folders"]] == ["staging"]
    node = client.get("/api/v1/inventory/infra/past/node", params={"id": "staging:terraform_data.image"}).json()
    assert node["changes"] >= 1 and node["people"]
    page = client.get("/inventory/infra/past").text
    assert node["people"][0]["name"] in page
    assert list(butai.data.history.glob("*.json")), "the next commit's history is read from here on"


def test_what_is_unknown_is_said(client: TestClient) -> None:
    assert client.get("/api/v1/inventory/nothing/past").status_code == 404
    assert client.get("/api/v1/inventory/infra/environments").json() == []
    assert "No environment is made from this repository" in client.get("/inventory/infra/environments").text
    assert client.get("/api/v1/inventory/infra/past/node", params={"id": "staging:nothing"}).status_code == 404
