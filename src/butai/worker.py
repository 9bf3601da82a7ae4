"""`butai worker`: the process that carries runs out. Stopping it leaves engines alone; the next start finds them again."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading

import structlog

from butai.assembly import assemble
from butai.runs.executor import Executor
from butai.runs.worker import Dispatcher
from butai.settings import Settings

EXECUTOR_ID = "worker"

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. Refused when another worker has this data folder."""
    butai = assemble(settings)
    # One worker for a data folder: two under one executor id would carry a run out twice. Held until the process ends.
    lock = butai.data.lock("worker")
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    executor = Executor(
        settings.database_url, butai.carrier(), executor_id=EXECUTOR_ID, concurrency=settings.concurrency
    )
    executor.start()
    log.info("worker ready", data=str(butai.data.path), concurrency=settings.concurrency)
    Dispatcher(butai.database, executor).run_until(stop)
    lock.release()
    log.info("worker stops; engines go on under their supervisors")
    # Threads that follow a run would keep the process alive; what they follow is in files and is found again.
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(0)
