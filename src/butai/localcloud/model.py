"""Rules of the local cloud's scheduler: health of targets, roll-outs, restarts. Pure: time is passed in, in seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

# A demo must not wait 5 intervals for a service that answers after half a second, so a target that has never been
# healthy is asked this often. Failures in that time still count once an interval: a slow start is not made a failure.
FAST_START_S = 0.3
# A service without a target group is taken for healthy when its task has run this long.
SETTLE_S = 2.0
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.5, 30.0
# How many failed tasks in a row the circuit breaker of ECS lets pass: half of those wanted, within these bounds.
BREAKER_FEWEST, BREAKER_MOST = 3, 200


class Health(Enum):
    """Health of a target in the words of Elastic Load Balancing."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class HealthCheck:
    """A target group's health check. Times in seconds; `matcher` as in the API: `200`, `200,202` or `200-299`."""

    path: str = "/"
    interval_s: float = 30.0
    timeout_s: float = 5.0
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2
    matcher: str = "200"


@dataclass(frozen=True)
class Probe:
    """What one probe saw: an HTTP status, or nothing (`timed_out` tells a silent target from a refusing one)."""

    status: int | None
    timed_out: bool = False


@dataclass(frozen=True)
class TargetHealth:
    """Health of one target and the counts behind it. `last_failure` is when a failure last counted."""

    state: Health = Health.INITIAL
    reason: str | None = "Elb.RegistrationInProgress"
    description: str | None = "Target registration is in progress"
    successes: int = 0
    failures: int = 0
    was_healthy: bool = False
    next_probe: float = 0.0
    last_failure: float = -math.inf


def matches(matcher: str, status: int) -> bool:
    """Whether a status is in a matcher such as `200`, `200,302` or `200-299`."""
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


def after_probe(health: TargetHealth, check: HealthCheck, probe: Probe, now: float) -> TargetHealth:
    """The health of a target after one more probe."""
    if probe.status is not None and matches(check.matcher, probe.status):
        return _after_success(health, check, now)
    return _after_failure(health, check, probe, now)


def _after_success(health: TargetHealth, check: HealthCheck, now: float) -> TargetHealth:
    successes = health.successes + 1
    counted = replace(health, successes=successes, failures=0)
    if health.state is Health.HEALTHY or successes >= check.healthy_threshold:
        counted = replace(counted, state=Health.HEALTHY, reason=None, description=None, was_healthy=True)
    return _with_next(counted, check, now)


def _after_failure(health: TargetHealth, check: HealthCheck, probe: Probe, now: float) -> TargetHealth:
    counts = health.was_healthy or now - health.last_failure >= check.interval_s
    failures = health.failures + counts
    counted = replace(health, successes=0, failures=failures, last_failure=now if counts else health.last_failure)
    if failures >= check.unhealthy_threshold:
        reason, description = why_failed(probe)
        counted = replace(counted, state=Health.UNHEALTHY, reason=reason, description=description)
    elif health.state is Health.INITIAL:
        counted = replace(counted, reason="Elb.InitialHealthChecking", description="Initial health checks in progress")
    return _with_next(counted, check, now)


def _with_next(health: TargetHealth, check: HealthCheck, now: float) -> TargetHealth:
    wait = check.interval_s if health.was_healthy else min(FAST_START_S, check.interval_s)
    return replace(health, next_probe=now + wait)


def why_failed(probe: Probe) -> tuple[str, str]:
    """Reason code and description of a failed probe, as DescribeTargetHealth words them."""
    if probe.status is not None:
        return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{probe.status}]"
    if probe.timed_out:
        return "Target.Timeout", "Request timed out"
    return "Target.FailedHealthChecks", "Health checks failed"


