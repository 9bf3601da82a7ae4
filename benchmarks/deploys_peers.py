"""What else puts an image on an ECS service: the `ecs-deploy` package, the AWS CLI, Terraform."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from butai.terraform import commands
from butai.terraform.environment import engine_environment
from butai.terraform.providers import cli_config, find_mirrors
from support.carrying import engine

# Made by `make` from requirements/peers.lock: the AWS CLI wants a botocore of its own.
PROGRAMS = Path(__file__).parents[1] / ".venv" / "peers" / "bin"
CLUSTER = "main"
_OF_A_REVISION = frozenset(
    {"taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy"}
    | {"tags", "deregisteredAt"}
)


class EcsDeploy:
    """`ecs deploy`, which does not wait for the roll-out."""

    def __init__(self, aws: Mapping[str, str]) -> None:
        self._env = environment(aws)

    def deploy(self, service: str, image: str) -> None:
        """Put an image on a service."""
        argv = [
            str(PROGRAMS / "ecs"),
            "deploy",
            CLUSTER,
            service,
            "--image",
            "web",
            image,
            "--timeout",
            "-1",
            "--no-deregister",
        ]
        subprocess.run(argv, env=self._env, check=True, capture_output=True)


class AwsCli:
    """The three commands that AWS's documentation has for it."""

    def __init__(self, aws: Mapping[str, str], folder: Path) -> None:
        self._env, self._folder = environment(aws), folder

    def deploy(self, service: str, image: str) -> None:
        """Put an image on a service."""
        found = self._aws("describe-task-definition", "--task-definition", service)["taskDefinition"]
        found["containerDefinitions"][0]["image"] = image
        file = self._folder / "definition.json"
        file.write_text(json.dumps({name: each for name, each in found.items() if name not in _OF_A_REVISION}))
        made = self._aws("register-task-definition", "--cli-input-json", f"file://{file}")["taskDefinition"]
        arn = made["taskDefinitionArn"]
        self._aws("update-service", "--cluster", CLUSTER, "--service", service, "--task-definition", arn)

    def _aws(self, *argv: str) -> Any:
        command = [str(PROGRAMS / "aws"), "ecs", *argv, "--output", "json"]
        return json.loads(subprocess.run(command, env=self._env, check=True, capture_output=True).stdout)


class TerraformApply:
    """`terraform apply` of a root that holds such a service; it does not wait for the roll-out either."""

    NAME = "terraform"

    def __init__(self, folder: Path, aws: Mapping[str, str], like: Mapping[str, Any], image: str) -> None:
        folder.mkdir()
        self._folder, self._engine = folder, engine()
        (folder / "main.tf").write_text(ROOT)
        (folder / "container.json").write_text(json.dumps(like["containerDefinitions"][0]))
        config = folder / "engine.tfrc"
        config.write_text(cli_config(find_mirrors(os.environ, home=Path.home())))
        self._env = engine_environment({**os.environ, **aws}, extra=dict(aws), cli_config=config)
        self._run(commands.init(self._engine))
        self.apply(image)

    def apply(self, image: str) -> None:
        """Put an image on its service."""
        values = self._folder / "values.tfvars.json"
        values.write_text(json.dumps({"image": image}))
        self._run(commands.apply(self._engine, [values]))

    def _run(self, argv: list[str]) -> None:
        subprocess.run(argv, cwd=self._folder, env=self._env, check=True, stdout=subprocess.DEVNULL)


ROOT = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "image" { type = string }
resource "aws_cloudwatch_log_group" "this" { name = "/terraform" }
resource "aws_ecs_task_definition" "this" {
  family                   = "terraform"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = "arn:aws:iam::123456789012:role/task"
  container_definitions = jsonencode([
    merge(jsondecode(file("${path.module}/container.json")), { image = var.image }),
  ])
}
resource "aws_ecs_service" "this" {
  name            = "terraform"
  cluster         = "main"
  task_definition = aws_ecs_task_definition.this.arn
  launch_type     = "FARGATE"
  desired_count   = 1
}
"""


def environment(aws: Mapping[str, str]) -> dict[str, str]:
    """What a peer is given: the way to the cloud, and its own programs."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("BUTAI_", "AWS_", "PYTHON"))}
    return {**own, **aws, "AWS_DEFAULT_REGION": aws["AWS_REGION"], "AWS_PAGER": ""}
