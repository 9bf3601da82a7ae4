"""What a queued run waits for, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from butai.runs.queue import Place, Queued, WaitsFor
from butai.text import text


def words_of(place: Place, run: Queued, cap: int) -> str:
    """One sentence: the run's place in the queue, and what keeps it there."""
    return text("Number {position} in the queue: {why}", position=place.position, why=_why(place, run, cap))


def _why(place: Place, run: Queued, cap: int) -> str:
    match place.waits_for:
        case WaitsFor.ENVIRONMENT:
            return text("run {run} of the same environment comes first.", run=place.waits_for_run)
        case WaitsFor.BLUEPRINT_CAP:
            return text(
                "of blueprint `{blueprint}` as many runs go on as may at once ({count}).",
                blueprint=run.blueprint,
                count=run.at_once,
            )
        case WaitsFor.CAP:
            return text("as many runs go on as may at once in all ({count}).", count=cap)
        case WaitsFor.SLOT:
            return text("every worker that could take it is full.")
        case WaitsFor.MEMORY:
            return text("no worker has room for it now: too little free memory.")
        case WaitsFor.CORES:
            return text("no worker has room for it now: every core is at work.")
        case WaitsFor.LABELS:
            return text(
                "no worker that is alive carries {labels}. `butai worker {flags}` starts one.",
                labels=shown(run.labels),
                flags=" ".join(f"--label {name}={value}" for name, value in sorted(run.labels.items())),
            )
        case WaitsFor.WORKER:
            return text("no worker is alive. `butai worker` starts one.")
        case WaitsFor.TURN:
            return text("a worker takes it in a moment.")


def words_of_room(more: int, full: WaitsFor) -> str:
    """What a worker that measures itself has room for, and what is in the way where it has none."""
    if more:
        return text("room for {more} more now", more=more)
    match full:
        case WaitsFor.MEMORY:
            return text("no room now: too little free memory")
        case WaitsFor.CORES:
            return text("no room now: every core is at work")
        case _:
            return text("no room now: as many runs wait here as one worker follows")


def shown(labels: Mapping[str, str]) -> str:
    """Labels in one line."""
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
