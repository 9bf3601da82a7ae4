"""Lines of containers with the `awslogs` driver, brought from their files into CloudWatch Logs as well."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from butai.localcloud.state import CloudState
from butai.localcloud.tasks import Task
from butai.terraform.follow import Follower

_EVERY_S = 1.0
_LAST_READS = 16  # a mebibyte each: a container that wrote far more must not hold up the others
# The files keep everything. In moto's memory, which is written to disk on each change, a stream keeps its newest lines.
_KEEP_EVENTS = 1000


@dataclass
class _Source:
    group: str
    stream: str
    file: Follower


class LogFeed:
    """Follows the log files of tasks. Used by the runner's thread alone."""

    def __init__(self, state: CloudState) -> None:
        self.state = state
        self._sources: dict[tuple[str, str], _Source] = {}
        self._next = 0.0

    def feed(self, tasks: list[Task], now: float) -> None:
        """Bring over what is new, about once a second."""
        if now < self._next:
            return
        self._next = now + _EVERY_S
        for source in [source for task in tasks for source in self._sources_of(task)]:
            self._put(source, source.file.read())

    def forget(self, task: Task) -> None:
        """A task has ended: bring over its last lines, also one without an end."""
        for source in self._sources_of(task):
            for _ in range(_LAST_READS):
                lines = source.file.read()
                self._put(source, lines or source.file.read_last())
                if not lines:
                    break
        for key in [key for key in self._sources if key[0] == task.spec.id]:
            del self._sources[key]

    def _sources_of(self, task: Task) -> list[_Source]:
        found = []
        for one in task.running:
            if (logs := one.container.logs) is not None:
                stream = f"{logs.prefix}/{one.container.name}/{task.spec.id}"
                key = (task.spec.id, one.container.name)
                found.append(self._sources.setdefault(key, _Source(logs.group, stream, Follower(one.log))))
        return found

    def _put(self, source: _Source, lines: list[tuple[int, str]]) -> None:
        if not lines:
            return
        with self.state.lock:
            backend: Any = self.state.backend("logs")
            if source.group not in backend.groups:
                return  # deleted, or never made: the lines are in the file
            backend.ensure_log_stream(source.group, source.stream)
            stamp = int(time.time() * 1000)
            events = [{"timestamp": stamp, "message": line} for _, line in lines]
            backend.put_log_events(source.group, source.stream, events)
            stream = backend.groups[source.group].streams[source.stream]
            del stream.events[:-_KEEP_EVENTS]
