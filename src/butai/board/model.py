"""How a worker stands. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum


class WorkerState(StrEnum):
    """How a worker stands, as far as anybody can tell."""

    ALIVE = "alive"
    SILENT = "silent"
    STOPPED = "stopped"
    DECLARED_DEAD = "declared-dead"


WORDS = {
    WorkerState.ALIVE: "Alive",
    WorkerState.SILENT: "Silent",
    WorkerState.STOPPED: "Stopped",
    WorkerState.DECLARED_DEAD: "Declared dead",
}
"""The word for each state (a message id)."""

KINDS = {
    WorkerState.ALIVE: "up",
    WorkerState.SILENT: "warn",
    WorkerState.STOPPED: "off",
    WorkerState.DECLARED_DEAD: "off",
}
"""The kind of state that each is shown as. One that holds runs and cannot be heard is `down`."""


def stands(
    seen_at: datetime,
    stopped_at: datetime | None,
    declared_dead_at: datetime | None,
    *,
    now: datetime,
    silent_after: timedelta,
) -> tuple[WorkerState, datetime | None]:
    """A worker's state, and since when it is not alive."""
    if declared_dead_at is not None:
        return WorkerState.DECLARED_DEAD, declared_dead_at
    if stopped_at is not None:
        return WorkerState.STOPPED, stopped_at
    if now - seen_at >= silent_after:
        return WorkerState.SILENT, seen_at
    return WorkerState.ALIVE, None


def kind_of(state: WorkerState, runs: int) -> str:
    """The kind of state it is shown as."""
    return "down" if state is not WorkerState.ALIVE and runs else KINDS[state]
