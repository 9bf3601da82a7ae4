"""Who owns the task definition: real Terraform after a deploy, and a deploy after Terraform, on the local cloud."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from butai.assembly import Butai, assemble
from butai.demo.team import examples_folder, make_team
from butai.deploys.service import DeployRequest
from butai.environments.service import CreateRequest, ServiceChoice, UpdateRequest
from butai.runs.model import RunEnd
from butai.runs.service import RunView
from butai.settings import Settings
from support.cloud import REGION, Cloud, running_cloud
from support.deploying import point_at
from support.localcloud_team import REGISTRY, Team, wait_for
from support.repository import WorkingTree
from support.rows import claim_run
from support.variants import again

pytestmark = pytest.mark.timeout(420)

# `web` is as the example has it. `plain` has no `track_latest`; `ignored` leaves its definition to whoever deploys.
KINDS = ("web", "plain", "ignored")
SERVICE = f"""
  {{0}}:
    repository: ../ivr-web
    variable: {{0}}_image
    image: "{REGISTRY}/ivr-web:{{{{commit}}}}"
    variables: {{{{IVR_VERSION: "{{{{commit}}}}"}}}}
    ecs_service: aws_ecs_service.{{0}}
"""
YAML = f"""\
version: 1
name: three
region: {REGION}
environment_variable: environment
urls: {{web: url}}
ready: {{timeout_s: 60}}
services:{"".join(SERVICE.format(each) for each in KINDS)}
"""
HEAD = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  skip_credentials_validation = true
  default_tags { tags = { Product = "ivr", Environment = var.environment } }
}
variable "environment" { type = string }
variable "words" { default = "first" }
locals { name = "three-${var.environment}" }
resource "aws_iam_role" "task" {
  name               = local.name
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{
    Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }] })
}
resource "aws_ssm_parameter" "secret" {
  name  = "/three/${var.environment}/secret"
  type  = "SecureString"
  value = "s3cret"
}
output "url" { value = "http://${local.name}.localhost:%(port)s" }
"""
ONE = """
variable "%(kind)s_image" { type = string }
resource "aws_cloudwatch_log_group" "%(kind)s" { name = "/three/${var.environment}/%(kind)s" }
resource "aws_ecs_task_definition" "%(kind)s" {
  family                   = "${local.name}-%(kind)s"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.task.arn
  task_role_arn            = aws_iam_role.task.arn
  track_latest             = %(track)s
  container_definitions = jsonencode([{
    essential    = true
    stopTimeout  = 10
    name         = "%(kind)s"
    image        = var.%(kind)s_image
    portMappings = [{ containerPort = 8080, hostPort = 8080, protocol = "tcp" }]
    logConfiguration = { logDriver = "awslogs", options = {
      awslogs-group = aws_cloudwatch_log_group.%(kind)s.name, awslogs-region = "ap-northeast-1",
      awslogs-stream-prefix = "%(kind)s" } }
    environment = [
      { name = "WORDS", value = var.words },
      { name = "IVR_VERSION", value = element(split(":", var.%(kind)s_image), -1) },
      { name = "IVR_ENVIRONMENT", value = var.environment },
    ]
    secrets = [{ name = "SECRET", valueFrom = aws_ssm_parameter.secret.arn }]
  }])
  %(definition)s
}
resource "aws_ecs_service" "%(kind)s" {
  name            = "${local.name}-%(kind)s"
  cluster         = "%(cluster)s"
  task_definition = aws_ecs_task_definition.%(kind)s.arn
  launch_type     = "FARGATE"
  desired_count   = 1
  propagate_tags  = "SERVICE"
  network_configuration { subnets = ["%(subnet)s"] }
  deployment_circuit_breaker {
    enable   = true
    rollback = false
  }
  %(service)s
}
"""
GROUP = """
resource "aws_lb_target_group" "web" {
  name                 = local.name
  vpc_id               = "%(vpc)s"
  target_type          = "ip"
  port                 = 8080
  protocol             = "HTTP"
  deregistration_delay = 5
  health_check {
    path                = "/healthz"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}
resource "aws_lb_listener_rule" "web" {
  listener_arn = "%(listener)s"
  priority     = 100
  condition {
    host_header { values = ["${local.name}.localhost"] }
  }
  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web.arn
  }
}
"""
BEHIND = """
  load_balancer {
    target_group_arn = aws_lb_target_group.web.arn
    container_name   = "web"
    container_port   = 8080
  }
  depends_on = [aws_lb_listener_rule.web]
"""


def root_of(team: Team) -> str:
    """The root, in a network that is there already: an ALB takes the provider a minute."""
    [cluster] = team.ecs.describe_clusters(clusters=["main"])["clusters"]
    subnet = team.cloud.client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [team.vpc]}])["Subnets"][0]
    there = {"cluster": cluster["clusterArn"], "subnet": subnet["SubnetId"], "vpc": team.vpc, "port": team.port}
    there["listener"] = team.listener
    ignores = "lifecycle { ignore_changes = [%s] }"
    more = {
        "web": {"track": "true", "definition": "", "service": BEHIND},
        "plain": {"track": "false", "definition": "", "service": ""},
        "ignored": {
            "track": "false",
            "definition": ignores % "container_definitions",
            "service": ignores % "task_definition",
        },
    }
    return HEAD % there + GROUP % there + "".join(ONE % {**there, "kind": kind, **more[kind]} for kind in KINDS)


