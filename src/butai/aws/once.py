"""The calls of ECS that a task which runs once is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from butai.aws.image import with_image_of

LOG_LINES = 1000


@dataclass(frozen=True)
class Ran:
    """How a task stands. `code`: its container's exit code, none while it has none or where it never ran."""

    arn: str
    status: str
    code: int | None
    reason: str

    @property
    def is_over(self) -> bool:
        """Whether it has stopped."""
        return self.status == "STOPPED"


def container_for(definition: Mapping[str, Any], image: str, wanted: str = "") -> str:
    """The container that gets a command: the one wanted, or the one with an image of that repository, or the only one.

    Empty where there is no such container.
    """
    containers = definition.get("containerDefinitions", [])
    if wanted:
        return wanted if wanted in [each["name"] for each in containers] else ""
    return next((str(each["name"]) for each in with_image_of(image, containers)), "")


def start(
    ecs: Any, cluster: str, service: Mapping[str, Any], definition: str, container: str, command: list[str], token: str
) -> tuple[str, str]:
    """A task with the network of a service; its ARN, or why there is none. The same token is the same task."""
    where: dict[str, Any] = {}
    if service.get("capacityProviderStrategy"):
        where["capacityProviderStrategy"] = service["capacityProviderStrategy"]
    elif service.get("launchType"):
        where["launchType"] = service["launchType"]
    if service.get("networkConfiguration"):
        where["networkConfiguration"] = service["networkConfiguration"]
    if service.get("launchType") == "FARGATE" and service.get("platformVersion"):
        where["platformVersion"] = service["platformVersion"]
    overrides = {"containerOverrides": [{"name": container, "command": command}]}
    answer = ecs.run_task(
        cluster=cluster, taskDefinition=definition, overrides=overrides, startedBy="butai", clientToken=token, **where
    )
    if answer["tasks"]:
        return str(answer["tasks"][0]["taskArn"]), ""
    return "", ", ".join(f"{each.get('reason', '')} {each.get('detail', '')}".strip() for each in answer["failures"])


def look(ecs: Any, cluster: str, arn: str, container: str) -> Ran:
    """How it stands now."""
    found = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
    if not found:
        return Ran(arn, "STOPPED", None, "")
    one: dict[str, Any] = next((each for each in found[0].get("containers", []) if each["name"] == container), {})
    reason = str(one.get("reason") or found[0].get("stoppedReason") or "")
    return Ran(arn, found[0]["lastStatus"], one.get("exitCode"), reason)


def stop(ecs: Any, cluster: str, arn: str, reason: str) -> None:
    """Ask it to end."""
    ecs.stop_task(cluster=cluster, task=arn, reason=reason)


def lines_after(logs: Any, group: str, stream: str, token: str) -> tuple[list[str], str]:
    """New lines of a log stream, and from where to go on; none while there is no such stream."""
    asked: dict[str, Any] = {"logGroupName": group, "logStreamName": stream, "startFromHead": True, "limit": LOG_LINES}
    if token:
        asked["nextToken"] = token
    try:
        answer = logs.get_log_events(**asked)
    except logs.exceptions.ResourceNotFoundException:
        return [], token
    return [str(each["message"]).rstrip() for each in answer["events"]], str(answer.get("nextForwardToken") or token)
