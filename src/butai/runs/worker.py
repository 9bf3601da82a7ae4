"""The worker's loop: hands queued runs to the durable executor, in order, one environment's run after the other."""

from __future__ import annotations

import threading
import time

import structlog
from sqlalchemy.exc import OperationalError

from butai.db import Database
from butai.runs import store
from butai.runs.executor import Executor

LOOK_EVERY_S = 0.2

log = structlog.get_logger()


class Dispatcher:
    """Looks for queued runs. A run waits while an older one of its environment has not ended."""

    def __init__(self, database: Database, executor: Executor) -> None:
        self._database, self._executor = database, executor
        self._submitted: set[int] = set()

    def dispatch(self) -> list[int]:
        """Hand over what can start now; the runs' ids."""
        with self._database.session() as session:
            first = {run.environment_id: run.id for run in reversed(store.unfinished(session))}
        fresh = {env: run for env, run in first.items() if run not in self._submitted}
        for environment_id, run_id in sorted(fresh.items(), key=lambda pair: pair[1]):
            self._executor.submit(run_id, environment_id)
            self._submitted.add(run_id)
        return sorted(fresh.values())

    def run_until(self, stop: threading.Event) -> None:
        """Dispatch until told to stop. A database that is away for a while is waited for.

        The event is looked at and never waited on: a signal handler that sets it would meet a lock that this thread holds.
        """
        while not stop.is_set():
            try:
                self.dispatch()
            except OperationalError as error:
                log.warning("database away", why=type(error.orig).__name__)
                time.sleep(1.0)
            time.sleep(LOOK_EVERY_S)
