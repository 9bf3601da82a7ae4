"""Tasks: one child process a container, from the first look at the image to the last SIGKILL.

Only the runner's thread calls a task's methods; starting alone happens in a thread of a pool, since a checkout may take
its time.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM

from butai.errors import ButaiError
from butai.localcloud import containers
from butai.localcloud.children import Child, Children, stop_all
from butai.localcloud.containers import Container
from butai.localcloud.images import Images
from butai.localcloud.model import SETTLE_S, Health, Phase, Probe, TargetHealth, TaskView
from butai.localcloud.state import CloudState
from butai.loopback import free_port

# The router looks at the targets five times a second. A task is left alone this long after it was taken out of its
# target groups, so that no request meets a server that is going down.
ROUTER_LAG_S = 0.6


@dataclass(frozen=True)
class Workshop:
    """What every task is made with. `env` is what the cloud gives each container: endpoint, region, keys."""

    state: CloudState
    images: Images
    children: Children
    logs: Path
    homes: Path
    env: Mapping[str, str]


@dataclass(frozen=True)
class TaskSpec:
    """What a task is: which service and deployment it belongs to, its containers, and target group -> container.

    One that belongs to no service has no deployment; `service` is the family of its definition.
    """

    id: str
    arn: str
    cluster: str
    service: str
    deployment: str
    containers: tuple[Container, ...]
    target_groups: Mapping[str, str]


@dataclass
class RunningContainer:
    """A container that was started."""

    container: Container
    child: Child
    port: int
    log: Path


@dataclass
class Task:
    """One task and where it stands. Times are of the monotonic clock, in seconds."""

    spec: TaskSpec
    born: float
    phase: Phase = Phase.PENDING
    running: list[RunningContainer] = field(default_factory=list)
    health: dict[str, TargetHealth] = field(default_factory=dict)
    probes: dict[str, Future[Probe]] = field(default_factory=dict)
    running_since: float = 0.0
    stop_reason: str = ""
    stop_code: str = ""
    failed: bool = False
    was_healthy: bool = False
    _start: Future[list[RunningContainer]] | None = None
    _deadline: float = 0.0  # of SIGTERM while DEACTIVATING; of SIGKILL while STOPPING, each container its own

    @property
    def leaving(self) -> bool:
        """Whether it was asked to stop, or ended by itself."""
        return bool(self.stop_code)

    def begin(self, workshop: Workshop, pool: Executor) -> None:
        """Start its containers in another thread."""
        self._start = pool.submit(start_containers, self.spec, workshop)

    def observe(self, now: float) -> None:
        """See what has happened, and take the next step of a stop."""
        if self.phase is Phase.PENDING:
            self._observe_start(now)
        if self.phase in (Phase.RUNNING, Phase.DEACTIVATING):
            self._observe_exits(now)
        if self.phase is Phase.DEACTIVATING and now >= self._deadline:
            self._terminate(now)
        if self.phase is Phase.STOPPING:
            self._finish_stop(now)

    def stop(self, now: float, reason: str, code: str, *, failed: bool = False, lag_s: float = ROUTER_LAG_S) -> None:
        """Ask it to stop. A task that is just starting stops as soon as that is over."""
        if self.leaving:
            return
        self.stop_reason, self.stop_code, self.failed = reason, code, failed
        if self.phase is Phase.RUNNING:
            self.phase = Phase.DEACTIVATING
            self._deadline = now + (lag_s if self.spec.target_groups else 0)

    def kill(self) -> None:
        """End its containers at once."""
        stop_all([one.child for one in self.running], 0)

    def port_of(self, group: str) -> int | None:
        """The port that stands in a target group for this task; None while it has none."""
        name = self.spec.target_groups[group]
        return next((one.port for one in self.running if one.container.name == name), None)

    def healthy(self, now: float) -> bool:
        """By all its target groups' health checks; without any, by having run for a while."""
        if self.phase is not Phase.RUNNING:
            return False
        if not self.spec.target_groups:
            return now - self.running_since >= SETTLE_S
        states = [self.health[group].state for group in self.spec.target_groups if group in self.health]
        return len(states) == len(self.spec.target_groups) and all(state is Health.HEALTHY for state in states)

    def unhealthy_in(self) -> str | None:
        """A target group that calls it unhealthy."""
        return next((arn for arn, health in self.health.items() if health.state is Health.UNHEALTHY), None)

    def view(self, now: float, grace_s: float) -> TaskView:
        """The task as the scheduler sees it; `grace_s` is the service's health check grace period."""
        sick = self.phase is Phase.RUNNING and self.unhealthy_in() is not None and now - self.running_since >= grace_s
        return TaskView(self.spec.id, self.spec.deployment, self.born, self.healthy(now), sick)

    def _observe_start(self, now: float) -> None:
        if self._start is None or not self._start.done():
            return
        try:
            self.running = self._start.result()
        except ButaiError as error:
            self._failed_to_start(error.what)
        except Exception as error:  # a task must never end the runner
            self._failed_to_start(f"TaskFailedToStart: {type(error).__name__}: {error}")
        else:
            self.phase, self.running_since = Phase.RUNNING, now
            if self.leaving:
                self._terminate(now)

    def _failed_to_start(self, reason: str) -> None:
        self.phase = Phase.STOPPED
        if not self.leaving:
            self.stop_reason, self.stop_code, self.failed = reason, "TaskFailedToStart", True

    def _observe_exits(self, now: float) -> None:
        # Every child is looked at, since looking is what reaps it.
        living = [one.child.alive() for one in self.running]
        ended = [one for one, alive in zip(self.running, living, strict=True) if not alive]
        if all(living) or not any(one.container.essential for one in ended):
            return
        if not self.leaving:
            self.stop_reason, self.stop_code = "Essential container in task exited", "EssentialContainerExited"
            self.failed = True
        self._terminate(now)

    def _terminate(self, now: float) -> None:
        self.phase, self._deadline = Phase.STOPPING, now
        for one in self.running:
            if one.child.alive():
                one.child.signal(SIGTERM)

    def _finish_stop(self, now: float) -> None:
        for one in self.running:
            if one.child.alive() and now >= self._deadline + one.container.stop_timeout_s:
                one.child.stop(0)
        if not any(one.child.alive() for one in self.running):
            self.phase = Phase.STOPPED


