"""`butai worker`: the process that carries runs out. Stopping it leaves engines alone; the next start finds them again."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading

import structlog

from butai.assembly import assemble, now
from butai.runs import workers
from butai.runs.capacity import capacity
from butai.runs.chores import Chores
from butai.runs.executor import Executor, Terms
from butai.runs.nursery import Nursery
from butai.runs.tidy import Retention, Tidy
from butai.settings import Settings

ROLLOUTS_EVERY_S = 2.0

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. Refused when another worker has this data folder."""
    # First of all, as long as this process has one thread and nothing open.
    nursery = Nursery(settings.database_url)
    butai = assemble(settings)
    # One worker for a data folder: two under one id would carry a run out twice. Held until the process ends.
    lock = butai.data.lock("worker")
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    terms = Terms(workers.identity(butai.data.path), settings.concurrency, settings.max_runs, settings.labels)
    log.info("worker ready", data=str(butai.data.path), worker=terms.worker_id, concurrency=terms.slots or "measured")
    retention = Retention(
        settings.keep_events_days,
        settings.keep_run_folders,
        settings.keep_prepared_days,
        settings.keep_prepared_mib,
    )
    Tidy(butai.database, butai.data, retention, now).in_background()
    # A rollout's next wave is waited for; a drift check is not.
    chores = [Chores([butai.drift_schedule().submit_due]), Chores([butai.rollouts.step_all], every_s=ROLLOUTS_EVERY_S)]
    room = capacity(terms.slots, butai.database, butai.data)
    Executor(butai.database, butai.carrier(nursery.spawn), terms, now, chores, capacity=room).run_until(stop)
    butai.acceleration().host.end_when_unused()
    lock.release()
    log.info("worker stops; engines go on under their supervisors")
    # Threads that follow a run would keep the process alive; what they follow is in files and is found again.
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(0)
