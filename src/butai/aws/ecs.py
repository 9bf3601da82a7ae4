"""Whether ECS services are steady, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from butai.terraform.state import StateObject, StateSummary
from butai.text import text

DESCRIBE_AT_ONCE = 10


@dataclass(frozen=True)
class ServiceRef:
    """One ECS service: name or ARN of its cluster, and its own name."""

    cluster: str
    name: str


@dataclass(frozen=True)
class ServiceState:
    """What ECS says of a service. `steady`: one deployment, complete, with every wanted task running."""

    name: str
    desired: int
    running: int
    steady: bool
    reason: str


def parse_service_arn(arn: str) -> ServiceRef | None:
    """`arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME` as a reference; none for anything else."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "ecs":
        return None
    path = parts[5].split("/")
    return ServiceRef(path[1], path[2]) if len(path) == 3 and path[0] == "service" else None


def families_in(state: Iterable[StateObject]) -> dict[ServiceRef, str]:
    """The family of each service's task definition, as a state knows it. It may have changed since."""
    return {
        ref: str(each.attributes["task_definition"]).rpartition("/")[2].partition(":")[0]
        for each in state
        if each.attributes.get("task_definition") and (ref := parse_service_arn(str(each.attributes.get("id") or "")))
    }


def service_in(state: StateSummary, address: str) -> ServiceRef | None:
    """The ECS service at an address of a state, or the one that an output (`output.NAME`) names by its ARN or its name."""
    services = {each.address: ref for each in state.resources if (ref := _of_resource(each.type, each.id))}
    if not address.startswith("output."):
        return services.get(address)
    value = next((each.value for each in state.outputs if each.name == address.removeprefix("output.")), None)
    named = [each for each in services.values() if each.name == value]
    return parse_service_arn(str(value)) or (named[0] if named else None)


def definition_in(state: StateSummary, address: str) -> str:
    """The family of the task definition at an address of a state; empty where there is none."""
    found = (each.id for each in state.resources if each.address == address and each.type == "aws_ecs_task_definition")
    return next(found, "")


def services_in(state: StateSummary) -> list[ServiceRef]:
    """Every ECS service of a state."""
    return [ref for each in state.resources if (ref := _of_resource(each.type, each.id))]


def _of_resource(type_: str, id_: str) -> ServiceRef | None:
    return parse_service_arn(id_) if type_ == "aws_ecs_service" else None


def look(session: boto3.Session, services: list[ServiceRef]) -> list[ServiceState]:
    """The state of these services. One that ECS does not know is not steady."""
    client = session.client("ecs")
    states: list[ServiceState] = []
    for cluster in sorted({service.cluster for service in services}):
        names = [service.name for service in services if service.cluster == cluster]
        for start in range(0, len(names), DESCRIBE_AT_ONCE):
            wanted = names[start : start + DESCRIBE_AT_ONCE]
            try:
                found: Any = client.describe_services(cluster=cluster, services=wanted)["services"]
            except (BotoCoreError, ClientError) as error:
                states += [ServiceState(name, 0, 0, False, str(error)) for name in wanted]
                continue
            by_name = {each["serviceName"]: each for each in found}
            states += [_state(name, by_name.get(name)) for name in wanted]
    return states


def _state(name: str, raw: Any) -> ServiceState:
    if raw is None or raw["status"] != "ACTIVE":
        return ServiceState(name, 0, 0, False, text("ECS does not know this service"))
    deployments = raw.get("deployments", [])
    rolled_out = len(deployments) == 1 and deployments[0].get("rolloutState", "COMPLETED") == "COMPLETED"
    enough = raw["runningCount"] == raw["desiredCount"]
    events = raw.get("events", [])
    reason = "" if rolled_out and enough else (events[0]["message"] if events else text("tasks are starting"))
    return ServiceState(name, raw["desiredCount"], raw["runningCount"], rolled_out and enough, reason)
