"""The JSON API and the command line over it: what goes in, what comes out, on real repositories."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from butai.blueprints import commands
from butai.blueprints.api import router
from butai.blueprints.service import Blueprints
from butai.datafolder import DataFolder
from butai.db import Database
from butai.environments.store import Environment
from butai.errors import ButaiError
from butai.leases import service as leases
from support.in_process import Api
from support.repository import WorkingTree
from support.rows import new_database

YAML = """\
version: 1
name: ivr
region: ap-northeast-1
environment_variable: environment
services:
  web: {repository: ../web, variable: web_image, image: "web:{commit}", ecs_service: aws_ecs_service.web}
urls: {web: url}
leases:
  subdomain: {subdomain: ivr.localhost}
  number: {variable: number, list: ["0501", "0502"]}
"""
ROOT = """\
variable "environment" {}
variable "web_image" {}
variable "number" {}
resource "aws_ecs_service" "web" {}
output "url" { value = "x" }
"""


@pytest.fixture
def infra(tmp_path: Path) -> WorkingTree:
    web = WorkingTree(tmp_path / "web")
    web.commit({"app.py": ""}, "Start \x1b[31mred <b>")
    tree = WorkingTree(tmp_path / "infra")
    tree.commit({"main.tf": ROOT, "butai.yaml": YAML})
    return tree


@pytest.fixture
def living() -> list[str]:
    """Names of the environments that use the blueprint."""
    return []


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = new_database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def http(tmp_path: Path, database: Database, living: list[str]) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(router)
    app.add_exception_handler(ButaiError, _answer)
    # Environments are another room: of them only the names that use a blueprint count here.
    app.state.butai = SimpleNamespace(
        blueprints=Blueprints(database, DataFolder(tmp_path / "data"), lambda: datetime.now(UTC)),
        environments=SimpleNamespace(using=lambda name: living),
    )
    with TestClient(app) as client:
        yield client


def _answer(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ButaiError)
    return JSONResponse(error.as_json(), error.status)


@pytest.fixture
def run(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `butai blueprint ...`: gives stdout and stderr."""
    monkeypatch.setattr(commands, "api", lambda: Api(http))

    def run(*arguments: str) -> tuple[str, str]:
        done = CliRunner().invoke(commands.app, list(arguments))
        assert done.exit_code == 0, done.output
        return done.stdout, done.stderr

    return run


def test_add_show_list_refresh_remove(http: TestClient, infra: WorkingTree, living: list[str]) -> None:
    added = http.post("/api/v1/blueprints", json={"repository": str(infra.path)})
    assert added.status_code == 201
    assert added.json()["services"]["web"]["branch"] == "main"
    assert http.get("/api/v1/blueprints").json() == [added.json()]
    commit = infra.commit({"x": ""})
    assert http.post("/api/v1/blueprints/ivr/refresh").json()["commit"] == commit
    living.append("qa-1")
    refused = http.delete("/api/v1/blueprints/ivr")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "blueprint-in-use")
    living.clear()
    assert http.delete("/api/v1/blueprints/ivr").status_code == 204
    assert http.get("/api/v1/blueprints/ivr").status_code == 404


def test_every_problem_of_a_butai_yaml_is_in_the_answer(http: TestClient, infra: WorkingTree) -> None:
    infra.commit({"butai.yaml": YAML.replace("region", "regin")})
    answer = http.post("/api/v1/blueprints", json={"repository": str(infra.path)})
    assert answer.status_code == 422
    problems = answer.json()["error"]["problems"]
    assert [(problem["line"], problem["file"]) for problem in problems] == [(1, "butai.yaml"), (3, "butai.yaml")]


def test_branches_are_text_without_control_codes(http: TestClient, infra: WorkingTree) -> None:
    http.post("/api/v1/blueprints", json={"repository": str(infra.path)})
    path = "/api/v1/blueprints/ivr/services/web/branches"
    (branch,) = http.get(path).json()
    assert branch["name"] == "main"
    assert branch["subject"] == "Start red <b>"
    assert http.get(path, params={"search": "nothing like this"}).json() == []
    assert http.get("/api/v1/blueprints/ivr/services/wbe/branches").status_code == 404


def test_pools_and_who_holds_what(http: TestClient, infra: WorkingTree, database: Database) -> None:
    http.post("/api/v1/blueprints", json={"repository": str(infra.path)})
    with database.session() as session:
        row = Environment(
            blueprint="ivr",
            name="qa-1",
            owner="aiko",
            created_at=datetime.now(UTC),
            ref="main",
            commit="0" * 40,
            services={},
            variables={},
            engine_name="terraform",
            engine_version="1.11.4",
        )
        session.add(row)
        session.flush()
        pools: dict[str, leases.Pool] = {"number": leases.ListPool(values=["0501", "0502"])}
        leases.take_all(session, "ivr", row.id, "qa-1", pools, now=datetime.now(UTC))
    subdomain, number = http.get("/api/v1/blueprints/ivr/pools").json()
    assert (subdomain["name"], subdomain["capacity"], subdomain["held"]) == ("subdomain", None, [])
    assert number["capacity"] == 2
    assert [(held["environment_name"], held["value"]) for held in number["held"]] == [("qa-1", "0501")]


def test_the_schema(http: TestClient) -> None:
    assert http.get("/api/v1/schemas/butai.yaml").json()["title"] == "butai.yaml"


def test_the_commands(run: Any, infra: WorkingTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("list") == ("", "There is no blueprint yet. `butai blueprint add PATH-OR-GIT-URL` adds one.\n")
    # A relative path means the caller's folder, not the server's.
    monkeypatch.chdir(tmp_path)
    out, talk = run("add", "infra")
    assert f"repository  {infra.path}" in out
    assert "service     web: ../web (main)" in out
    assert "butai env create" in talk
    assert run("list")[0].split("\t")[:2] == ["ivr", "main"]
    assert json.loads(run("list", "--json")[0])[0]["name"] == "ivr"
    assert json.loads(run("show", "ivr", "--json")[0])["root"] == ""
    shown = run("show", "ivr")[0]
    assert "root        ." in shown
    assert "pool        number: 0 of 2 lent\n" in shown
    assert "pool        subdomain: 0 lent\n" in shown
    assert "commit" in run("refresh", "ivr")[0]
    assert run("remove", "ivr")[0] == ""


def test_the_schema_command(run: Any, tmp_path: Path) -> None:
    printed = json.loads(run("schema")[0])
    run("schema", "--write", str(tmp_path / "s.json"))
    assert json.loads((tmp_path / "s.json").read_text()) == printed
    assert (tmp_path / "s.json").stat().st_mode & 0o777 == 0o644
