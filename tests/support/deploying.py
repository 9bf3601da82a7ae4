"""An environment of one ECS service on the local cloud, without an engine: its state is written by hand, in seconds."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from butai.assembly import Butai, assemble
from butai.deploys.service import DeployRequest
from butai.environments.service import ServiceChoice
from butai.runs.model import RunEnd, RunStatus
from butai.runs.service import RunView
from butai.runs.store import Run
from butai.settings import Settings
from support.cloud import Cloud, running_cloud
from support.localcloud_team import REGISTRY, Team, server
from support.repository import WorkingTree
from support.rows import NOW, add_environment, add_run, claim_run
from support.tiny_team import ROOT, TinyTeam

YAML = f"""\
version: 1
name: tiny
region: ap-northeast-1
environment_variable: environment
services:
  web:
    repository: ../web
    variable: web_image
    image: "{REGISTRY}/web:{{commit}}"
    variables: {{APP_VERSION: "{{short_commit}}"}}
    ecs_service: output.web_service
defaults: {{sleep_s: 0, port: 1, number: "1"}}
secrets: {{token: "env:TINY_TOKEN"}}
ready: {{timeout_s: 40}}
"""
CRASHES = {"app.py": "print('no database here', flush=True)\nraise SystemExit(3)\n", "Procfile": "web: python app.py\n"}
TRUST = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}


@dataclass
class Stage:
    """The cloud with its team, Butai on a folder, and environments that are there already."""

    cloud: Cloud
    folder: Path
    team: Team = field(init=False)
    infra: WorkingTree = field(init=False)
    web: WorkingTree = field(init=False)
    butai: Butai = field(init=False)
    commits: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.team = Team(self.cloud)
        repositories = TinyTeam(self.cloud.repositories, yaml=YAML, root=ROOT)
        self.infra, self.web = repositories.infra, repositories.web
        for name, files in {"one": server("1"), "two": server("2"), "broken": CRASHES}.items():
            self.branch(repositories.web, name, files)
        self.cloud.client("ecr").create_repository(repositoryName="web")
        policy = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        self.cloud.client("iam").create_role(RoleName="task", AssumeRolePolicyDocument=policy)
        self.butai = assemble(Settings(data=self.folder / "data"))
        self.butai.blueprints.add(str(repositories.infra.path), root="staging")

    def branch(self, web: WorkingTree, name: str, files: dict[str, str]) -> None:
        """A branch of the service with one commit."""
        web.git("switch", "--quiet", "main")
        web.branch(name)
        self.commits[name] = web.commit(files, name)

    def blueprint(self, yaml: str) -> None:
        """The blueprint's newest commit says this; environments that are there keep theirs."""
        self.infra.commit({"staging/butai.yaml": yaml}, "Another way")

    def environment(self, name: str, *, branch: str = "one", **more: Any) -> int:
        """An environment whose service runs a branch; its id."""
        self.service(name, branch=branch, **more)
        return self._known(name, branch)

    def service(self, name: str, *, branch: str = "one", breaker: bool = True, **container: Any) -> None:
        """An ECS service that runs a branch, of which Butai knows nothing."""
        self.cloud.client("logs").create_log_group(logGroupName=f"/{name}")
        group = self.team.group(name)
        self.team.rule(group, f"{name}.localhost")
        commit = self.commits[branch]
        one = {
            "name": "web",
            "image": f"{REGISTRY}/web:{commit}",
            "portMappings": [{"containerPort": 80, "protocol": "tcp"}],
            "environment": [{"name": "APP_VERSION", "value": commit[:7]}, {"name": "KEPT", "value": name}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": f"/{name}",
                    "awslogs-region": "ap-northeast-1",
                    "awslogs-stream-prefix": "web",
                },
            },
            **container,
        }
        made = self.team.ecs.register_task_definition(
            family=name,
            containerDefinitions=[one],
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            executionRoleArn="arn:aws:iam::123456789012:role/task",
            tags=[{"key": "Team", "value": "ivr"}],
        )
        self.team.ecs.create_service(
            cluster="main",
            serviceName=name,
            taskDefinition=made["taskDefinition"]["taskDefinitionArn"],
            desiredCount=1,
            loadBalancers=[{"targetGroupArn": group, "containerName": "web", "containerPort": 80}],
            launchType="FARGATE",
            deploymentConfiguration={"deploymentCircuitBreaker": {"enable": breaker, "rollback": False}},
        )
        self.team.wait_steady(name)

    def _known(self, name: str, branch: str) -> int:
        """Butai's side of it: the row, a create that ended well, and the state."""
        image = f"{REGISTRY}/web:{self.commits[branch]}"
        web = {"branch": branch, "commit": self.commits[branch], "image": image, "default_branch": "main"}
        commit = self.butai.blueprints.newest("tiny")
        told = {"ref": "main", "commit": commit, "services": {"web": web}, "variables": {}}
        fields: dict[str, Any] = {"blueprint": "tiny", "urls": {}, "health": "ready", "outputs": [], **told}
        environment = add_environment(self.butai.database, name, **fields)
        ended: dict[str, Any] = {"status": RunStatus.ENDED, "end": RunEnd.SUCCEEDED, "settled_at": NOW, "ended_at": NOW}
        run = add_run(self.butai.database, environment, params={**told, "values": {}, "urls": {}}, **ended)
        self.butai.states.write(environment, run, state_of(name), lock_id="")
        return environment

    def ask(self, name: str, version: str, **more: Any) -> RunView:
        """A deploy is asked for; its run."""
        request = DeployRequest(services={"web": ServiceChoice(branch=version)}, **more)
        return self.butai.deploys.deploy(name, request, by="mika").run

    def change_image(self, run: RunView, change: Callable[[str], str]) -> None:
        """The queued deploy wants another image."""
        with self.butai.database.session() as session:
            row = session.get_one(Run, run.id)
            web = row.params["services"]["web"]
            row.params = {**row.params, "services": {"web": {**web, "image": change(web["image"])}}}

    def carry(self, run: RunView) -> RunView:
        """Carry a run out, here and now; as it is at the end."""
        self.butai.carrier().carry(claim_run(self.butai.database, run.id))
        return self.butai.runs.get(run.id)

    def deploy(self, name: str, version: str, **more: Any) -> RunView:
        """A deploy from the wish to its end."""
        return self.carry(self.ask(name, version, **more))

    def log(self, run: RunView) -> str:
        """What the log of a run says."""
        return "\n".join(each.message for each in self.butai.runs.events(run.id))

    def print_line(self, name: str, message: str) -> None:
        """A line of one more task of the service, as the log driver would send it."""
        logs, stream = self.cloud.client("logs"), f"web/web/{message}"
        logs.create_log_stream(logGroupName=f"/{name}", logStreamName=stream)
        event: Any = {"timestamp": int(time.time() * 1000), "message": message}
        logs.put_log_events(logGroupName=f"/{name}", logStreamName=stream, logEvents=[event])

    def definition(self, name: str) -> dict[str, Any]:
        """The definition that a service is set on, with its tags."""
        arn = self.team.described(name)["taskDefinition"]
        found = self.team.ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        return {**found["taskDefinition"], "tags": found["tags"]}

    def revisions(self, family: str) -> int:
        """How many revisions of a family are active."""
        return len(self.team.ecs.list_task_definitions(familyPrefix=family, status="ACTIVE")["taskDefinitionArns"])


