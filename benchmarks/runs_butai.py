"""Butai's side of `benchmarks.runs`: real queue, claims, folders and ends; no engine. Prints the seconds."""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks.runs import database_with_tables
from butai.datafolder import DataFolder
from butai.db import Database
from butai.environments.store import Environment
from butai.runs.carry import Carrier
from butai.runs.executor import Executor, Terms
from butai.runs.folder import RunFolder, Work
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, RunKind
from butai.runs.service import Runs, RunView
from butai.runs.store import Run
from butai.states.service import States

POLL_S = 0.1


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class Nothing:
    """A job that needs no engine and does nothing."""

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """No command."""
        return Prepared(Work(run.id, run.environment_id, str(folder.path), []), {})

    def look(self, run: RunView, log: RunLog) -> bool:
        """Nothing was made."""
        return True

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:
        """Nothing to keep."""

    def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
        """Nothing follows."""

    def gave_up(self, run: RunView, reason: str, log: RunLog) -> None:
        """Nothing was tried."""


def main(url: str, folder: str, runs: int, environments: int, at_once: int) -> None:
    """Queue that many runs and wait until all are over."""
    data, database = DataFolder(Path(folder)), database_with_tables(url)
    states, service = States(database, data.state_key, now), Runs(database, now)
    ids = [_environment(database, f"qa-{number}") for number in range(environments)]
    carrier = Carrier(database, data, states, dict.fromkeys(RunKind, Nothing()), now)
    stop = threading.Event()
    executor = Executor(database, carrier, Terms("bench", at_once, at_once, {}), now)
    thread = threading.Thread(target=executor.run_until, args=(stop,))
    thread.start()
    began = time.monotonic()
    for number in range(runs):
        with database.session() as session:
            service.submit(session, ids[number % environments], RunKind.ADOPT, {}, "bench")
    while _over(database) < runs:
        time.sleep(POLL_S)
    print(time.monotonic() - began)
    stop.set()
    thread.join()


def _over(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).where(Run.settled_at.is_not(None), Run.end == "succeeded")) or 0


def _environment(database: Database, name: str) -> int:
    with database.session() as session:
        row = Environment(
            blueprint="bench",
            name=name,
            owner="bench",
            created_at=now(),
            ref="main",
            commit="0" * 40,
            services={},
            variables={},
            engine_name="terraform",
            engine_version="1.11.4",
        )
        session.add(row)
        session.flush()
        return row.id


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *[int(each) for each in sys.argv[3:]])
