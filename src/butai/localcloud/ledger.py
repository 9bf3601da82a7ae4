"""What the runner writes into moto's ECS objects, so that every AWS client sees what is really running.

Call everything here with the state's lock held. Only differences are written: an unchanged cloud stays byte for byte.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from moto.ecs import models as moto_ecs

from butai.localcloud import targets
from butai.localcloud.containers import overridden, read_definition
from butai.localcloud.model import Phase
from butai.localcloud.state import CloudState
from butai.localcloud.tasks import Task, TaskSpec
from butai.loopback import LOOPBACK

_MAX_EVENTS = 100  # as many as ECS keeps
_KEEP_STOPPED = timedelta(hours=1)  # as long as ECS shows them
# Through these moto's own annotations do not reach us, which forbid what its code allows.
_MotoTask: Any = moto_ecs.Task
_MotoContainer: Any = moto_ecs.Container
_LEAVING = (Phase.DEACTIVATING, Phase.STOPPING)


def add_event(service: Any, message: str) -> None:
    """Add one event to a service, in front as ECS orders them."""
    event = {"id": str(uuid4()), "createdAt": datetime.now(UTC), "message": f"(service {service.name}) {message}"}
    service.events = [event, *service.events][:_MAX_EVENTS]


def open_task(backend: Any, service: Any, deployment: dict[str, Any]) -> TaskSpec:
    """Enter a new task of a deployment into moto and say what it is made of."""
    definition = backend.describe_task_definition(deployment["taskDefinition"])
    cluster = backend.clusters[service.cluster_name]
    given = {"launch_type": service.launch_type, "started_by": deployment["id"]}
    task = enter_task(backend, cluster, definition, f"service:{service.name}", **given)
    return TaskSpec(
        id=task.id,
        arn=task.task_arn,
        cluster=service.cluster_name,
        service=service.name,
        deployment=deployment["id"],
        containers=tuple(read_definition(one) for one in definition.container_definitions),
        target_groups={one["targetGroupArn"]: one["containerName"] for one in load_balancers(service)},
    )


def enter_task(backend: Any, cluster: Any, definition: Any, group: str, **given: Any) -> Any:
    """A new task that has not started, in moto's books. `given`: launch type, who started it, overrides, tags."""
    # moto makes a network interface for each `awsvpc` task and never removes it: it would stand in the way of its
    # subnet's deletion. Here a task is on the machine's own network, which ECS calls `host`.
    on_host = copy.copy(definition)
    on_host.network_mode = "host"
    task = _MotoTask(cluster, on_host, None, None, backend, group, **given)
    task._transitions = []  # else each look at it would move it on
    task.last_status = Phase.PENDING.value
    task.created_at = datetime.now(UTC)
    task.containers = [_container(task, definition, one) for one in definition.container_definitions]
    backend.tasks.setdefault(cluster.name, {})[task.task_arn] = task
    return task


def one_offs(backend: Any) -> list[TaskSpec]:
    """Tasks that somebody asked for by RunTask, and that have not started: what they are made of."""
    waiting = [
        task
        for tasks in backend.tasks.values()
        for task in tasks.values()
        if not task.group.startswith("service:") and task.last_status == Phase.PENDING.value
    ]
    return [_one_off(backend, task) for task in waiting]


def _one_off(backend: Any, task: Any) -> TaskSpec:
    definition = backend.describe_task_definition(task.task_definition_arn)
    others = {one["name"]: one for one in (task.overrides or {}).get("containerOverrides") or ()}
    containers = [overridden(one, others.get(one["name"], {})) for one in definition.container_definitions]
    return TaskSpec(
        id=task.id,
        arn=task.task_arn,
        cluster=task.cluster_name,
        service=definition.family,
        deployment="",
        containers=tuple(read_definition(one) for one in containers),
        target_groups={},
    )


def load_balancers(service: Any) -> list[dict[str, Any]]:
    """The service's load balancers that are target groups."""
    return [one for one in service.load_balancers or [] if one.get("targetGroupArn")]


def _container(task: Any, definition: Any, container_definition: dict[str, Any]) -> Any:
    container = _MotoContainer(SimpleNamespace(arn=definition.arn, container_definitions=[container_definition]))
    container.task_arn = task.task_arn
    container.last_status, container.exitCode, container.health_status = Phase.PENDING.value, None, "UNKNOWN"
    return container


def write_task(backend: Any, task: Task) -> None:
    """Bring moto's task up to what the process does."""
    record = backend.tasks.get(task.spec.cluster, {}).get(task.spec.arn)
    if record is None or record.last_status == task.phase.value:
        return
    now = datetime.now(UTC)
    record.last_status = task.phase.value
    if task.phase is Phase.RUNNING:
        record.started_at = now
    if task.phase in (*_LEAVING, Phase.STOPPED):
        record.desired_status, record.stopped_reason, record.stop_code = "STOPPED", task.stop_reason, task.stop_code
    if task.phase is Phase.STOPPED:
        record.stopped_at = now
    _write_containers(record, task)


def _write_containers(record: Any, task: Task) -> None:
    running = {one.container.name: one for one in task.running}
    for container in record.containers:
        container.last_status = task.phase.value if task.phase not in _LEAVING else Phase.RUNNING.value
        if one := running.get(container.name):
            container.network_bindings = [{"bindIP": LOOPBACK, "hostPort": one.port, "protocol": "tcp"}]
            container.exitCode = None if (code := one.child.returncode) is None else _exit_code(code)
        elif task.phase is Phase.STOPPED:
            container.reason = task.stop_reason


