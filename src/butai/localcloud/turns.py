"""One service's turn with the runner: measure its tasks, plan, start and stop, and write down what is."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from butai.localcloud import ledger, targets
from butai.localcloud.model import (
    Backoff,
    Phase,
    Rollout,
    TargetHealth,
    after_crash,
    after_probe,
    breaks_at,
    is_complete,
    plan,
)
from butai.localcloud.tasks import Task, Workshop


@dataclass
class Fleet:
    """All tasks by id, and what the runner remembers of services from one turn to the next.

    `backoff` is by deployment id; `steady` and `waiting` (for target groups) by the service's key `cluster:name`.
    """

    workshop: Workshop
    starters: Executor
    probers: Executor
    tasks: dict[str, Task] = field(default_factory=dict)
    backoff: dict[str, Backoff] = field(default_factory=dict)
    steady: set[str] = field(default_factory=set)
    waiting: dict[str, str] = field(default_factory=dict)


class ServiceTurn:
    """One look at one service, with the state's lock held throughout."""

    def __init__(self, fleet: Fleet, backend: Any, key: str, service: Any, tasks: list[Task], now: float) -> None:
        self.fleet, self.backend, self.key, self.service = fleet, backend, key, service
        self.tasks, self.now = tasks, now
        self.groups: dict[str, Any] = fleet.workshop.state.backend("elbv2").target_groups

    def take(self) -> None:
        """Measure, plan, act, and write down what is."""
        if self.service.status == "INACTIVE" and not self.tasks:
            return
        for task in self.tasks:
            self._measure(task)
            self._note_end(task)
        self._act()
        for task in self.tasks:
            ledger.write_task(self.backend, task)
        self._write_down()

    def _measure(self, task: Task) -> None:
        """Keep the task's targets registered, take in probes that have ended, and send those that are due."""
        for arn in task.spec.target_groups:
            group, port = self.groups.get(arn), task.port_of(arn)
            if group is None or port is None:
                continue
            if task.phase is Phase.RUNNING:
                self._measure_target(task, arn, group, port)
            elif task.phase is Phase.DEACTIVATING:
                targets.drain(group, port)
            else:
                self._leave(task, arn, group, port)

    def _measure_target(self, task: Task, arn: str, group: Any, port: int) -> None:
        if arn not in task.health:
            # Failures count from a full interval after the start on: see FAST_START_S.
            task.health[arn] = TargetHealth(last_failure=self.now)
            targets.register(group, port)
            ledger.add_event(self.service, f"registered 1 targets in (target-group {arn})")
        check = targets.health_check(group)
        probe = task.probes.get(arn)
        if probe is not None and probe.done():
            del task.probes[arn]
            task.health[arn] = after_probe(task.health[arn], check, probe.result(), self.now)
            targets.write_health(group, port, task.health[arn])
        if arn not in task.probes and task.health[arn].next_probe <= self.now:
            task.probes[arn] = self.fleet.probers.submit(targets.probe, port, check)
        task.was_healthy = task.was_healthy or task.healthy(self.now)

    def _leave(self, task: Task, arn: str, group: Any, port: int) -> None:
        if task.health.pop(arn, None) is not None:
            targets.deregister(group, port)
            ledger.add_event(self.service, f"deregistered 1 targets in (target-group {arn})")

    def _note_end(self, task: Task) -> None:
        """Take note of a task that ended by itself, or that somebody stopped."""
        if (reason := ledger.asked_to_stop(self.backend, task)) is not None:
            task.stop(self.now, reason, "UserInitiated")
        if task.failed:
            task.failed = False  # counted
            self._count_failure(task)

    def _count_failure(self, task: Task) -> None:
        deployment = task.spec.deployment
        ledger.count_failure(self.service, deployment)
        known = self.fleet.backoff.get(deployment, Backoff())
        self.fleet.backoff[deployment] = after_crash(known, was_healthy=task.was_healthy, now=self.now)
        ledger.add_event(self.service, f"(task {task.spec.id}) failed: {task.stop_reason}")
        self._break(deployment)

    def _break(self, deployment: str) -> None:
        """The circuit breaker: a roll-out whose tasks fail one after the other is given up."""
        breaker = self._configuration().get("deploymentCircuitBreaker") or {}
        primary = ledger.primary(self.service)
        mine = primary is not None and primary["id"] == deployment
        enough = self.fleet.backoff[deployment].failures >= breaks_at(self.service.desired_count)
        if breaker.get("enable") and mine and enough:
            ledger.fail(self.service, roll_back=bool(breaker.get("rollback")))

    def _configuration(self) -> dict[str, Any]:
        return getattr(self.service, "deployment_configuration", None) or {}

    def _act(self) -> None:
        self._tell_missing_groups()
        rollout = self._rollout()
        grace_s = float(getattr(self.service, "health_check_grace_period_seconds", 0) or 0)
        staying = [task for task in self.tasks if not task.leaving]
        backoff = self.fleet.backoff.get(rollout.primary, Backoff())
        views = [task.view(self.now, grace_s) for task in staying]
        primary = ledger.primary(self.service)
        given_up = primary is not None and primary["rolloutState"] == "FAILED"
        step = plan(rollout, views, may_start=self.now >= backoff.not_before and not given_up)
        sick = {view.id for view in views if view.failed_health}
        self._stop([task for task in staying if task.spec.id in step.stop], sick)
        self._start(step.start)

    def _tell_missing_groups(self) -> None:
        missing = " ".join(f"(target-group {arn})" for arn in self._missing_groups())
        told = self.fleet.waiting.get(self.key, "")
        if missing != told:
            self.fleet.waiting[self.key] = missing
            ledger.add_event(self.service, f"waits for {missing}." if missing else "waits no longer.")

    def _rollout(self) -> Rollout:
        """What the service asks for: nothing once it is deleted, and nothing while a target group is missing.

        No request could reach a task without its target group, and it would never become healthy.
        """
        deployment = ledger.primary(self.service)
        wanted = self.service.status == "ACTIVE" and deployment is not None and not self._missing_groups()
        configuration = self._configuration()
        return Rollout(
            primary=deployment["id"] if deployment else "",
            desired=self.service.desired_count if wanted else 0,
            maximum_percent=configuration.get("maximumPercent", 200),
            minimum_healthy_percent=configuration.get("minimumHealthyPercent", 100),
        )

    def _missing_groups(self) -> list[str]:
        arns = [one["targetGroupArn"] for one in ledger.load_balancers(self.service)]
        return [arn for arn in arns if arn not in self.groups]

    def _stop(self, tasks: list[Task], sick: set[str]) -> None:
        for task in tasks:
            if task.spec.id in sick:
                reason = f"Task failed ELB health checks in (target-group {task.unhealthy_in()})"
                task.stop(self.now, reason, "ServiceSchedulerInitiated", failed=True)
            else:
                reason = f"Scaling activity initiated by (deployment {task.spec.deployment})"
                task.stop(self.now, reason, "ServiceSchedulerInitiated")
            self._measure(task)  # out of its target groups in the same moment
        if tasks:
            names = " ".join(f"(task {task.spec.id})" for task in tasks)
            ledger.add_event(self.service, f"has stopped {len(tasks)} running tasks: {names}.")

    def _start(self, count: int) -> None:
        deployment = ledger.primary(self.service)
        if not count or deployment is None:
            return
        new = [Task(ledger.open_task(self.backend, self.service, deployment), self.now) for _ in range(count)]
        for task in new:
            self.fleet.tasks[task.spec.id] = task
            task.begin(self.fleet.workshop, self.fleet.starters)
        self.tasks += new
        names = " ".join(f"(task {task.spec.id})" for task in new)
        ledger.add_event(self.service, f"has started {count} tasks: {names}.")

    def _write_down(self) -> None:
        living = [task for task in self.tasks if task.phase is not Phase.STOPPED]
        ledger.write_counts(self.service, living)
        ledger.lower_old(self.service, living)
        if self.service.status == "DRAINING" and not living:
            ledger.close_service(self.service)
        if self.service.status == "ACTIVE":
            self._note_steady(living)
        else:
            self.fleet.steady.discard(self.key)  # one of the same name may come after it

    def _note_steady(self, living: list[Task]) -> None:
        staying = [task.view(self.now, 0) for task in living if not task.leaving]
        leaving = len(living) - len(staying)
        steady = not self._missing_groups() and is_complete(self._rollout(), staying, leaving)
        if steady and ledger.complete(self.service):
            deployment = ledger.primary(self.service)
            assert deployment is not None
            ledger.add_event(self.service, f"(deployment {deployment['id']}) deployment completed.")
        if steady and self.key not in self.fleet.steady:
            ledger.add_event(self.service, "has reached a steady state.")
        (self.fleet.steady.add if steady else self.fleet.steady.discard)(self.key)
