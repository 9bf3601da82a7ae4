"""What a worker does now and then beside its runs, in a thread of its own: nothing waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from butai.db import AWAY

EVERY_S = 30.0
# A worker that has just started has its own runs to find first.
FIRST_AFTER_S = 5.0

log = structlog.get_logger()


class Chores:
    """Chores of one worker, one round at a time."""

    def __init__(self, chores: Sequence[Callable[[], None]], *, every_s: float = EVERY_S) -> None:
        self._chores, self._every_s = chores, every_s
        self._done_at = time.monotonic() + min(FIRST_AFTER_S, every_s) - every_s
        self._thread: threading.Thread | None = None

    def do_when_due(self) -> None:
        """Begin a round when it is time and the last one is over."""
        over = self._thread is None or not self._thread.is_alive()
        if self._chores and over and time.monotonic() - self._done_at >= self._every_s:
            self._done_at = time.monotonic()
            # A daemon: everything that it decides is one transaction.
            self._thread = threading.Thread(target=self._do, name="chores", daemon=True)
            self._thread.start()

    def _do(self) -> None:
        for chore in self._chores:
            try:
                chore()
            except AWAY as error:
                log.warning("database away", why=type(error.orig).__name__)
            except Exception:
                # One chore's fault must not keep the others from being done.
                log.exception("a chore")
