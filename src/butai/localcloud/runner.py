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
from butai.localcloud.model import Phase
from butai.localcloud.state import CloudState
from butai.localcloud.tasks import Task, Workshop, clean_up
from butai.localcloud.turns import Fleet, ServiceTurn

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
        workshop = Workshop(state, images, children, logs, homes, _cloud_environment(state, endpoint))
        starters = ThreadPoolExecutor(_STARTERS, thread_name_prefix="task-start")
        probers = ThreadPoolExecutor(_PROBERS, thread_name_prefix="health-check")
        self._fleet = Fleet(workshop, starters, probers)
        self._tasks = self._fleet.tasks
        self._trouble: dict[str, str] = {}
        self._complaint = ""
        self._logs = LogFeed(state)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="runner", daemon=True)

    def start(self) -> None:
        """Begin. What a runner before this one ran is marked as stopped, and started anew."""
        shutil.rmtree(self._fleet.workshop.homes, ignore_errors=True)
        with self.state.lock:
            ledger.forget_processes(self.state, "The local cloud was stopped.")
        self._thread.start()

    def stop(self) -> None:
        """End every task, side by side, and then the thread."""
        self._stopping.set()
        self._thread.join()
        self._end_tasks()
        self._fleet.starters.shutdown()
        self._fleet.probers.shutdown(cancel_futures=True)
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
        for task in self._tasks.values():
            task.observe(now)
        self._logs.feed(list(self._tasks.values()), now)
        with self.state.lock:
            backend = self.state.backend("ecs")
            self._end_orphans(backend, now)
            self._look_after_one_offs(backend, now)
            for key, service in list(backend.services.items()):
                self._look_after(backend, key, service, now)
            ledger.prune_stopped(backend)
        self._bury()

    def _look_after(self, backend: Any, key: str, service: Any, now: float) -> None:
        """One service's turn. Its troubles stay its own, and are told once."""
        mine = [task for task in self._tasks.values() if task.spec.deployment and _key(task) == key]
        try:
            ServiceTurn(self._fleet, backend, key, service, mine, now).take()
            self._trouble.pop(key, None)
        except Exception as error:  # whatever it is: the other services go on
            trouble = f"is not looked after: {type(error).__name__}: {error}"
            if self._trouble.get(key) != trouble:
                self._trouble[key] = trouble
                ledger.add_event(service, trouble)

    def _look_after_one_offs(self, backend: Any, now: float) -> None:
        """Tasks of no service: each is started once, and ends by itself or because somebody stops it."""
        for spec in ledger.one_offs(backend):
            if spec.id not in self._tasks:
                self._tasks[spec.id] = Task(spec, now)
                self._tasks[spec.id].begin(self._fleet.workshop, self._fleet.starters)
        for task in [task for task in self._tasks.values() if not task.spec.deployment]:
            if (reason := ledger.asked_to_stop(backend, task)) is not None:
                task.stop(now, reason, "UserInitiated")
            ledger.write_task(backend, task)

    def _end_orphans(self, backend: Any, now: float) -> None:
        """End tasks of services that are no more."""
        for task in self._tasks.values():
            if task.spec.deployment and _key(task) not in backend.services:
                task.stop(now, "The service was deleted", "ServiceSchedulerInitiated", lag_s=0)
                for group in self.state.backend("elbv2").target_groups.values():
                    for port in [one.port for one in task.running]:
                        targets.deregister(group, port)
                ledger.write_task(backend, task)

    def _bury(self) -> None:
        """Forget tasks that have ended and were written down as ended."""
        for task in [task for task in self._tasks.values() if task.phase is Phase.STOPPED]:
            self._logs.forget(task)
            clean_up(task.spec, self._fleet.workshop)
            del self._tasks[task.spec.id]

    def _end_tasks(self) -> None:
        until = time.monotonic() + SHUTDOWN_S
        while self._tasks:
            now = time.monotonic()
            for task in self._tasks.values():
                task.stop(now, "The local cloud was stopped.", "TerminationNotice", lag_s=0)
                task.observe(now)
                if now >= until:
                    task.kill()
            self._bury()
            time.sleep(0.02)


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
