"""The peer of `benchmarks.runs`: bare DBOS with empty workflows. `URL` alone idles; with counts it prints the seconds."""

from __future__ import annotations

import sqlite3
import sys
import time
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetEnqueueOptions
from sqlalchemy.engine import make_url

POLL_S = 0.1


def main(url: str, runs: int = 0, environments: int = 1, at_once: int = 8) -> None:
    """Enqueue that many workflows and wait for all of them."""
    config: DBOSConfig = {
        "name": "bench",
        "system_database_engine": _engine(url),
        "system_database_url": url,
        "application_version": "1",
        "executor_id": "bench",
        "log_level": "ERROR",
        "console_log_level": "ERROR",
        "enable_otlp": False,
    }
    DBOS(config=config)

    @DBOS.workflow()
    def nothing(_run: int) -> None:
        return None

    DBOS.launch()
    DBOS.register_queue(
        "runs",
        partition_concurrency=1,
        global_concurrency=at_once,
        polling_interval_sec=POLL_S,
        on_conflict="always_update",
    )
    if not runs:
        while True:
            time.sleep(3600)
    began = time.monotonic()
    handles = []
    for number in range(runs):
        with SetEnqueueOptions(queue_partition_key=str(number % environments)):
            handles.append(DBOS.enqueue_workflow("runs", nothing, number))
    for handle in handles:
        handle.get_result(polling_interval_sec=POLL_S)
    print(time.monotonic() - began)
    DBOS.destroy(workflow_completion_timeout_sec=0)


def _engine(url: str) -> sa.Engine:
    kind = make_url(url)
    if kind.get_backend_name() == "postgresql":
        return sa.create_engine(kind.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    engine = sa.create_engine(url)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("journal_mode=WAL", "busy_timeout=30000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    if sqlite3.sqlite_version_info < (3, 42):
        # Its tables use `unixepoch('subsec')`, which older SQLite does not know.
        connection.create_function("unixepoch", -1, lambda *_: time.time())


if __name__ == "__main__":
    main(sys.argv[1], *[int(each) for each in sys.argv[3:]])