def state_of(name: str, serial: int = 1) -> bytes:
    """The state of an environment with one ECS service."""
    arn = f"arn:aws:ecs:ap-northeast-1:123456789012:service/main/{name}"
    instance = {
        "attributes": {
            "id": arn,
            "task_definition": f"arn:aws:ecs:ap-northeast-1:123456789012:task-definition/{name}:1",
        }
    }
    resource = {"mode": "managed", "type": "aws_ecs_service", "name": "web", "instances": [instance]}
    outputs = {"web_service": {"value": name, "type": "string"}}
    document = {"version": 4, "serial": serial, "lineage": name, "terraform_version": "1.11.4"}
    return json.dumps({**document, "resources": [resource], "outputs": outputs}).encode()


@contextmanager
def stage_in(folder: Path) -> Iterator[Stage]:
    """A stage on a cloud of its own, which is this process's AWS meanwhile."""
    with running_cloud(folder) as cloud, pytest.MonkeyPatch.context() as patch:
        point_at(cloud, patch)
        stage = Stage(cloud, folder)
        yield stage
        stage.butai.database.close()


def point_at(cloud: Cloud, patch: pytest.MonkeyPatch) -> None:
    """This process's AWS is the cloud."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        patch.delenv(name)
    for name, value in cloud.env.items():
        patch.setenv(name, value)
