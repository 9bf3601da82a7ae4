"""The runner: for every ECS service of the local cloud it keeps the tasks running that the service asks for."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from butai.localcloud import ledger, targets
from butai.localcloud.children import Children
from butai.localcloud.images import Images
from butai.localcloud.logfeed import LogFeed
from butai.localcloud.model import Backoff, Phase, Rollout, TargetHealth, after_crash, after_probe, is_complete, plan
from butai.localcloud.state import CloudState
from butai.localcloud.tasks import Task, Workshop, clean_up

TICK_S = 0.2
# The longest that a clean stop waits for containers, whatever their own stop timeouts are.
SHUTDOWN_S = 30.0
# Apart from each other: targets that do not answer must not keep tasks from starting.
_STARTERS, _PROBERS = 8, 32


class Runner:
    """A thread that looks at every service five times a second.

    It holds the state's lock while it looks and writes, never while it waits, probes, checks out or starts something.
    Give `children` when others share it (`end_leftovers` is then theirs to call), and `endpoint`, the API's address,
    for containers that call AWS themselves.
    """

    def __init__(
        self, state: CloudState, data: Path, repositories: Path, *, children: Children | None = None, endpoint: str = ""
    ) -> None:
        self.state = state
        if children is None:
            children = Children(data / "children")
            children.end_leftovers()
        images = Images(repositories.absolute(), data.absolute() / "images")
        homes, logs = data.absolute() / "homes", data.absolute() / "logs"
        self.workshop = Workshop(state, images, children, logs, homes, _cloud_environment(state, endpoint))
        self.tasks: dict[str, Task] = {}
        self.backoff: dict[str, Backoff] = {}
        self.steady: set[str] = set()
        self.waiting: dict[str, str] = {}
        self._trouble: dict[str, str] = {}
        self._complaint = ""
        self._logs = LogFeed(state)
        self.starters = ThreadPoolExecutor(_STARTERS, thread_name_prefix="task-start")
        self.probers = ThreadPoolExecutor(_PROBERS, thread_name_prefix="health-check")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runner", daemon=True)

    def start(self) -> None:
        """Begin. What a runner before this one ran is marked as stopped, and started anew."""
        shutil.rmtree(self.workshop.homes, ignore_errors=True)
        with self.state.lock:
            ledger.forget_processes(self.state, "The local cloud was stopped.")
        self._thread.start()

    def stop(self) -> None:
        """End every task, side by side, and then the thread."""
        self._stopping.set()
        self._thread.join()
        self._end_tasks()
        self.starters.shutdown()
        self.probers.shutdown()
        with self.state.lock:
            ledger.forget_processes(self.state, "The local cloud was stopped.")

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            self._tick_safely(began)
            self._stopping.wait(max(0.0, TICK_S - (time.monotonic() - began)))

    def _tick_safely(self, now: float) -> None:
        """A turn that goes wrong is told, and the next one tries again: nobody else keeps the services running."""
        try:
            self._tick(now)
        except Exception as error:
            complaint = f"local cloud: the runner stumbled: {type(error).__name__}: {error}"
            if complaint != self._complaint:
                self._complaint = complaint
                print(complaint, file=sys.stderr, flush=True)

    def _tick(self, now: float) -> None:
        for task in self.tasks.values():
            task.observe(now)
        self._logs.feed(list(self.tasks.values()), now)
        with self.state.lock:
            backend = self.state.backend("ecs")
            self._end_orphans(backend, now)
            for key, service in list(backend.services.items()):
                self._look_after(backend, key, service, now)
            ledger.prune_stopped(backend)
        self._bury()

    def _look_after(self, backend: Any, key: str, service: Any, now: float) -> None:
        """One service's turn. Its troubles stay its own, and are told once."""
        mine = [task for task in self.tasks.values() if _key(task) == key]
        try:
            ServiceTurn(self, backend, key, service, mine, now).take()
            self._trouble.pop(key, None)
        except Exception as error:  # whatever it is: the other services go on
            trouble = f"is not looked after: {type(error).__name__}: {error}"
            if self._trouble.get(key) != trouble:
                self._trouble[key] = trouble
                ledger.add_event(service, trouble)

    def _end_orphans(self, backend: Any, now: float) -> None:
        """End tasks of services that are no more."""
        for task in self.tasks.values():
            if _key(task) not in backend.services:
                task.stop(now, "The service was deleted", "ServiceSchedulerInitiated", lag_s=0)
                for group in self.state.backend("elbv2").target_groups.values():
                    for port in [one.port for one in task.running]:
                        targets.deregister(group, port)
                ledger.write_task(backend, task)

    def _bury(self) -> None:
        """Forget tasks that have ended and were written down as ended."""
        for task in [task for task in self.tasks.values() if task.phase is Phase.STOPPED]:
            self._logs.forget(task)
            clean_up(task.spec, self.workshop)
            del self.tasks[task.spec.id]

    def _end_tasks(self) -> None:
        until = time.monotonic() + SHUTDOWN_S
        while self.tasks:
            now = time.monotonic()
            for task in self.tasks.values():
                task.stop(now, "The local cloud was stopped.", "TerminationNotice", lag_s=0)
                task.observe(now)
                if now >= until:
                    task.kill()
            self._bury()
            time.sleep(0.02)


