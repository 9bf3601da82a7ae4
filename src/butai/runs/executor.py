"""The durable executor behind a small interface of ours (submit, stop), so that it can be replaced. Today: DBOS."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID
from sqlalchemy.engine import make_url

from butai.runs.carry import Carrier

QUEUE = "runs"
# A constant: by default it is a hash of the source, and an upgrade would leave old runs queued for ever.
VERSION = "1"
POLL_S = 0.1
# An apply that killed its worker twice is not tried a third time by itself.
MAX_RECOVERIES = 2


class Executor:
    """Runs carried out durably: at most `concurrency` in all and one per environment; found again after a crash."""

    def __init__(self, database_url: str, carrier: Carrier, *, executor_id: str, concurrency: int) -> None:
        config: DBOSConfig = {
            "name": "butai",
            "system_database_engine": _engine(database_url),
            "system_database_url": database_url,
            "application_version": VERSION,
            "executor_id": executor_id,
            "log_level": "ERROR",
            "console_log_level": "ERROR",
            "enable_otlp": False,
        }
        self._dbos = DBOS(config=config)
        self._concurrency = concurrency

        @DBOS.workflow(name="carry_out", max_recovery_attempts=MAX_RECOVERIES)
        def carry_out(run_id: int) -> None:
            DBOS.run_step({"name": "engine"}, carrier.engine_part, run_id)
            DBOS.run_step({"name": "after"}, carrier.after_part, run_id)

        self._carry_out = carry_out

    def start(self) -> None:
        """Begin to work: first what a crash left, then what is submitted."""
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            partition_concurrency=1,
            global_concurrency=self._concurrency,
            polling_interval_sec=POLL_S,
            on_conflict="always_update",
        )

    def submit(self, run_id: int, environment_id: int) -> None:
        """Hand a run over; handing it over twice does it once."""
        with SetWorkflowID(f"run-{run_id}"), SetEnqueueOptions(queue_partition_key=str(environment_id)):
            DBOS.enqueue_workflow(QUEUE, self._carry_out, run_id)

    def stop(self) -> None:
        """Stop working. Runs in progress stay with their supervisors and are found again at the next start."""
        DBOS.destroy(workflow_completion_timeout_sec=0)


def _engine(database_url: str) -> sa.Engine:
    url = make_url(database_url)
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    engine = sa.create_engine(url)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("journal_mode=WAL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    if sqlite3.sqlite_version_info < (3, 42):
        # The library's tables use `unixepoch('subsec')`, which older SQLite does not know.
        connection.create_function("unixepoch", -1, lambda *_: time.time())
