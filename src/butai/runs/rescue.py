"""After an engine: take over the state that it could not write, and the lock that it left."""

from __future__ import annotations

from pathlib import Path

from butai.errors import ButaiError
from butai.runs.folder import STATE_LEFT_BEHIND, RunFolder
from butai.states.service import Guard, States


def take_over_state(states: States, folder: RunFolder, environment_id: int, run_id: int, guard: Guard) -> bool:
    """Push what the engine left in a file, whatever its exit code was. False: it was refused, and is kept.

    Raises what a database raises that is away: then nothing has changed, and it can be tried again.
    """
    in_bucket = folder.was_begun and bool(folder.read_work().remote)
    for left in folder.states_left_behind():
        if in_bucket:
            # It belongs into the team's bucket, which did not take it: a person looks, and goes on.
            keep(left, folder.path)
            return False
        try:
            states.write(environment_id, run_id, left.read_bytes(), lock_id="", guard=guard)
        except (ButaiError, OSError):
            keep(left, folder.path)
            return False
        left.unlink()
    return True


def keep(left: Path, folder: Path) -> None:
    """Out of the tree, which is only borrowed, into the run's own folder."""
    left.replace(folder / STATE_LEFT_BEHIND)
