"""Before going on after an end that left something: the engine must be dead, what it held is released, what it left is kept."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

from butai.aws.s3_state import S3State
from butai.errors import RefusedError, WrongUseError
from butai.runs.folder import STATE_LEFT_BEHIND, RunFolder
from butai.runs.model import RunEnd, RunKind
from butai.runs.service import Runs, RunView
from butai.states.model import parse_head, why_not_write
from butai.states.service import States
from butai.text import text

PUTS_A_STATE = frozenset({RunKind.ROLL_BACK, RunKind.IMPORT_STATE})


def check(states: States, runs: Runs, run: RunView, fallback: Path, remote: S3State | None) -> None:
    """Look at what a run left in its folder, and take over the state that it could not save.

    `fallback` is its folder where none was recorded; `remote` the state in the team's bucket, if it lies there.
    Raises RefusedError where it cannot be looked at and has to be.
    """
    folder = RunFolder(Path(run.folder) if run.folder else fallback)
    _refuse_living(folder, run.id)
    states.release_of_run(run.environment_id, run.id)
    if run.end is RunEnd.STATE_NOT_SAVED and not _was_put_in_since(runs, run):
        _refuse_out_of_reach(runs, folder, run.id)
        for left in folder.states_left_behind():
            _take_over(states, run, left.read_bytes(), remote)
            left.unlink()


def _take_over(states: States, run: RunView, content: bytes, remote: S3State | None) -> None:
    """Into the bucket first, where the state lies in one: what is kept here must not run ahead of it."""
    if remote is None:
        states.write(run.environment_id, run.id, content, lock_id="")
        return
    with remote.held(f"butai@{platform.node()}", "rescue", datetime.now(UTC)):
        refuse_other(remote, content)
        remote.write(content)
    states.write(run.environment_id, run.id, content, lock_id="")


def refuse_other(remote: S3State, content: bytes) -> None:
    """Raise where what lies in the bucket is not what this content follows."""
    present = remote.read()
    reason = why_not_write(parse_head(content), parse_head(present) if present else None)
    if reason:
        raise WrongUseError(text("This state is refused."), why=reason, code="state-refused")


def kept_in(run: RunView) -> str:
    """The file in which a run's state waits that could not be saved; empty where there is none."""
    return str(Path(run.folder) / STATE_LEFT_BEHIND) if run.end is RunEnd.STATE_NOT_SAVED and run.folder else ""


def _refuse_living(folder: RunFolder, run_id: int) -> None:
    engine = folder.living_engine()
    # A supervisor that has written the end down does nothing more, however long it takes to leave.
    if engine is None and (folder.read_end() is not None or not folder.supervised()):
        return
    raise RefusedError(
        text(
            "The engine of run {run} still runs (process {pid}).",
            run=run_id,
            pid=engine.pid if engine else text("unknown"),
        ),
        why=text("Two engines on one state would destroy each other's work."),
        next=text("Wait until it has ended, then check again."),
        code="engine-alive",
    )


def _was_put_in_since(runs: Runs, run: RunView) -> bool:
    """Whether a person put another state in place since: then that one is the truth."""
    later = (each for each in runs.of_environment(run.environment_id) if each.id > run.id)
    return any(each.kind in PUTS_A_STATE and each.end is RunEnd.SUCCEEDED for each in later)


def _refuse_out_of_reach(runs: Runs, folder: RunFolder, run_id: int) -> None:
    if folder.path.exists():
        return
    sight = runs.sight_of(run_id)
    if sight.gone:
        # A person said that its machine is gone for good: nothing can be fetched from there any more.
        return
    raise RefusedError(
        text(
            "The state that run {run} could not save is not on this machine: it lies in {file} on {host}.",
            run=run_id,
            file=folder.path / STATE_LEFT_BEHIND,
            host=sight.host or text("its worker's machine"),
        ),
        why=text("Going on without it would make again what it knows of."),
        next=text(
            "Copy the file from there and import it (`butai env state import NAME FILE`), "
            "or say under Workers that the machine is gone for good."
        ),
        code="state-elsewhere",
    )
