"""The fault matrix in short, on resources of AWS in the local cloud: what is hit is the real provider."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kill.matrix.cells import Cell, Store
from kill.matrix.play import play
from kill.matrix.short import CLOUD
from kill.matrix.stage import Stage, stage_on
from support.variants import again


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker, a local cloud, everything else in files."""
    with stage_on(tmp_path_factory.mktemp("stage"), Store.SQLITE, None) as stage:
        yield stage


@again
@pytest.mark.parametrize("cell", CLOUD, ids=str)
def test_nothing_lies_and_nothing_is_left_in_the_cloud(cell: Cell, stage: Stage) -> None:
    assert play(stage, cell, f"qa-{CLOUD.index(cell)}x").lies == []
