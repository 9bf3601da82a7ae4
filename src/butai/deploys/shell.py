"""A program in a running container of a service: ECS Exec, begun here and carried on by AWS's Session Manager plugin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, Field

from butai.aws import deployments
from butai.aws.clients import Clients
from butai.aws.ecs import ServiceRef
from butai.aws.session import AccessError
from butai.deploys.reach import Reach
from butai.errors import NotFoundError, RefusedError, did_you_mean
from butai.text import text

log = structlog.get_logger()


class ExecRequest(BaseModel):
    """What runs where. No task: the newest one; no container: the one of the service's name, else the first."""

    command: str = Field(default="/bin/sh", min_length=1, max_length=4000)
    task: str = Field(default="", description="How its id begins, as `butai logs` shows it.")
    container: str = ""


class SessionShape(BaseModel):
    """What the plugin is given. `session` holds a token for this one session."""

    session: dict[str, str]
    region: str
    endpoint: str = Field(description="Of Systems Manager, where the plugin takes the session up again.")
    target: str
    task: str
    container: str


@dataclass(frozen=True)
class Shells:
    """Programs in the containers of all environments."""

    reach: Reach

    def begin(self, name: str, service: str, wanted: ExecRequest, *, by: str, blueprint: str | None) -> SessionShape:
        """Have ECS start it. Raises RefusedError where ECS Exec is off, NotFoundError where no such task runs."""
        reached = self.reach.service(name, service, blueprint=blueprint)
        log.info("exec", environment=reached.environment, service=service, by=by, command=wanted.command)
        try:
            return begin(reached.clients, reached.ref, service, wanted)
        except (ClientError, BotoCoreError) as error:
            raise AccessError(
                text("A program in `{service}` cannot be started.", service=service),
                why=str(error),
                next=text(
                    "The server's credentials need `ecs:ExecuteCommand`, the task's role the `ssmmessages` channels."
                ),
            ) from error


def begin(clients: Clients, ref: ServiceRef, service: str, wanted: ExecRequest) -> SessionShape:
    """The same for a service that was found."""
    ecs, ssm = clients("ecs"), clients("ssm").meta
    task = chosen_task(deployments.running_tasks(ecs, ref.cluster, ref.name), wanted.task, service)
    container = chosen_container(task, wanted.container, service)
    _refuse_without_exec(task, service)
    given = {"cluster": ref.cluster, "task": task["taskArn"], "container": container["name"], "command": wanted.command}
    session = ecs.execute_command(**given, interactive=True)["session"]
    number, cluster = task["taskArn"].rpartition("/")[2], task["clusterArn"].rpartition("/")[2]
    target = f"ecs:{cluster}_{number}_{container.get('runtimeId', '')}"
    return SessionShape(
        session=session,
        region=ssm.region_name,
        endpoint=ssm.endpoint_url,
        target=target,
        task=number,
        container=container["name"],
    )


def chosen_task(tasks: Sequence[Mapping[str, Any]], beginning: str, service: str) -> Mapping[str, Any]:
    """The task whose id begins like that, else the newest one."""
    found = [each for each in tasks if each["taskArn"].rpartition("/")[2].startswith(beginning)]
    if not found:
        ids = ", ".join(each["taskArn"].rpartition("/")[2][:8] for each in tasks)
        raise NotFoundError(
            text("No task of `{service}` runs.", service=service)
            if not tasks
            else text("No running task of `{service}` begins with `{task}`.", service=service, task=beginning),
            next=text("These run: {tasks}.", tasks=ids) if tasks else "",
            where="task",
            code="no-such-task",
        )
    return max(found, key=lambda each: each["startedAt"])


def chosen_container(task: Mapping[str, Any], name: str, service: str) -> Mapping[str, Any]:
    """The container of that name, else the one of the service's name, else the first one."""
    containers: dict[str, Mapping[str, Any]] = {each["name"]: each for each in task["containers"]}
    if name and name not in containers:
        raise NotFoundError(
            text("The task has no container `{name}`.", name=name),
            next=did_you_mean(name, containers),
            where="container",
            code="no-such-container",
        )
    return containers[name] if name else containers.get(service, next(iter(containers.values())))


def _refuse_without_exec(task: Mapping[str, Any], service: str) -> None:
    if not task.get("enableExecuteCommand"):
        raise RefusedError(
            text("ECS Exec is off for the tasks of `{service}`.", service=service),
            next=text(
                "In `aws_ecs_service`: `enable_execute_command = true`; the tasks that start after the next update have it."
            ),
            code="exec-off",
        )