def start_containers(spec: TaskSpec, workshop: Workshop) -> list[RunningContainer]:
    """Start all containers of a task, or none. Raises ButaiError, worded as a stopped reason."""
    started: list[RunningContainer] = []
    try:
        for container in spec.containers:
            started.append(_start(spec, container, workshop))
    except BaseException:
        stop_all([one.child for one in started], 0)
        raise
    return started


def _start(spec: TaskSpec, container: Container, workshop: Workshop) -> RunningContainer:
    checkout = workshop.images.checkout(container.image)
    secrets = containers.resolve_secrets(workshop.state, container)
    home = workshop.homes / spec.id
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    cloud = {**workshop.env, "ECS_CLUSTER": spec.cluster, "ECS_TASK_ARN": spec.arn}
    env = containers.environment(container, secrets, cloud=cloud, port=port, home=home)
    command = containers.argv(container, checkout, env)
    log = workshop.logs / spec.cluster / spec.service / spec.id / f"{container.name}.log"
    name = f"{spec.cluster}/{spec.service}/{spec.id}/{container.name}"
    child = workshop.children.start(name, command, env=env, cwd=checkout, log=log)
    return RunningContainer(container, child, port, log)


def clean_up(spec: TaskSpec, workshop: Workshop) -> None:
    """Remove what a stopped task needs no more; its logs stay."""
    shutil.rmtree(workshop.homes / spec.id, ignore_errors=True)
