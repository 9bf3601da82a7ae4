"""How a worker stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.board.model import KINDS, WORDS, WorkerState, kind_of, stands

pytestmark = pytest.mark.model

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SILENT = timedelta(seconds=20)
AGO = st.integers(0, 10_000).map(lambda seconds: NOW - timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("seen", "stopped", "dead", "expected"),
    [
        (1, None, None, WorkerState.ALIVE),
        (19, None, None, WorkerState.ALIVE),
        (20, None, None, WorkerState.SILENT),
        (1, 1, None, WorkerState.STOPPED),
        (100, None, 50, WorkerState.DECLARED_DEAD),
    ],
)
def test_a_worker_stands(seen: int, stopped: int | None, dead: int | None, expected: WorkerState) -> None:
    def ago(seconds: int | None) -> datetime | None:
        return None if seconds is None else NOW - timedelta(seconds=seconds)

    found, since = stands(ago(seen) or NOW, ago(stopped), ago(dead), now=NOW, silent_after=SILENT)
    assert found is expected
    assert since == (ago(dead) or ago(stopped) or (ago(seen) if expected is WorkerState.SILENT else None))


@given(AGO, st.none() | AGO, st.none() | AGO)
def test_only_who_is_alive_has_no_since(seen: datetime, stopped: datetime | None, dead: datetime | None) -> None:
    state, since = stands(seen, stopped, dead, now=NOW, silent_after=SILENT)
    assert (since is None) == (state is WorkerState.ALIVE)
    assert state in WORDS and state in KINDS


def test_one_that_holds_runs_and_is_not_alive_is_the_worst() -> None:
    assert kind_of(WorkerState.ALIVE, 3) == "up"
    assert kind_of(WorkerState.SILENT, 0) == "warn"
    assert kind_of(WorkerState.SILENT, 1) == kind_of(WorkerState.DECLARED_DEAD, 1) == "down"
