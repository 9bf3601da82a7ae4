"""Drift of roots looked for by itself: after somebody has once, when it is due, and never twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from butai.assembly import Butai, assemble
from butai.inventory.told_views import PlaceRequest
from butai.inventory.views import AddRequest
from butai.runs import workers
from butai.runs.model import RunEnd, RunStatus
from butai.runs.queue import Priority
from butai.runs.store import Run
from butai.settings import Settings
from support.carrying import now
from support.repository import WorkingTree

EMPTY = {"version": 4, "serial": 1, "lineage": "l", "resources": []}


@pytest.fixture
def butai(tmp_path: Path) -> Iterator[Butai]:
    infra = WorkingTree(tmp_path / "infra")
    infra.commit({f"{name}/main.tf": 'resource "aws_sqs_queue" "calls" {}\n' for name in ("live", "other")})
    butai = assemble(Settings(data=tmp_path / "data"))
    butai.inventory.add(AddRequest(repository=str(infra.path)))
    for root in ("live", "other"):
        file = tmp_path / f"{root}.tfstate"
        file.write_text(json.dumps(EMPTY))
        butai.told.add("infra", PlaceRequest(root=root, place=str(file)))
    with butai.database.session() as session:
        workers.register(session, "worker-1", slots=4, labels={}, now=now())
    yield butai
    butai.database.close()


def over(butai: Butai, run: int, at: datetime) -> None:
    with butai.database.session() as session:
        row = session.get_one(Run, run)
        row.status, row.end, row.ended_at, row.settled_at = RunStatus.ENDED, RunEnd.SUCCEEDED, at, at


def queued(butai: Butai) -> list[tuple[str, int]]:
    with butai.database.reading() as session:
        rows = session.query(Run).filter(Run.settled_at.is_(None)).all()
        return [(row.params["root"]["folder"], row.priority) for row in rows]


def test_a_root_that_somebody_has_looked_at_is_looked_at_again_when_it_is_due(butai: Butai, tmp_path: Path) -> None:
    butai.root_drift.check_due()
    assert queued(butai) == [], "nobody has looked at any of them"
    first = butai.root_drift.check("infra", str(tmp_path / "live.tfstate"), by="mika")
    butai.root_drift.check_due()
    assert queued(butai) == [("live", Priority.PERSON)], "it has not ended"
    over(butai, first.id, now() - timedelta(hours=23))
    butai.root_drift.check_due()
    assert queued(butai) == [], "it is not due"
    over(butai, first.id, now() - timedelta(days=2))
    butai.root_drift.check_due()
    butai.root_drift.check_due()
    assert queued(butai) == [("live", Priority.DRIFT_CHECK)], "once, behind what somebody waits for"


def test_what_cannot_be_looked_at_any_more_is_in_nobodys_way(butai: Butai, tmp_path: Path) -> None:
    for root in ("live", "other"):
        over(
            butai,
            butai.root_drift.check("infra", str(tmp_path / f"{root}.tfstate"), by="mika").id,
            now() - timedelta(days=2),
        )
    with butai.database.session() as session:
        workers.register(session, "worker-2", slots=4, labels={}, now=now())
    gone = WorkingTree(tmp_path / "infra")
    (gone.path / "live" / "main.tf").unlink()
    gone.commit({"other/more.tf": "locals {}\n"})
    butai.inventory.fetch_all(0)
    butai.root_drift.check_due()
    assert queued(butai) == [("other", Priority.DRIFT_CHECK)]