class ServiceTurn:
    """One look at one service, with the state's lock held throughout."""

    def __init__(self, runner: Runner, backend: Any, key: str, service: Any, tasks: list[Task], now: float) -> None:
        self.runner, self.backend, self.key, self.service = runner, backend, key, service
        self.tasks, self.now = tasks, now
        self.groups: dict[str, Any] = runner.state.backend("elbv2").target_groups

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
            task.probes[arn] = self.runner.probers.submit(targets.probe, port, check)
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
        known = self.runner.backoff.get(deployment, Backoff())
        self.runner.backoff[deployment] = after_crash(known, was_healthy=task.was_healthy, now=self.now)
        ledger.add_event(self.service, f"(task {task.spec.id}) failed: {task.stop_reason}")

    def _act(self) -> None:
        self._tell_missing_groups()
        rollout = self._rollout()
        grace_s = float(getattr(self.service, "health_check_grace_period_seconds", 0) or 0)
        staying = [task for task in self.tasks if not task.leaving]
        backoff = self.runner.backoff.get(rollout.primary, Backoff())
        views = [task.view(self.now, grace_s) for task in staying]
        step = plan(rollout, views, may_start=self.now >= backoff.not_before)
        sick = {view.id for view in views if view.failed_health}
        self._stop([task for task in staying if task.spec.id in step.stop], sick)
        self._start(step.start)

    def _tell_missing_groups(self) -> None:
        missing = " ".join(f"(target-group {arn})" for arn in self._missing_groups())
        told = self.runner.waiting.get(self.key, "")
        if missing != told:
            self.runner.waiting[self.key] = missing
            ledger.add_event(self.service, f"waits for {missing}." if missing else "waits no longer.")

    def _rollout(self) -> Rollout:
        """What the service asks for now: nothing once it is deleted, and nothing while a target group is missing."""
        deployment = ledger.primary(self.service)
        wanted = self.service.status == "ACTIVE" and deployment is not None and not self._missing_groups()
        configuration = getattr(self.service, "deployment_configuration", None) or {}
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
            self.runner.tasks[task.spec.id] = task
            task.begin(self.runner.workshop, self.runner.starters)
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
            self.runner.steady.discard(self.key)  # one of the same name may come after it

    def _note_steady(self, living: list[Task]) -> None:
        staying = [task.view(self.now, 0) for task in living if not task.leaving]
        leaving = len(living) - len(staying)
        steady = not self._missing_groups() and is_complete(self._rollout(), staying, leaving)
        if steady and ledger.complete(self.service):
            deployment = ledger.primary(self.service)
            assert deployment is not None
            ledger.add_event(self.service, f"(deployment {deployment['id']}) deployment completed.")
        if steady and self.key not in self.runner.steady:
            ledger.add_event(self.service, "has reached a steady state.")
        (self.runner.steady.add if steady else self.runner.steady.discard)(self.key)


def _key(task: Task) -> str:
    return f"{task.spec.cluster}:{task.spec.service}"


def _cloud_environment(state: CloudState, endpoint: str) -> dict[str, str]:
    """What a task role and the container agent would give: region, keys, and where AWS is."""
    given = {
        "AWS_REGION": state.region,
        "AWS_DEFAULT_REGION": state.region,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return {**given, "AWS_ENDPOINT_URL": endpoint} if endpoint else given
