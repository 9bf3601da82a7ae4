"""Rules of deploys: what of a task definition is exchanged, what must hold before, and how a roll-out stands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from butai.aws.awslogs import options_of
from butai.aws.definition import exchange
from butai.text import Text, text

Raw = Mapping[str, Any]

_ECS_TASKS = "ecs-tasks.amazonaws.com"
ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}

# Fargate's pairs: CPU units -> memory in MiB (first, last, step), as the developer guide of ECS lists them.
_SMALLEST = (512, 1024, 2048)
_FARGATE = {
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}


def has_moving_tag(template: str) -> bool:
    """Whether images of this template are named after a branch alone: each of its builds has the same name."""
    return "{commit}" not in template and "{short_commit}" not in template


def foreign_image(definition: Raw, image: str, known: str) -> str:
    """What the containers that `image` is for run although `known` was put there last; empty where nobody interfered."""
    chosen = exchange(definition, image, {}).containers
    running = [each.get("image", "") for each in definition.get("containerDefinitions", []) if each["name"] in chosen]
    return next((each for each in running if known and each != known), "")


def fits_fargate(cpu: str, memory: str) -> bool:
    """Whether Fargate has tasks of this size."""
    if not (cpu.isdigit() and memory.isdigit()):
        return False
    units, mib = int(cpu), int(memory)
    if units == 256:
        return mib in _SMALLEST
    first, last, step = _FARGATE.get(units, (1, 0, 1))
    return first <= mib <= last and (mib - first) % step == 0


def wants_fargate(service: Raw, definition: Raw) -> bool:
    """Whether its tasks run on Fargate."""
    providers = {each.get("capacityProvider", "") for each in service.get("capacityProviderStrategy") or []}
    on_fargate = service.get("launchType") == "FARGATE" or bool(providers & {"FARGATE", "FARGATE_SPOT"})
    return on_fargate or definition.get("requiresCompatibilities") == ["FARGATE"]


def is_assumable(policy: Raw) -> bool:
    """Whether a role's trust policy lets ECS tasks take it on."""
    statements = policy.get("Statement", [])
    return any(_lets_in(each) for each in ([statements] if isinstance(statements, dict) else statements))


def _lets_in(statement: Raw) -> bool:
    principal = statement.get("Principal", {})
    services = _listed(principal.get("Service", [])) if isinstance(principal, Mapping) else []
    actions = _listed(statement.get("Action", []))
    allowed = statement.get("Effect") == "Allow" and any(each in ("sts:AssumeRole", "sts:*", "*") for each in actions)
    return allowed and _ECS_TASKS in services


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@dataclass(frozen=True)
class Needs:
    """What a definition names that must be there: roles by name, parameters by name, secrets by ARN, log groups."""

    roles: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    log_groups: frozenset[str] = frozenset()


def needs_of(definition: Raw) -> Needs:
    """What this definition names."""
    roles = [definition.get(name) for name in ("taskRoleArn", "executionRoleArn")]
    containers = definition.get("containerDefinitions", [])
    values = [each["valueFrom"] for one in containers for each in one.get("secrets") or []]
    logs = [options_of(each).get("awslogs-group", "") for each in containers if not _makes_its_group(each)]
    return Needs(
        roles=frozenset(each.rpartition("/")[2] for each in roles if each),
        parameters=frozenset(_parameter(each) for each in values if not _is_secret(each)),
        secrets=frozenset(":".join(each.split(":")[:7]) for each in values if _is_secret(each)),
        log_groups=frozenset(each for each in logs if each),
    )


def addresses_wanted(service: Raw) -> tuple[frozenset[str], int]:
    """The subnets in which a service's tasks get addresses of their own, and how many new tasks a roll-out runs at once
    beside the old ones; no subnets where tasks share their machine's address."""
    network = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    maximum = (service.get("deploymentConfiguration") or {}).get("maximumPercent") or 200
    more = int(service.get("desiredCount") or 0) * max(0, maximum - 100) // 100
    return frozenset(network.get("subnets") or ()), more


def _is_secret(value: str) -> bool:
    return value.startswith("arn:") and value.split(":")[2] == "secretsmanager"