@dataclass
class Story:
    """One environment made by Terraform, and what can be asked of it."""

    cloud: Cloud
    folder: Path
    team: Team = field(init=False)
    butai: Butai = field(init=False)

    def begin(self) -> None:
        """Make the environment."""
        repositories = self.folder / "repositories"
        self.team = Team(self.cloud)
        infra = WorkingTree(repositories / "infra")
        infra.commit({"butai.yaml": YAML, "main.tf": root_of(self.team)})
        self.cloud.client("ecr").create_repository(repositoryName="ivr-web")
        self.butai = assemble(Settings(data=self.folder / "data", acceleration=False))
        self.butai.blueprints.add(str(infra.path))
        self.carry(self.butai.environments.create(CreateRequest(name="qa-1"), by="mika").run)

    def carry(self, run: RunView) -> RunView:
        """Carry out, which has to succeed."""
        self.butai.carrier().carry(claim_run(self.butai.database, run.id))
        ended = self.butai.runs.get(run.id)
        said = "\n".join(each.message for each in self.butai.runs.events(run.id))
        assert ended.end is RunEnd.SUCCEEDED, f"{ended.error}\n{said}"
        return ended

    def deploy(self, **versions: str) -> RunView:
        """Deploy branches."""
        services = {name: ServiceChoice(branch=branch) for name, branch in versions.items()}
        return self.carry(self.butai.deploys.deploy("qa-1", DeployRequest(services=services), by="mika").run)

    def planned(self, **variables: str) -> dict[str, str]:
        """What an update would do: action by address."""
        wish = UpdateRequest(variables=variables)
        run = self.carry(self.butai.environments.check("qa-1", by="mika", preview=wish).run)
        return {each.address: each.action for each in self.butai.environments.differences_of(run.id) if each.action}

    def update(self, **variables: str) -> None:
        """Apply."""
        self.carry(self.butai.environments.update("qa-1", UpdateRequest(variables=variables), by="mika").run)

    def container(self, kind: str) -> dict[str, Any]:
        """The container that a service is set on."""
        arn = self.team.described(f"three-qa-1-{kind}")["taskDefinition"]
        found = self.team.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        [container] = found["containerDefinitions"]
        values = {each["name"]: each["value"] for each in container["environment"]}
        return {**container, "environment": values, "arn": arn}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("three")
    team = make_team(examples_folder(), folder / "repositories")
    with running_cloud(folder, repositories=team.folder) as cloud, pytest.MonkeyPatch.context() as patch:
        point_at(cloud, patch)
        story = Story(cloud, folder)
        story.begin()
        yield story
        story.butai.database.close()


def test_a_deploy_fails_no_request_and_the_next_update_keeps_it(story: Story) -> None:
    assert story.planned() == {}
    wait_for(lambda: story.team.get("three-qa-1").status_code == 200)
    assert 'id="banner"' not in story.team.get("three-qa-1").text
    seen: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            began = time.monotonic()
            seen.append(story.team.get("three-qa-1").status_code)
            done.wait(max(0.0, 0.1 - (time.monotonic() - began)))

    askers = [threading.Thread(target=ask) for _ in range(5)]
    for asker in askers:
        asker.start()
    try:
        story.deploy(web="blue-banner")
    finally:
        done.set()
        for asker in askers:
            asker.join()
    assert set(seen) == {200} and len(seen) > 30
    assert 'id="banner"' in story.team.get("three-qa-1").text
    before = story.container("web")
    commit = before["image"].rpartition(":")[2]
    assert before["environment"] == {"WORDS": "first", "IVR_VERSION": commit, "IVR_ENVIRONMENT": "qa-1"}
    assert story.planned() == {}
    story.update()
    assert story.container("web") == before
    drift = story.butai.environments.check("qa-1", by="mika")
    story.carry(drift.run)
    found = story.butai.environments.get("qa-1").drift
    assert found is not None and found.count == 0


def test_a_deploy_after_an_update_keeps_what_that_one_changed(story: Story) -> None:
    story.update(words="second")
    story.deploy(web="main")
    container = story.container("web")
    assert container["environment"]["WORDS"] == "second"
    assert container["environment"]["IVR_VERSION"] == container["image"].rpartition(":")[2]
    assert 'id="banner"' not in story.team.get("three-qa-1").text
    assert story.planned() == {}


@again
def test_without_track_latest_an_update_makes_one_equal_revision_and_where_it_is_ignored_none(story: Story) -> None:
    story.deploy(plain="blue-banner", ignored="blue-banner")
    before = {kind: story.container(kind) for kind in KINDS}
    assert story.planned() == {"aws_ecs_task_definition.plain": "replace", "aws_ecs_service.plain": "update"}
    story.update()
    after = {kind: story.container(kind) for kind in KINDS}
    assert (after["web"], after["ignored"]) == (before["web"], before["ignored"])
    assert {**after["plain"], "arn": ""} == {**before["plain"], "arn": ""}
    assert after["plain"]["arn"] != before["plain"]["arn"]
    assert story.planned() == {}
