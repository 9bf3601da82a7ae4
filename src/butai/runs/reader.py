"""Reading an engine's output into a run's log, from the first line that is not stored yet."""

from __future__ import annotations

from butai.runs.folder import RunFolder
from butai.runs.log import RunLog
from butai.runs.model import Step
from butai.terraform.events import parse
from butai.terraform.follow import Follower
from butai.terraform.progress import Progress


class Reader:
    """Reads one step's output. After a fault of the database make a new one: it finds what is not stored."""

    def __init__(self, folder: RunFolder, step: Step, run_log: RunLog) -> None:
        self._step, self._log = step, run_log
        self._follower = Follower(folder.output(step))
        self._stored = run_log.last_line(step)
        self._progress = Progress()

    def read(self, *, last: bool) -> None:
        """Store what was written since; with `last` all of it, and a line without its end too."""
        while lines := self._follower.read():
            self._store(lines)
            if not last:
                break
        if last:
            self._store(self._follower.read_last())

    def _store(self, lines: list[tuple[int, str]]) -> None:
        events = [parse(number, line) for number, line in lines]
        for event in events:
            self._progress = self._progress.after(event)
        # Lines stored before a restart are read again only to have the right figures.
        fresh = [event for event in events if event.seq > self._stored]
        if fresh:
            self._log.engine(self._step, fresh, self._progress)