class Phase(Enum):
    """Where a task stands, in the words of ECS (`lastStatus`)."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DEACTIVATING = "DEACTIVATING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"


@dataclass(frozen=True)
class TaskView:
    """What the scheduler must know of a task that is neither stopped nor being stopped. `born` orders by age."""

    id: str
    deployment: str
    born: float
    healthy: bool = False
    failed_health: bool = False


@dataclass(frozen=True)
class Rollout:
    """What a service asks for. The percentages are those of its deployment configuration."""

    primary: str
    desired: int
    maximum_percent: int = 200
    minimum_healthy_percent: int = 100


@dataclass(frozen=True)
class Plan:
    """What to do now: how many tasks of the primary deployment to start, and which tasks to stop."""

    start: int
    stop: tuple[str, ...]


def plan(rollout: Rollout, tasks: Sequence[TaskView], *, may_start: bool = True) -> Plan:
    """The next step towards `desired` healthy tasks of the primary deployment and none of any other.

    Never more tasks than `maximum_percent` allows; a healthy task is stopped only while `minimum_healthy_percent` of
    the desired count stay healthy. `may_start` is False while a crash's back-off runs.
    """
    sick = [task for task in tasks if task.failed_health]
    fit = [task for task in tasks if not task.failed_health]
    new = [task for task in fit if task.deployment == rollout.primary]
    old = [task for task in fit if task.deployment != rollout.primary]
    surplus = _surplus(new, len(new) - rollout.desired)
    outgoing = _outgoing(rollout, [task for task in new if task not in surplus], old)
    room = _upper(rollout) - (len(tasks) - len(surplus) - len(outgoing))
    start = max(0, min(rollout.desired - len(new), room)) if may_start else 0
    return Plan(start, tuple(task.id for task in (*sick, *surplus, *outgoing)))


def _upper(rollout: Rollout) -> int:
    return max(rollout.desired * rollout.maximum_percent // 100, 1 if rollout.desired else 0)


def _lower(rollout: Rollout) -> int:
    return math.ceil(rollout.desired * rollout.minimum_healthy_percent / 100)


def _surplus(tasks: Sequence[TaskView], count: int) -> list[TaskView]:
    """The `count` tasks that are missed least: not yet healthy before healthy, then the youngest."""
    return sorted(tasks, key=lambda task: (task.healthy, -task.born))[: max(0, count)]


def _outgoing(rollout: Rollout, new: Sequence[TaskView], old: Sequence[TaskView]) -> list[TaskView]:
    """Old tasks whose place is taken by healthy new ones, or is needed for new ones that otherwise have no room."""
    healthy_new = sum(task.healthy for task in new)
    replaced = len(old) - max(0, rollout.desired - healthy_new)
    lacking_room = rollout.desired - len(new) - max(0, _upper(rollout) - len(new) - len(old))
    wanted = _surplus(old, max(replaced, lacking_room))
    spare = healthy_new + sum(task.healthy for task in old) - _lower(rollout)
    leaving_healthy = [task for task in wanted if task.healthy][: max(0, spare)]
    return [task for task in wanted if not task.healthy or task in leaving_healthy]


def is_complete(rollout: Rollout, tasks: Sequence[TaskView], leaving: int) -> bool:
    """Whether the roll-out has arrived: exactly the desired tasks, all new, all healthy, and nobody still leaving."""
    arrived = [task for task in tasks if task.deployment == rollout.primary and task.healthy]
    return len(arrived) == rollout.desired == len(tasks) and leaving == 0


def breaks_at(desired: int) -> int:
    """With how many failed tasks, one after the other, the circuit breaker calls a roll-out failed."""
    return min(BREAKER_MOST, max(BREAKER_FEWEST, math.ceil(desired / 2)))


@dataclass(frozen=True)
class Backoff:
    """Restarts of one deployment: how many tasks failed one after the other, and until when none may start."""

    failures: int = 0
    not_before: float = 0.0


def after_crash(backoff: Backoff, *, was_healthy: bool, now: float) -> Backoff:
    """A task ended by itself. One that had been healthy starts the count anew; the wait doubles with every failure."""
    failures = 1 if was_healthy else backoff.failures + 1
    wait = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(failures - 1, 10))
    return Backoff(failures, now + wait)
