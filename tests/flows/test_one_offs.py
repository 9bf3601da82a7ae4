"""Commands that run once, in tasks of their own, on the local cloud: before a deploy, after a create, before a destroy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from butai.assembly import Butai, assemble
from butai.deploys.service import RollBackRequest
from butai.environments.service import CreateRequest, DestroyRequest, ServiceChoice, UpdateRequest
from butai.runs.model import RunEnd
from butai.runs.service import RunView
from butai.settings import Settings
from support.cloud import Cloud, running_cloud
from support.deploying import YAML, Stage, point_at, stage_in
from support.localcloud_team import REGISTRY, Team, server, wait_for
from support.rows import claim_run
from support.threads import in_background
from support.tiny_team import TinyTeam


def command(program: str) -> str:
    """A command of Python, as `butai.yaml` has it."""
    return json.dumps(["python", "-c", program])


def tasks(**whens: str) -> str:
    """The part of `butai.yaml`: a program for each moment."""
    lines = [f"  {when}: [{{service: web, command: {command(program)}}}]" for when, program in whens.items()]
    return "\n".join(["tasks:", *lines, ""])


MIGRATES = "import os; print('migrated for', os.environ['APP_VERSION'])"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("once")) as stage:
        yield stage


def declared(stage: Stage, program: str) -> None:
    """From now on environments are made of a blueprint with this task before a deploy."""
    stage.blueprint(YAML + tasks(before_deploy=program))
    stage.butai.blueprints.refresh("tiny")


def test_a_migration_runs_with_the_new_version_before_the_service_gets_it(stage: Stage) -> None:
    declared(stage, MIGRATES)
    stage.environment("good")
    run = stage.deploy("good", "two")
    assert run.end is RunEnd.SUCCEEDED, stage.log(run)
    said = stage.log(run)
    migrated = said.index(f"web | migrated for {stage.commits['two'][:7]}")
    assert said.index("runs once") < migrated < said.index("has ended well") < said.index("ECS is set on")
    assert (run.planned, run.done, run.failed) == (2, 2, 0)
    assert stage.team.get("good").json()["version"] == "2" and stage.revisions("good") == 2

    back = stage.butai.deploys.roll_back("good", RollBackRequest(service="web"), by="mika").run
    assert stage.carry(back).end is RunEnd.SUCCEEDED
    assert "the tasks before a deploy are not run" in stage.log(back) and "migrated" not in stage.log(back)


def test_a_database_that_is_ahead_of_the_code_is_said_until_the_code_catches_up(stage: Stage) -> None:
    files = {"migrations/001_calls.sql": "", "migrations/002_notes.sql": ""}
    stage.branch(stage.web, "calls", {**server("3"), "migrations/001_calls.sql": ""})
    stage.branch(stage.web, "notes", {**server("4"), **files})
    yaml = YAML.replace("    ecs_service:", "    migrations: migrations/*.sql\n    ecs_service:")
    stage.blueprint(yaml + tasks(before_deploy=MIGRATES))
    stage.butai.blueprints.refresh("tiny")
    stage.environment("data", branch="calls")

    def database() -> tuple[list[str], list[str]]:
        found = stage.butai.environments.get("data").services[0].database
        return (found.had, found.ahead) if found else ([], [])

    assert database() == ([], [])
    assert stage.deploy("data", "notes").end is RunEnd.SUCCEEDED
    assert database() == (["001_calls.sql", "002_notes.sql"], [])
    assert stage.deploy("data", "calls").end is RunEnd.SUCCEEDED
    assert database() == (["001_calls.sql", "002_notes.sql"], ["002_notes.sql"])
    told = stage.butai.deploys.report("data", portal="http://butai").markdown
    assert "Database of `web`: up to 002_notes.sql, ahead of this version by 002_notes.sql" in told
    assert stage.deploy("data", "notes").end is RunEnd.SUCCEEDED
    assert database() == (["001_calls.sql", "002_notes.sql"], [])


def test_one_that_fails_leaves_what_ran_before(stage: Stage) -> None:
    declared(stage, "import sys; print('no such column'); sys.exit(3)")
    environment = stage.environment("bad")
    run = stage.deploy("bad", "two")
    assert run.end is RunEnd.NOT_ROLLED_OUT, stage.log(run)
    assert run.error is not None
    assert "exit code 3" in run.error["what"] and "no such column" in run.error["what"]
    assert stage.team.get("bad").json()["version"] == "1"
    assert stage.revisions("bad") == 1, "no revision is left that Terraform would take for the newest"
    assert [each.branch for each in stage.butai.environments.by_id(environment).services] == ["one"]


def test_a_stop_ends_the_task_and_nothing_is_deployed(stage: Stage) -> None:
    declared(stage, "import time; print('copying', flush=True); time.sleep(300)")
    stage.environment("long")
    run = stage.ask("long", "two")
    with in_background(lambda: stage.carry(run)):
        wait_for(lambda: "copying" in stage.log(run))
        stage.butai.runs.cancel(run.id)
    ended = stage.butai.runs.get(run.id)
    assert ended.end is RunEnd.INTERRUPTED, stage.log(run)
    assert stage.team.get("long").json()["version"] == "1" and stage.revisions("long") == 1
    assert "RUNNING" not in [each["lastStatus"] for each in stage.team.tasks("long") if each["startedBy"] == "butai"]


ROOT = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" { skip_credentials_validation = true }
variable "environment" { type = string }
variable "web_image" { type = string }
resource "aws_cloudwatch_log_group" "web" { name = "/once/${var.environment}" }
resource "aws_ecs_task_definition" "web" {
  family = "once-${var.environment}"
  container_definitions = jsonencode([{
    name = "web", image = var.web_image, essential = true, memory = 64
    logConfiguration = { logDriver = "awslogs", options = {
      "awslogs-group" = aws_cloudwatch_log_group.web.name, "awslogs-region" = "ap-northeast-1", "awslogs-stream-prefix" = "web"
    } }
  }])
}
resource "aws_ecs_task_definition" "owner" {
  family = "once-${var.environment}-owner"
  container_definitions = jsonencode([{
    name = "owner", image = var.web_image, essential = true, memory = 64
    environment = [{ name = "OWNER", value = "the owner" }]
    logConfiguration = { logDriver = "awslogs", options = {
      "awslogs-group" = aws_cloudwatch_log_group.web.name, "awslogs-region" = "ap-northeast-1", "awslogs-stream-prefix" = "owner"
    } }
  }])
}
resource "aws_ecs_service" "web" {
  name            = "once-${var.environment}"
  cluster         = "main"
  task_definition = aws_ecs_task_definition.web.arn
  desired_count   = 1
}
"""
OF_AN_ENVIRONMENT = f"""\
version: 1
name: tiny
region: ap-northeast-1
environment_variable: environment
services:
  web: {{repository: ../web, variable: web_image, image: "{REGISTRY}/web:{{commit}}", ecs_service: aws_ecs_service.web}}
ready: {{timeout_s: 40}}
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with running_cloud(tmp_path) as cloud, pytest.MonkeyPatch.context() as patch:
        point_at(cloud, patch)
        yield cloud


def carry(butai: Butai, run: RunView) -> RunView:
    butai.carrier().carry(claim_run(butai.database, run.id))
    return butai.runs.get(run.id)


def told(butai: Butai, run: RunView) -> str:
    return "\n".join(each.message for each in butai.runs.events(run.id))


def test_an_environments_data_is_made_after_it_and_dropped_before_it_goes(cloud: Cloud, tmp_path: Path) -> None:
    """A database that lies outside: here a file that the tasks make and remove."""
    outside = tmp_path / "database"
    makes = f"import os; open({str(outside)!r}, 'x').close(); print('made by', os.environ['OWNER'])"
    drops, migrates = f"import os; os.remove({str(outside)!r})", "print('moved on')"
    declared = tasks(after_create=makes, before_deploy=migrates, before_destroy=drops)
    declared = declared.replace("web, command", "web, task_definition: aws_ecs_task_definition.owner, command", 1)
    repositories = TinyTeam(cloud.repositories, yaml=OF_AN_ENVIRONMENT + declared, root=ROOT)
    Team(cloud)
    repositories.web.git("switch", "--quiet", "main")
    repositories.web.commit(server("1"), "A server")
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.blueprints.add(str(repositories.infra.path), root="staging")
    wish = CreateRequest(name="qa-1", services={"web": ServiceChoice(branch="main")})
    made = carry(butai, butai.environments.create(wish, by="mika").run)
    assert made.end is RunEnd.SUCCEEDED, told(butai, made)
    assert outside.exists() and "web | made by the owner" in told(butai, made) and "moved on" not in told(butai, made)
    assert butai.environments.get("qa-1").state.word == "Up"

    # An update with another version migrates first, in a task with that version, and leaves no revision that is not Terraform's.
    repositories.web.commit(server("2"), "Another server")
    update = UpdateRequest(services={"web": ServiceChoice(branch="main")})
    moved = carry(butai, butai.environments.update("qa-1", update, by="mika").run)
    said = told(butai, moved)
    assert moved.end is RunEnd.SUCCEEDED, said
    assert said.index("web | moved on") < said.index("aws_ecs_task_definition.web: ")
    again = carry(butai, butai.environments.update("qa-1", UpdateRequest(), by="mika").run)
    assert again.end is RunEnd.SUCCEEDED and again.planned == 0 and "moved on" not in told(butai, again)

    outside.unlink()
    kept = carry(butai, butai.environments.destroy("qa-1", DestroyRequest(confirm="qa-1"), by="mika").run)
    assert kept.end is RunEnd.FAILED_BEFORE_CHANGE, told(butai, kept)
    assert kept.error is not None and "FileNotFoundError" in kept.error["what"]
    assert butai.environments.get("qa-1").state.word == "Not destroyed"
    skipping = DestroyRequest(confirm="qa-1", skip_tasks=True)
    gone = carry(butai, butai.environments.destroy("qa-1", skipping, by="mika").run)
    assert gone.end is RunEnd.SUCCEEDED, told(butai, gone)
    assert butai.environments.by_id(gone.environment_id).destroyed_at is not None
    butai.database.close()


def test_what_runs_after_a_create_runs_after_the_update_that_mends_one(cloud: Cloud, tmp_path: Path) -> None:
    breaks = "import os, sys; sys.exit('no database' if not os.path.exists('there') else print('made after all'))"
    repositories = TinyTeam(cloud.repositories, yaml=OF_AN_ENVIRONMENT + tasks(after_create=breaks), root=ROOT)
    Team(cloud)
    repositories.web.git("switch", "--quiet", "main")
    repositories.web.commit(server("1"), "A server")
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.blueprints.add(str(repositories.infra.path), root="staging")
    wish = CreateRequest(name="qa-1", services={"web": ServiceChoice(branch="main")})
    half = carry(butai, butai.environments.create(wish, by="mika").run)
    assert half.end is RunEnd.PARTIALLY_APPLIED, told(butai, half)
    repositories.web.commit({**server("1"), "there": ""}, "What it wants")
    update = UpdateRequest(services={"web": ServiceChoice(branch="main")})
    mended = carry(butai, butai.environments.update("qa-1", update, by="mika").run)
    assert mended.end is RunEnd.SUCCEEDED and "made after all" in told(butai, mended), told(butai, mended)
    butai.database.close()
