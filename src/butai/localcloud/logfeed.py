"""Lines of containers with the `awslogs` driver, brought from their files into CloudWatch Logs as well."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from butai.localcloud.state import CloudState
from butai.localcloud.tasks import Task

_EVERY_S = 1.0
_CHUNK_BYTES = 256 * 1024
# The files keep everything. In moto's memory, which is written to disk on each change, a stream keeps its newest lines.
_KEEP_EVENTS = 1000


@dataclass
class _Source:
    group: str
    stream: str
    path: Path
    offset: int = 0

    def read(self) -> list[str]:
        """Whole lines that were written since the last look; none when somebody has removed the file."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                chunk = file.read(_CHUNK_BYTES)
        except OSError:
            return []
        whole = chunk[: chunk.rfind(b"\n") + 1] if len(chunk) < _CHUNK_BYTES or b"\n" in chunk else chunk
        self.offset += len(whole)
        return whole.decode(errors="replace").splitlines()


class LogFeed:
    """Follows the log files of tasks. Used by the runner's thread alone."""

    def __init__(self, state: CloudState) -> None:
        self.state = state
        self._sources: dict[tuple[str, str], _Source] = {}
        self._next = 0.0

    def feed(self, tasks: list[Task], now: float, *, all_of_it: bool = False) -> None:
        """Bring over what is new, about once a second; at once and for the last time with `all_of_it`."""
        if now < self._next and not all_of_it:
            return
        self._next = now + _EVERY_S
        for source in [source for task in tasks for source in self._sources_of(task)]:
            if lines := source.read():
                with self.state.lock:
                    self._put(source, lines)

    def forget(self, task: Task) -> None:
        """A task has ended: bring over its last lines."""
        self.feed([task], self._next - _EVERY_S, all_of_it=True)
        for key in [key for key in self._sources if key[0] == task.spec.id]:
            del self._sources[key]

    def _sources_of(self, task: Task) -> list[_Source]:
        found = []
        for one in task.running:
            if (logs := one.container.logs) is not None:
                stream = f"{logs.prefix}/{one.container.name}/{task.spec.id}"
                key = (task.spec.id, one.container.name)
                found.append(self._sources.setdefault(key, _Source(logs.group, stream, one.log)))
        return found

    def _put(self, source: _Source, lines: list[str]) -> None:
        backend: Any = self.state.backend("logs")
        if source.group not in backend.groups:
            return  # deleted, or never made: the lines are in the file
        backend.ensure_log_stream(source.group, source.stream)
        stamp = int(time.time() * 1000)
        backend.put_log_events(source.group, source.stream, [{"timestamp": stamp, "message": line} for line in lines])
        stream = backend.groups[source.group].streams[source.stream]
        del stream.events[:-_KEEP_EVENTS]
