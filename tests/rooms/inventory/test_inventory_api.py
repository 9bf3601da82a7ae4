"""The inventory's API and its pages, as they answer without a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from butai.assembly import Butai, assemble
from butai.settings import Settings
from support.in_process import with_key
from support.repository import WorkingTree

PORT = 8712
HOST = f"http://127.0.0.1:{PORT}"
EVIL = "</script><script>alert(1)</script>"
FILES = {
    "live/main.tf": f"""\
# {EVIL}
resource "aws_ecs_service" "web" {{
  name = "{EVIL}"
  task_definition = aws_ecs_task_definition.web.arn
}}

resource "aws_ecs_task_definition" "web" {{
  family = var.name
}}

variable "name" {{}}
""",
    "live/<b>.tf": f'resource "aws_sqs_queue" "calls" {{ name = var.missing }}\nresource "{EVIL}" "x" {{}}\n',
}


@pytest.fixture
def butai(tmp_path: Path) -> Iterator[Butai]:
    butai = assemble(Settings(data=tmp_path / "data"))
    yield butai
    butai.database.close()


@pytest.fixture
def infra(tmp_path: Path) -> WorkingTree:
    tree = WorkingTree(tmp_path / "infra")
    tree.commit(FILES)
    return tree


@pytest.fixture
def client(butai: Butai) -> TestClient:
    return with_key(butai, PORT)


@pytest.fixture
def added(client: TestClient, infra: WorkingTree) -> str:
    answer = client.post("/api/v1/inventory", json={"repository": str(infra.path)})
    assert answer.status_code == 201, answer.text
    return "/api/v1/inventory/" + str(answer.json()["name"])


def got(client: TestClient, path: str, **params: Any) -> Any:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_repositories_are_listed_shown_and_removed(client: TestClient, added: str) -> None:
    [listed] = got(client, "/api/v1/inventory")
    assert (listed["name"], listed["added"], listed["counts"]) == ("infra", True, None)
    assert got(client, added)["counts"] == {"roots": 1, "modules": 0, "resources": 4, "files": 2, "problems": 1}
    assert client.delete(added).status_code == 204
    answer = client.get(added)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown-repository")


def test_the_graph_is_the_documented_one(client: TestClient, added: str) -> None:
    found = got(client, f"{added}/graph")
    assert found["version"] == 1 and found["repository"] == "infra" and len(found["commit"]) == 40
    assert {"live:aws_ecs_service.web", "live:var.name"} <= {each["id"] for each in found["nodes"]}


def test_a_view_has_places_lines_and_what_a_click_asks_for(client: TestClient, added: str) -> None:
    whole = got(client, f"{added}/view")
    nodes = {each["id"]: each for each in whole["nodes"]}
    service, task = nodes["live:aws_ecs_service.web"], nodes["live:aws_ecs_task_definition.web"]
    assert service["x"] + service["width"] < task["x"]
    assert [service["id"], task["id"], 1, False] in whole["lines"]
    assert got(client, f"{added}/view?{service['query']}")["nodes"][0]["id"] == whole["nodes"][0]["id"]
    closed = got(client, f"{added}/view", shut="live")
    assert [(each["id"], each["group"], each["count"]) for each in closed["nodes"]] == [("live", True, 5)]
    assert got(client, f"{added}/view", search="task web")["found"] == {
        "total": 1, "nodes": ["live:aws_ecs_task_definition.web"],
    }  # fmt: skip
    assert client.get(f"{added}/view", params={"focus": "live:nothing"}).status_code == 404


def test_a_node_has_its_neighbours_and_what_a_change_may_reach(client: TestClient, added: str) -> None:
    found = got(client, f"{added}/node", id="live:aws_ecs_task_definition.web")
    assert found["needs"] == [{"id": "live:var.name", "uses": "reference", "attribute": "family"}]
    assert [each["id"] for each in found["needed_by"]] == ["live:aws_ecs_service.web"]
    assert found["impact"] == ["live:aws_ecs_service.web"]
    assert client.get(f"{added}/node", params={"id": "live::resource"}).status_code == 404


def test_a_source_comes_by_lines(client: TestClient, added: str) -> None:
    found = got(client, f"{added}/source", file="live/main.tf")
    assert (
        found["lines"][1] == 'resource "aws_ecs_service" "web" {' and found["nodes"]["2"] == "live:aws_ecs_service.web"
    )
    assert client.get(f"{added}/source", params={"file": "../x"}).status_code == 404


def test_the_description_of_the_api_names_what_a_view_can_be_asked(client: TestClient) -> None:
    described = client.get("/api/openapi.json").json()["paths"]["/api/v1/inventory/{name}/view"]["get"]
    names = {each["name"] for each in described["parameters"]}
    assert {"open", "shut", "focus", "steps", "impact", "hide", "colour", "search", "node", "commit"} <= names


def test_nothing_out_of_a_repository_becomes_markup(client: TestClient, added: str) -> None:
    paths = (
        "/inventory",
        "/inventory/infra",
        "/inventory/infra/map?search=script",
        "/inventory/infra/map?node=live:aws_ecs_service.web",
        "/inventory/infra/source/live/main.tf",
        "/inventory/infra/source/live/%3Cb%3E.tf",
    )
    for path in paths:
        answer = client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text and "<b>.tf" not in answer.text, path
    page = client.get("/inventory/infra/map", headers={"Accept": "text/html"}).text
    held = re.search(r'id="map-data">(.*?)</script>', page, re.S)
    assert held is not None and len(json.loads(held[1])["nodes"]) == len(got(client, f"{added}/view")["nodes"])


def test_the_pages_lead_to_each_other(client: TestClient, added: str) -> None:
    assert 'href="/inventory/infra"' in client.get("/inventory").text
    first = client.get("/inventory/infra").text
    assert 'href="/inventory/infra/map"' in first and "aws_ecs_service.web" in first
    assert "<code>var.missing</code>" in first, "what could not be understood is said"
    panel = client.get("/inventory/infra/map", params={"node": "live:aws_ecs_service.web"}).text
    assert re.search(r'href="/inventory/infra/source/live/main.tf\?commit=\w{40}&amp;to=5#L2"', panel)
    assert re.search(
        r'data-copy="http://127.0.0.1:8712/inventory/infra/map\?node=live%3A[^"]*&amp;commit=\w{40}"', panel
    )
    source = client.get("/inventory/infra/source/live/main.tf").text
    assert 'id="L2"' in source and "focus=live%3Aaws_ecs_service.web" in source


def test_a_wrong_repository_is_said_in_the_form_and_a_gone_one_on_a_page(client: TestClient, added: str) -> None:
    del client.headers["Authorization"]
    token = client.get("/inventory").text.partition('name="token" value="')[2].partition('"')[0]
    refused = client.post("/inventory", data={"token": token, "repository": "here", "ref": "x"})
    assert refused.status_code == 422 and "no absolute path" in refused.text and 'value="here"' in refused.text
    missing = client.get("/inventory/nosuch/map", headers={"Accept": "text/html"})
    assert missing.status_code == 404 and "no repository <code>nosuch</code>" in missing.text
    gone = client.post("/inventory/infra/remove", data={"token": token})
    assert gone.status_code == 200 and "No repository yet" in gone.text
