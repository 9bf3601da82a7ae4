"""Playing one cell: to its moment, the fault, the aftermath, the next run, the end. What comes out is a list of lies."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from butai.db import AWAY
from butai.environments.model import Kind
from butai.environments.service import UpdateRequest
from butai.environments.views import EnvironmentView
from butai.runs.model import RunEnd, RunKind
from kill.matrix import checks
from kill.matrix.cells import WAITING_FOR_ADOPTION, Cell, Target
from kill.matrix.moments import Held, destroy_it, reach
from kill.matrix.stage import Stage
from kill.matrix.strike import strike

SETTLE_S = 180.0


@dataclass(frozen=True)
class Outcome:
    """What became of one cell."""

    cell: Cell
    end: str
    lies: list[str]
    seconds: float


def play(stage: Stage, cell: Cell, name: str, *, later_s: float = 0.0) -> Outcome:
    """Play a cell on an environment of this name. `later_s`: strike only so long after the run may go on again."""
    started = time.monotonic()
    stage.begin()
    if cell.cloud:
        stage.with_cloud()
    if cell.target is Target.SERVER:
        stage.with_server()
    held = reach(stage, cell, name)
    _hit(stage, cell, held, later_s)
    lies = [*_settled(stage, held.run), *checks.after_the_run(stage, held), *_server_agrees(stage, cell, held)]
    end = stage.butai.runs.get(held.run).end
    stage.begin()
    lies += _next_and_last(stage, cell, held)
    return Outcome(cell, str(end), lies, time.monotonic() - started)


def _hit(stage: Stage, cell: Cell, held: Held, later_s: float) -> None:
    try:
        if later_s:
            held.release()
            time.sleep(later_s)
        struck = strike(stage, cell, held.run)
    finally:
        held.release()
    struck.be_over()


def _settled(stage: Stage, run: int) -> Iterator[str]:
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        # The look may meet the fault.
        with contextlib.suppress(*AWAY):
            if stage.butai.runs.get(run).finished:
                return
        time.sleep(0.1)
    yield f"not over {SETTLE_S:.0f} s after the fault"


def _server_agrees(stage: Stage, cell: Cell, held: Held) -> Iterator[str]:
    """What the server says over its API is what happened."""
    if cell.target is not Target.SERVER or stage.portal is None:
        return
    done = stage.portal.butai("env", "show", held.name, "--json")
    run = stage.butai.runs.get(held.run)
    if stage.butai.environments.by_id(held.environment).destroyed_at is not None:
        # Its name is nobody's any more, and the server has to say so.
        if done.returncode == 0 or "unknown-environment" not in done.stdout:
            yield f"it is gone, and the server says: {done.stdout[-300:]}{done.stderr[-300:]}"
    elif done.returncode != 0:
        yield f"the server does not answer: {done.stdout[-300:]}{done.stderr[-300:]}"
    elif json.loads(done.stdout)["last_run"]["end"] != run.end:
        yield f"the server says {json.loads(done.stdout)['last_run']['end']}, the run {run.end}"


def _next_and_last(stage: Stage, cell: Cell, held: Held) -> Iterator[str]:
    """The next run succeeds, and a destroy then leaves nothing."""
    if not stage.butai.runs.get(held.run).finished:
        return
    gone = stage.butai.environments.by_id(held.environment).destroyed_at is not None
    if held.kind is not RunKind.DESTROY:
        yield from _next(stage, cell, held)
    if not gone:
        yield from _last(stage, held)
    yield from checks.nothing_is_held(stage, held.environment)
    yield from (f"{type_} {id_} exists after the destroy" for type_, id_ in checks.in_the_cloud(stage, held.name))


def _next(stage: Stage, cell: Cell, held: Held) -> Iterator[str]:
    asked = stage.butai.environments.update(held.name, UpdateRequest(variables={"turn": "1"}), by="ken")
    yield from _settled(stage, asked.run.id)
    shown = stage.butai.environments.by_id(held.environment)
    waits = cell.cloud and WAITING_FOR_ADOPTION.get((cell.target, cell.moment, cell.fault))
    if not waits and (shown.last_run.end is not RunEnd.SUCCEEDED or shown.state.kind is not Kind.UP):
        yield f"the next run: {_said(shown)}"
    elif not waits and not checks.is_whole(stage, held, checks.state_of(stage, held.environment)):
        yield "the next run succeeded, and its state is not whole"


def _last(stage: Stage, held: Held) -> Iterator[str]:
    """Destroy. What cannot be looked up is asked about: then somebody says that he looked."""
    for looked in (False, True):
        _, run = destroy_it(stage, held.name, looked=looked)
        yield from _settled(stage, run)
        shown = stage.butai.environments.by_id(held.environment)
        if shown.destroyed_at is not None:
            return
    yield f"the destroy: {_said(shown)}"


def _said(shown: EnvironmentView) -> str:
    return f"{shown.last_run.end}, {shown.state.word}, {shown.last_run.error}"
