"""A worker that freezes in the middle of a transaction: PostgreSQL's locks are not held against the others for long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from butai.db import Database
from butai.db.base import FROZEN_MS
from butai.runs import claims
from butai.runs.model import RunEnd
from butai.runs.queue import Hand
from butai.runs.store import Run
from butai.tables import load_tables
from support.carrying import Stage, now, stage, wait_for
from support.postgres import PostgresServer, postgres
from support.rows import add_environment, add_run, claim_run
from support.variants import again

__all__ = ["postgres"]

# It freezes itself where it has written the run's end and holds, on top of that, the lock under which claims are decided.
FREEZING = """
import os, signal, sys
from pathlib import Path
from butai.db import Database
from butai.runs import claims
from butai.tables import load_tables
from support.carrying import QUICK, RootJob, stage
from support.variants import again
load_tables()
class Freezing(RootJob):
    def ended(self, session, run, end, folder):
        super().ended(session, run, end, folder)
        if len(self.ends) == 1:
            claims.one_at_a_time(session)
            print("frozen", flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)
there = stage(Path(sys.argv[1]), Database(sys.argv[2]))
job = Freezing(QUICK)
print(there.carrier(job).engine_part(int(sys.argv[3])), len(job.ends), flush=True)
"""


@pytest.fixture
def shared(tmp_path: Path, postgres: PostgresServer) -> Stage:
    load_tables()
    return stage(tmp_path, Database(postgres.with_tables()))


def freeze(there: Stage, folder: Path, run: int) -> subprocess.Popen[str]:
    """A worker in a process of its own, at its moment."""
    argv = [sys.executable, "-c", FREEZING, str(folder), there.database.url, str(run)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    worker = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True)
    process = psutil.Process(worker.pid)
    wait_for(lambda: process.status() == psutil.STATUS_STOPPED, seconds=60, why="it freezes")
    return worker


def test_the_others_go_on_and_it_goes_on_itself_without_a_lie(shared: Stage, tmp_path: Path) -> None:
    run = add_run(shared.database, add_environment(shared.database, "qa-1"))
    other = add_run(shared.database, add_environment(shared.database, "qa-2"))
    claim_run(shared.database, run)
    worker = freeze(shared, tmp_path, run)
    try:
        began = time.monotonic()
        with shared.database.session() as session:
            taken = claims.take(session, Hand("another", {}, 4), cap=0, now=now())
        assert [each.run_id for each in taken] == [other], "another worker takes what waits"
        assert time.monotonic() - began < FROZEN_MS / 1000 + 5
        with shared.database.session() as session:
            session.get_one(Run, run, with_for_update=True)
        assert shared.runs.get(run).end is None, "what it had not committed nobody sees"
        worker.send_signal(signal.SIGCONT)
        said, _ = worker.communicate(timeout=60)
    finally:
        if worker.poll() is None:
            worker.send_signal(signal.SIGCONT)
            worker.kill()
    # The end was written a second time, because the first writing never came to anything.
    assert said.split("\n")[-2] == f"{RunEnd.SUCCEEDED} 2", said
    shown = shared.runs.get(run)
    assert (shown.end, shown.error, shown.done) == (RunEnd.SUCCEEDED, None, 1)
    events = shared.runs.events(run, limit=5000)
    assert [each.seq for each in events] == list(range(1, len(events) + 1))
    shared.database.close()


@again
def test_one_that_lost_its_run_while_it_was_frozen_writes_nothing_more(shared: Stage, tmp_path: Path) -> None:
    run = add_run(shared.database, add_environment(shared.database, "qa-1"))
    claim_run(shared.database, run)
    worker = freeze(shared, tmp_path, run)
    try:
        with shared.database.session() as session:
            (claim,) = claims.held(session)
            claims.one_at_a_time(session)
            assert claims.still_held(session, claim)
            claims.hand_to(session, claim, "another", fence=True)
        worker.send_signal(signal.SIGCONT)
        said, _ = worker.communicate(timeout=60)
    finally:
        if worker.poll() is None:
            worker.send_signal(signal.SIGCONT)
            worker.kill()
    assert "claim lost" in said and said.split("\n")[-2] == "None 1", said
    assert shared.runs.get(run).end is None, "its end is the other one's to tell"
    shared.database.close()
