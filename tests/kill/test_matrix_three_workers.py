"""The fault matrix in short, on a real PostgreSQL with three workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kill.matrix.cells import Cell, Store
from kill.matrix.play import play
from kill.matrix.short import POSTGRESQL
from kill.matrix.stage import Stage, stage_on
from support import postgres
from support.variants import again


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Three workers on a PostgreSQL of their own, which is hit too."""
    server = postgres.start()
    try:
        with stage_on(tmp_path_factory.mktemp("stage"), Store.POSTGRESQL, server) as stage:
            yield stage
    finally:
        server.stop()


@pytest.mark.parametrize(
    "cell", [POSTGRESQL[0], *(pytest.param(each, marks=again) for each in POSTGRESQL[1:])], ids=str
)
def test_nothing_lies(cell: Cell, stage: Stage) -> None:
    assert play(stage, cell, f"qa-{POSTGRESQL.index(cell)}x").lies == []
