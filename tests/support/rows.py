"""Rows that tests of one room need of another, and a database with every table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from butai.db import Database
from butai.environments.store import Environment
from butai.runs.claims import Claim
from butai.runs.model import RunKind, RunStatus
from butai.runs.store import Run, RunClaim
from butai.tables import load_tables
from support.migrated import sqlite_with_tables

WORKER = "test-worker"
NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def new_database(folder: Path) -> Database:
    """An SQLite database with every table."""
    load_tables()
    return Database(sqlite_with_tables(folder / "butai.db"))


def add_environment(database: Database, name: str, **more: Any) -> int:
    """An environment; its id."""
    fields: dict[str, Any] = {
        "blueprint": "ivr",
        "name": name,
        "owner": "mika",
        "created_at": NOW,
        "ref": "main",
        "commit": "0" * 40,
        "services": {},
        "variables": {},
        "engine_name": "terraform",
        "engine_version": "1.11.4",
    }
    with database.session() as session:
        row = Environment(**{**fields, **more})
        session.add(row)
        session.flush()
        return row.id


def add_run(database: Database, environment_id: int, **more: Any) -> int:
    """A queued run; its id."""
    fields: dict[str, Any] = {
        "kind": RunKind.CREATE,
        "status": RunStatus.QUEUED,
        "params": {},
        "requested_by": "mika",
        "requested_at": NOW,
    }
    with database.session() as session:
        row = Run(environment_id=environment_id, **{**fields, **more})
        session.add(row)
        session.flush()
        return row.id


def claim_run(database: Database, run_id: int) -> Claim:
    """A run's claim for a worker of the tests, whatever the queue says; one without force where the run is over."""
    with database.session() as session:
        run = session.get_one(Run, run_id)
        row = session.get(RunClaim, run.environment_id) or RunClaim(environment_id=run.environment_id, fence=0)
        if run.settled_at is not None:
            return Claim(run_id, run.environment_id, WORKER, -1)
        if row.run_id != run_id:
            row.fence, row.run_id, row.worker_id = row.fence + 1, run_id, WORKER
            run.status, run.started_at, run.attempts = RunStatus.RUNNING, NOW, run.attempts + 1
        session.add(row)
        return Claim(run_id, run.environment_id, WORKER, row.fence)