def _parameter(value: str) -> str:
    """The name in a parameter's ARN; a name with a folder in it begins with a slash, which the ARN leaves out."""
    if not value.startswith("arn:"):
        return value
    name = value.split(":", 5)[5].removeprefix("parameter/")
    return f"/{name}" if "/" in name and not name.startswith("/") else name


def _makes_its_group(container: Raw) -> bool:
    return str(options_of(container).get("awslogs-create-group", "")).lower() == "true"


def wrong_ports(service: Raw, definition: Raw) -> list[Text]:
    """Target groups of the service whose container or port the definition does not have."""
    ports = {
        each["name"]: {port.get("containerPort") for port in each.get("portMappings") or []}
        for each in definition.get("containerDefinitions", [])
    }
    found = []
    for each in service.get("loadBalancers") or []:
        name, port = each.get("containerName", ""), each.get("containerPort")
        if name not in ports:
            found.append(text("A target group wants the container `{name}`, which is not there.", name=name))
        elif port not in ports[name]:
            words = text("A target group wants port {port} of `{name}`, which it does not open.", port=port, name=name)
            found.append(words)
    return found


def other_controller(service: Raw) -> str:
    """Who rolls the service out, where that is not ECS itself."""
    controller = str((service.get("deploymentController") or {}).get("type", "ECS"))
    return "" if controller == "ECS" else controller


def missing_architecture(definition: Raw, offered: Iterable[str]) -> str:
    """The architecture that the tasks want and the image does not offer; empty where it does, or that is not known."""
    wanted = (definition.get("runtimePlatform") or {}).get("cpuArchitecture") or "X86_64"
    known = set(offered)
    return "" if not known or ARCHITECTURES.get(wanted, wanted.lower()) in known else wanted


def stop_timeout(definition: Raw) -> int:
    """How long (s) a task is left to end by itself: the longest of its containers'; ECS gives 30 where none is said."""
    return max((each.get("stopTimeout") or 30 for each in definition.get("containerDefinitions", [])), default=30)


class Stands(StrEnum):
    """How a roll-out stands."""

    GOES_ON = "goes-on"
    COMPLETED = "completed"
    FAILED = "failed"
    REPLACED = "replaced"


@dataclass(frozen=True)
class RollOut:
    """A roll-out as one look saw it. `old`: tasks of what ran before that still run."""

    stands: Stands
    running: int = 0
    desired: int = 0
    failed: int = 0
    old: int = 0
    reason: str = ""


def roll_out(service: Raw, deployment: str, revision: str) -> RollOut:
    """How the roll-out of a deployment stands; `revision` is what it rolls out."""
    deployments: Sequence[Raw] = service.get("deployments") or []
    mine = next((each for each in deployments if each["id"] == deployment), None)
    old = sum(each.get("runningCount", 0) for each in deployments if each["id"] != deployment)
    if mine is None:
        # ECS forgets what it has put back; somebody else may also have set another revision meanwhile.
        return RollOut(Stands.REPLACED, old=old)
    counts = mine.get("runningCount", 0), mine.get("desiredCount", 0), mine.get("failedTasks", 0)
    reason = mine.get("rolloutStateReason", "")
    if mine.get("rolloutState") == "FAILED":
        return RollOut(Stands.FAILED, *counts, old=old, reason=reason)
    if service.get("taskDefinition") != revision:
        return RollOut(Stands.REPLACED, *counts, old=old, reason=reason)
    done = mine.get("rolloutState") == "COMPLETED" and mine.get("status") == "PRIMARY"
    return RollOut(Stands.COMPLETED if done else Stands.GOES_ON, *counts, old=old, reason=reason)


@dataclass(frozen=True)
class Version:
    """One version of a service that a run put on an environment. `good`: it was seen to run."""

    run: int
    branch: str
    commit: str
    image: str
    good: bool = True


def rolled_back_to(versions: Sequence[Version], wanted: int = 0) -> Version | None:
    """Out of a service's versions, newest first: that of a run, else the newest good one that is another than the first."""
    if wanted:
        return next((each for each in versions if each.run == wanted), None)
    return next((each for each in versions[1:] if each.good and each.image != versions[0].image), None)
