"""Bringing a run to the moment at which it is hit. Every moment is seen in files, tables or gates; none is guessed by time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from butai.environments.service import CreateRequest, DestroyRequest
from butai.runs.folder import RunFolder
from butai.runs.model import RunEnd, RunKind, Step
from butai.terraform.events import EngineEvent, parse
from kill.matrix.cells import Cell, Moment, Target
from kill.matrix.parts import WriteLock
from kill.matrix.stage import Stage
from kill.matrix.strike import processes
from support.carrying import wait_for

GATES = {
    Moment.BEFORE_PLAN: "init",
    Moment.DURING_PLAN: "plan",
    Moment.MID_APPLY: "apply",
    Moment.STATE_WRITTEN: "apply",
    Moment.DURING_DESTROY: "destroy",
}
ALL_DONE = 3
REACH_S = 150.0  # on a machine that does much else


@dataclass
class Held:
    """A run at its moment. `release` lets everything go on that the test itself holds back."""

    environment: int
    run: int
    kind: RunKind
    name: str
    _release: list[Callable[[], None]] = field(default_factory=list)

    def release(self) -> None:
        """Nothing is held back any more."""
        while self._release:
            self._release.pop()()


def reach(stage: Stage, cell: Cell, name: str) -> Held:
    """Ask for what is wanted and wait for the moment."""
    destroy = cell.moment is Moment.DURING_DESTROY
    if destroy:
        environment, _ = create(stage, cell, name)
        settle(stage, environment)
    release = _hold(stage, cell)
    environment, run = destroy_it(stage, name) if destroy else create(stage, cell, name)
    held = Held(environment, run, RunKind.DESTROY if destroy else RunKind.CREATE, name, [release])
    _wait(stage, cell, held)
    wait_for(
        lambda: processes(stage, cell.target, run) or cell.target is Target.DATABASE, seconds=REACH_S, why="its target"
    )
    return held


def create(stage: Stage, cell: Cell, name: str) -> tuple[int, int]:
    """Ask for an environment; its id and that of its run. Where the server is hit it is the one who is asked."""
    blueprint = "cloud" if cell.cloud else "tiny"
    if cell.target is Target.SERVER:
        done = stage.with_server().butai("env", "create", name, "--blueprint", blueprint, "--no-wait", "--json")
        assert done.returncode in (0, 8), done.stdout + done.stderr
        made = stage.butai.environments.get(name)
    else:
        made = stage.butai.environments.create(CreateRequest(name=name, blueprint=blueprint), by="mika").environment
    return made.id, made.last_run.id


def destroy_it(stage: Stage, name: str, *, looked: bool = False) -> tuple[int, int]:
    """Ask for its end; its id and that of the run."""
    asked = stage.butai.environments.destroy(name, DestroyRequest(confirm=name, looked=looked), by="mika")
    return asked.environment.id, asked.run.id


def settle(stage: Stage, environment: int, seconds: float = REACH_S) -> None:
    """Wait until nothing goes on, in good order."""
    look = stage.butai.environments.by_id
    wait_for(lambda: look(environment).settled, seconds=seconds, why="it settles before anything is hit")
    assert look(environment).last_run.end is RunEnd.SUCCEEDED, look(environment).last_run.error


def _hold(stage: Stage, cell: Cell) -> Callable[[], None]:
    """Arm what stops the run at its moment; gives what lets it go on."""
    if cell.moment is Moment.AFTER_APPLY:
        stage.page.hold()
        return stage.page.answer
    if cell.cloud and cell.moment is not Moment.DURING_PLAN:
        words = {Moment.MID_APPLY: b"AmazonSSM.PutParameter", Moment.DURING_DESTROY: b"AmazonSSM.DeleteParameter"}
        assert stage.cloud_way is not None
        stage.cloud_way.stall_answers_after(words[cell.moment])
        return stage.cloud_way.flow
    gate = stage.gates[GATES[cell.moment]]
    gate.arm()
    return gate.open


def _wait(stage: Stage, cell: Cell, held: Held) -> None:
    if cell.moment is Moment.AFTER_APPLY:
        wait_for(lambda: stage.butai.runs.get(held.run).end, seconds=REACH_S, why=f"{cell}: the apply ends")
    elif cell.cloud and cell.moment is not Moment.DURING_PLAN:
        assert stage.cloud_way is not None
        wait_for(stage.cloud_way.seen.is_set, seconds=REACH_S, why=f"{cell}: the cloud is asked")
    else:
        gate = stage.gates[GATES[cell.moment]]
        wait_for(gate.reached, seconds=REACH_S, why=f"{cell}: the engine comes to the gate")
    if cell.moment is Moment.STATE_WRITTEN:
        # Everything is made, and the engine is about to write its state into a database that lets nobody write.
        lock = WriteLock(stage.base.url)
        held.release()
        held._release.append(lock.release)
        wait_for(lambda: len(_made(stage, held.run)) == ALL_DONE, why=f"{cell}: everything is made")


def _made(stage: Stage, run: int) -> list[EngineEvent]:
    folder = stage.run_folder(run)
    return [event for event in output(folder) if event.kind == "done"] if folder else []


def output(folder: RunFolder, step: Step = Step.APPLY) -> list[EngineEvent]:
    """What the engine said in a step, from its file; a torn last line is left out."""
    path = folder.output(step)
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return [parse(number, line) for number, line in enumerate(lines, start=1) if _is_whole(line)]


def _is_whole(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
