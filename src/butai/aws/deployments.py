"""The calls of ECS that a deploy is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from butai.aws.lookup import code_of

STOPPED_AT_ONCE = 100
LOG_LINES = 20
DESCRIBED_AT_ONCE = 10


@dataclass(frozen=True)
class Revision:
    """One revision of a task definition: its ARN, everything that registering it again takes (tags too), who registered it."""

    arn: str
    definition: dict[str, Any]
    by: str = ""

    @property
    def family(self) -> str:
        """The family that it is a revision of."""
        return str(self.definition["family"])


@dataclass(frozen=True)
class Stopped:
    """A task that has ended: why, and each container's exit code (none: it never ran) with its own reason."""

    arn: str
    deployment: str
    reason: str
    containers: dict[str, tuple[int | None, str]]


def services(ecs: Any, cluster: str, names: list[str]) -> dict[str, dict[str, Any]] | None:
    """These services by name, as ECS describes them, without those that are gone; none where there is no such cluster."""
    found: list[dict[str, Any]] = []
    try:
        for start in range(0, len(names), DESCRIBED_AT_ONCE):
            part = names[start : start + DESCRIBED_AT_ONCE]
            found += ecs.describe_services(cluster=cluster, services=part)["services"]
    except ClientError as error:
        if code_of(error) == "ClusterNotFoundException":
            return None
        raise
    return {each["serviceName"]: each for each in found if each["status"] == "ACTIVE"}


def all_services(ecs: Any, cluster: str) -> list[dict[str, Any]] | None:
    """Every service of a cluster, as ECS describes them; none where there is no such cluster."""
    try:
        pages = ecs.get_paginator("list_services").paginate(cluster=cluster)
        arns = [arn for page in pages for arn in page["serviceArns"]]
    except ClientError as error:
        if code_of(error) == "ClusterNotFoundException":
            return None
        raise
    found = services(ecs, cluster, arns)
    return None if found is None else list(found.values())


def revision(ecs: Any, name: str) -> Revision:
    """A revision by its ARN, or the newest of a family."""
    found = ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
    # What ECS adds to its answer cannot be registered again.
    takes = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    given = {key: value for key, value in found["taskDefinition"].items() if key in takes and value is not None}
    tags = [each for each in found.get("tags") or [] if not each["key"].startswith("aws:")]
    told = found["taskDefinition"]
    return Revision(
        told["taskDefinitionArn"], {**given, **({"tags": tags} if tags else {})}, told.get("registeredBy", "")
    )


def register(ecs: Any, definition: dict[str, Any]) -> str:
    """A new revision; its ARN."""
    return str(ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"])


def deregister(ecs: Any, arn: str) -> None:
    """A revision that nothing runs on is no more."""
    ecs.deregister_task_definition(taskDefinition=arn)


def set_revision(ecs: Any, cluster: str, service: str, arn: str, *, again: bool = False) -> str:
    """Set a service on a revision; the id of the deployment that rolls it out. `again`: also where it is on it already."""
    more = {"forceNewDeployment": True} if again else {}
    found = ecs.update_service(cluster=cluster, service=service, taskDefinition=arn, **more)["service"]
    return primary(found)


def primary(service: dict[str, Any]) -> str:
    """The id of a service's newest deployment."""
    return next((str(each["id"]) for each in service.get("deployments") or [] if each["status"] == "PRIMARY"), "")


def stopped_tasks(ecs: Any, cluster: str, service: str) -> list[Stopped]:
    """Tasks of a service that have ended lately."""
    asked = {"cluster": cluster, "serviceName": service, "desiredStatus": "STOPPED", "maxResults": STOPPED_AT_ONCE}
    arns = ecs.list_tasks(**asked)["taskArns"]
    found = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    return [
        Stopped(
            each["taskArn"],
            each.get("startedBy", ""),
            each.get("stoppedReason", ""),
            {one["name"]: (one.get("exitCode"), one.get("reason", "")) for one in each.get("containers", [])},
        )
        for each in found
        if each["lastStatus"] == "STOPPED"
    ]


def running_tasks(ecs: Any, cluster: str, service: str) -> list[dict[str, Any]]:
    """The tasks of a service that run, as ECS describes them: a hundred at most."""
    arns = ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="RUNNING")["taskArns"]
    found = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    return [each for each in found if each["lastStatus"] == "RUNNING"]


def last_line(logs: Any, group: str, stream: str) -> str:
    """The last line in a log stream that says something; empty where there is none yet, or it may not be read."""
    asked = {"logGroupName": group, "logStreamName": stream, "startFromHead": False, "limit": LOG_LINES}
    try:
        lines = [str(each["message"]).strip() for each in logs.get_log_events(**asked)["events"]]
    except ClientError:
        return ""
    return next((each for each in reversed(lines) if each), "")


def target_group(elb: Any, arn: str) -> dict[str, Any]:
    """A target group as ELB describes it, with its attributes beside its fields."""
    [group] = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    return {**group, **{each["Key"]: each["Value"] for each in attributes}}