def _exit_code(returncode: int) -> int:
    # A signal's death is 128 + its number, as container engines report it.
    return returncode if returncode >= 0 else 128 - returncode


def asked_to_stop(backend: Any, task: Task) -> str | None:
    """The reason given, when somebody called StopTask for a task that runs."""
    record = backend.tasks.get(task.spec.cluster, {}).get(task.spec.arn)
    if record is None or task.leaving or record.desired_status != "STOPPED":
        return None
    return record.stopped_reason or "Task stopped by user"


def write_counts(service: Any, tasks: Iterable[Task]) -> None:
    """Write the running and pending counts of a service and of each of its deployments."""
    counts = Counter((task.spec.deployment, task.phase) for task in tasks)
    for deployment in service.deployments:
        running = counts[deployment["id"], Phase.RUNNING]
        pending = counts[deployment["id"], Phase.PENDING]
        _update(deployment, runningCount=running, pendingCount=pending)
    totals = Counter(phase for _, phase in counts.elements())
    if (service.running_count, service.pending_count) != (totals[Phase.RUNNING], totals[Phase.PENDING]):
        service.running_count, service.pending_count = totals[Phase.RUNNING], totals[Phase.PENDING]


def count_failure(service: Any, deployment_id: str) -> None:
    """One more failed task of a deployment."""
    for deployment in service.deployments:
        if deployment["id"] == deployment_id:
            _update(deployment, failedTasks=deployment["failedTasks"] + 1)


def lower_old(service: Any, tasks: Iterable[Task]) -> None:
    """Old deployments want only what they still have, and are gone with their last task."""
    living = Counter(task.spec.deployment for task in tasks)
    kept = [one for one in service.deployments if one["status"] == "PRIMARY" or living[one["id"]]]
    for deployment in kept:
        if deployment["status"] != "PRIMARY":
            _update(deployment, desiredCount=min(deployment["desiredCount"], living[deployment["id"]]))
    if len(kept) != len(service.deployments):
        service.deployments = kept


def complete(service: Any) -> bool:
    """Call the primary deployment completed; false when it already was, or has failed."""
    deployment = primary(service)
    if deployment is None or deployment["rolloutState"] != "IN_PROGRESS":
        return False
    reason = f"ECS deployment {deployment['id']} completed."
    _update(deployment, rolloutState="COMPLETED", rolloutStateReason=reason)
    return True


def fail(service: Any, *, roll_back: bool) -> None:
    """The circuit breaker calls the primary deployment failed; with `roll_back` the last completed one takes its place."""
    failed = primary(service)
    if failed is None or failed["rolloutState"] != "IN_PROGRESS":
        return
    reason = "tasks failed to start."
    _update(failed, rolloutState="FAILED", rolloutStateReason=f"ECS deployment circuit breaker: {reason}")
    add_event(service, f"(deployment {failed['id']}) deployment failed: {reason}")
    before = next((one for one in service.deployments if one["rolloutState"] == "COMPLETED"), None)
    if not roll_back or before is None:
        return
    _update(failed, status="ACTIVE", desiredCount=0)
    told = f"ECS deployment circuit breaker: rolling back to deploymentId {before['id']}."
    _update(
        before,
        status="PRIMARY",
        desiredCount=service.desired_count,
        rolloutState="IN_PROGRESS",
        rolloutStateReason=told,
    )
    service.task_definition = before["taskDefinition"]
    service.deployments = [before, *(one for one in service.deployments if one is not before)]
    add_event(service, f"rolling back to deployment {before['id']}.")


def primary(service: Any) -> dict[str, Any] | None:
    """The service's PRIMARY deployment."""
    return next((one for one in service.deployments if one["status"] == "PRIMARY"), None)


def close_service(service: Any) -> None:
    """A deleted service whose last task has ended."""
    service.status, service.deployments = "INACTIVE", []
    service.running_count = service.pending_count = 0


def forget_processes(state: CloudState, reason: str) -> None:
    """Nothing runs (any more): every task is stopped, no target is registered, all counts are zero."""
    backend = state.backend("ecs")
    for tasks in backend.tasks.values():
        for task in tasks.values():
            if task.last_status != "STOPPED":
                task.last_status = task.desired_status = "STOPPED"
                task.stopped_reason, task.stop_code = reason, "TerminationNotice"
                task.stopped_at = datetime.now(UTC)
    for group in state.backend("elbv2").target_groups.values():
        targets.deregister_all(group)
    for service in backend.services.values():
        write_counts(service, ())


def prune_stopped(backend: Any) -> None:
    """Forget tasks that stopped long ago."""
    before = datetime.now(UTC) - _KEEP_STOPPED
    for tasks in backend.tasks.values():
        for arn in [
            arn for arn, task in tasks.items() if getattr(task, "stopped_at", None) and task.stopped_at < before
        ]:
            del tasks[arn]


def _update(deployment: dict[str, Any], **values: Any) -> None:
    if any(deployment.get(name) != value for name, value in values.items()):
        deployment.update(values, updatedAt=datetime.now(UTC))
