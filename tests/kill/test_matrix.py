"""The fault matrix in short: on SQLite each target once per kind of fault, on PostgreSQL with three workers a named few.

Moments are chosen so that each comes up; `make soak` plays every cell.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kill.matrix.cells import WAITING_FOR_ADOPTION, Cell, Fault, Moment, Store, Target, every, why_not
from kill.matrix.play import play
from kill.matrix.stage import Stage, stage_on
from support import postgres

ON_SQLITE = [
    (Target.WORKER, Moment.MID_APPLY, Fault.KILL),
    (Target.WORKER, Moment.AFTER_APPLY, Fault.TERM),
    (Target.WORKER, Moment.DURING_PLAN, Fault.FULL),
    (Target.SUPERVISOR, Moment.STATE_WRITTEN, Fault.KILL),
    (Target.SUPERVISOR, Moment.DURING_PLAN, Fault.TERM),
    (Target.SUPERVISOR, Moment.BEFORE_PLAN, Fault.FULL),
    (Target.ENGINE, Moment.DURING_DESTROY, Fault.KILL),
    (Target.ENGINE, Moment.MID_APPLY, Fault.TERM),
    (Target.ENGINE, Moment.STATE_WRITTEN, Fault.FULL),
    (Target.SERVER, Moment.BEFORE_PLAN, Fault.KILL),
    (Target.SERVER, Moment.MID_APPLY, Fault.TERM),
    (Target.SERVER, Moment.AFTER_APPLY, Fault.FULL),
]
ON_POSTGRESQL = [
    (Target.WORKER, Moment.MID_APPLY, Fault.KILL),
    (Target.WORKER, Moment.DURING_PLAN, Fault.CUT),
    (Target.DATABASE, Moment.STATE_WRITTEN, Fault.KILL),
    (Target.DATABASE, Moment.DURING_DESTROY, Fault.TERM),
    (Target.DATABASE, Moment.MID_APPLY, Fault.CUT),
]
IN_THE_CLOUD = [
    (Target.PROVIDER, Moment.MID_APPLY, Fault.KILL),
    (Target.PROVIDER, Moment.DURING_DESTROY, Fault.TERM),
    (Target.PROVIDER, Moment.MID_APPLY, Fault.CUT),
]
CELLS = [
    *(Cell(Store.SQLITE, *each) for each in ON_SQLITE),
    *(Cell(Store.SQLITE, *each, cloud=True) for each in IN_THE_CLOUD),
    *(Cell(Store.POSTGRESQL, *each) for each in ON_POSTGRESQL),
]


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker, everything in files."""
    with stage_on(tmp_path_factory.mktemp("stage"), Store.SQLITE, None) as stage:
        yield stage


@pytest.fixture(scope="module")
def three_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Three workers on a PostgreSQL of their own, which is hit too."""
    server = postgres.start()
    try:
        with stage_on(tmp_path_factory.mktemp("stage"), Store.POSTGRESQL, server) as stage:
            yield stage
    finally:
        server.stop()


def number(cell: Cell) -> str:
    """A name for the cell's environment."""
    return f"qa-{CELLS.index(cell)}x"


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.store is Store.SQLITE], ids=str)
def test_on_sqlite_nothing_lies(cell: Cell, sqlite: Stage) -> None:
    assert play(sqlite, cell, number(cell)).lies == []


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.store is Store.POSTGRESQL], ids=str)
def test_on_postgresql_with_three_workers_nothing_lies(cell: Cell, three_workers: Stage) -> None:
    assert play(three_workers, cell, number(cell)).lies == []


def test_each_target_meets_each_kind_of_fault_that_makes_sense() -> None:
    possible = {
        (cell.target, cell.fault) for cell in every(Store.SQLITE) if not cell.cloud or cell.target is Target.PROVIDER
    }
    assert {(cell.target, cell.fault) for cell in CELLS if cell.store is Store.SQLITE} == possible
    assert {cell.moment for cell in CELLS} == set(Moment)
    assert [str(cell) for cell in CELLS if why_not(cell)] == []


def test_what_still_waits_for_adoption_is_a_cell_of_the_cloud() -> None:
    cells = {(cell.target, cell.moment, cell.fault) for cell in every(Store.SQLITE) if cell.cloud}
    assert set(WAITING_FOR_ADOPTION) <= cells
