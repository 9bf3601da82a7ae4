"""The fault matrix in short, on SQLite: each target once per kind of fault; and that this is so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kill.matrix.cells import WAITING_FOR_ADOPTION, Cell, Moment, Store, Target, every, why_not
from kill.matrix.play import play
from kill.matrix.short import CLOUD, POSTGRESQL, SQLITE
from kill.matrix.stage import Stage, stage_on


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker, everything in files."""
    with stage_on(tmp_path_factory.mktemp("stage"), Store.SQLITE, None) as stage:
        yield stage


@pytest.mark.parametrize("cell", SQLITE, ids=str)
def test_nothing_lies(cell: Cell, stage: Stage) -> None:
    assert play(stage, cell, f"qa-{SQLITE.index(cell)}x").lies == []


def test_each_target_meets_each_kind_of_fault_that_makes_sense() -> None:
    possible = [cell for cell in every(Store.SQLITE) if cell.cloud == (cell.target is Target.PROVIDER)]
    assert {(cell.target, cell.fault) for cell in SQLITE + CLOUD} == {(cell.target, cell.fault) for cell in possible}
    assert {cell.moment for cell in SQLITE} == {cell.moment for cell in POSTGRESQL + SQLITE} == set(Moment)
    assert [str(cell) for cell in SQLITE + CLOUD + POSTGRESQL if why_not(cell)] == []


def test_what_still_waits_for_adoption_is_a_cell_of_the_cloud() -> None:
    cells = {(cell.target, cell.moment, cell.fault) for cell in every(Store.SQLITE) if cell.cloud}
    assert set(WAITING_FOR_ADOPTION) <= cells
