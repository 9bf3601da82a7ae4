"""The clock of the local cloud: brings every change to disk within a second, and keeps the data stores alive."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any

from butai.localcloud.servers import Servers
from butai.localcloud.snapshot import Snapshot

# A dump takes some milliseconds, so a change is on disk well within the promised second.
_TICK_S = 0.5


class Keeper:
    """A thread that saves what has changed, every half second."""

    def __init__(self, snapshot: Snapshot, stores: Sequence[Servers[Any]]) -> None:
        self.snapshot, self.stores = snapshot, stores
        self._changed, self._stopping = threading.Event(), threading.Event()
        self._complaint = ""
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def note_change(self) -> None:
        """Something changed by a request."""
        self._changed.set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and save for the last time. Raises OSError when that cannot be written."""
        self._stopping.set()
        self._thread.join()
        self.snapshot.save()

    def _run(self) -> None:
        while not self._stopping.wait(_TICK_S):
            try:
                self._tick()
            except Exception as error:  # the cloud goes on, and the next tick tries again
                self._changed.set()
                self._complain(f"local cloud: state not saved: {error}")

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:  # once, not twice a second
            print(complaint, file=sys.stderr, flush=True)
            self._complaint = complaint

    def _tick(self) -> None:
        for each in self.stores:
            each.keep()
        if self._changed.is_set() or self.snapshot.outdated_by_runner():
            self._changed.clear()
            self.snapshot.save()
