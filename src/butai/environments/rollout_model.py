"""How far a rollout is, and what it does next. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from butai.environments.model import Kind
from butai.environments.rollout_store import Rollout, told
from butai.environments.views import EnvironmentView
from butai.environments.waves import left_because, waves
from butai.runs.model import RunEnd
from butai.runs.service import RunView
from butai.text import restored, text

MADE_WAY = frozenset({RunEnd.SUPERSEDED, RunEnd.CANCELLED_BEFORE_CHANGE})
CAME_FIRST = text("somebody's run came first")
PLANNING, WAITS, BEGINS, UPDATING = text("Planning"), text("Waits"), text("Begins"), text("Updating")
UPDATED, ALREADY, FAILED, LEFT = text("Updated"), text("Is there already"), text("Failed"), text("Left for later")


class Phase(StrEnum):
    """How far it is."""

    PLANNING = "planning"
    ASKED = "asked"  # the plans are there, and nobody has said yes
    GOING = "going"
    BETWEEN = "between"  # one wave is over, the next begins as soon as a worker looks
    HELD = "held"  # somebody stopped it after a wave
    STOPPED = "stopped"  # one failed: nothing more is begun
    OVER = "over"


ENDS = frozenset({Phase.HELD, Phase.STOPPED, Phase.OVER})
"""Phases in which nothing more is begun."""

OPEN = frozenset({Phase.PLANNING, Phase.GOING, Phase.BETWEEN})
"""Phases that pass by themselves."""


@dataclass(frozen=True)
class Line:
    """One environment: what its plan would do, and how far it is."""

    environment: EnvironmentView
    kind: Kind
    word: str
    reason: str = ""
    plan: RunView | None = None
    run: RunView | None = None
    does: str = ""
    differences: Sequence[Mapping[str, Any]] = ()
    dangerous: Sequence[str] = ()

    @property
    def waits(self) -> bool:
        """Whether an update of it can be begun."""
        return self.word == WAITS


@dataclass(frozen=True)
class Progress:
    """All of them."""

    rollout: Rollout
    phase: Phase
    lines: Sequence[Line]

    @property
    def waiting(self) -> int:
        """How many are to be updated and were not begun."""
        return sum(line.waits for line in self.lines)

    @property
    def done(self) -> int:
        """How many were updated."""
        return sum(line.word == UPDATED for line in self.lines)


def begun(rollout: Rollout) -> list[int]:
    """The plans of the waves that were begun."""
    return [number for wave in waves(rollout.plans, rollout.at_once)[: rollout.wave] for number in wave]


def to_begin(rollout: Rollout) -> list[int]:
    """Those of them of which nothing became yet."""
    return [number for number in begun(rollout) if str(number) not in rollout.steps]


def left_before(environment: EnvironmentView, plan: RunView) -> str:
    """Why an update that was planned is not begun now; empty when it is."""
    if environment.destroyed_at:
        return text("it is gone")
    if environment.last_run.id > plan.id:
        return text("run {run} came since it was planned", run=environment.last_run.id)
    return left_because(environment.model_dump())


def line_of(rollout: Rollout, environment: EnvironmentView, plan: RunView, run: RunView | None, differs: bool) -> Line:
    """How far one environment is that was planned."""
    step = rollout.steps.get(str(plan.id), {})
    if run:
        return _updated(environment, run)
    if "left" in step:
        return Line(environment, Kind.WARN, LEFT, told(step, "left"))
    if "refused" in step:
        return Line(environment, Kind.DOWN, FAILED, told(step, "refused"))
    if plan.id in begun(rollout):
        return Line(environment, Kind.BUSY, BEGINS)
    return _planned(rollout, environment, plan, differs)


def _planned(rollout: Rollout, environment: EnvironmentView, plan: RunView, differs: bool) -> Line:
    if plan.settled_at is None:
        return Line(environment, Kind.BUSY, PLANNING)
    if plan.end is not RunEnd.SUCCEEDED:
        why = (plan.error or {}).get("what", "")
        made_way = plan.end in MADE_WAY
        return Line(environment, Kind.WARN, LEFT, CAME_FIRST) if made_way else Line(environment, Kind.DOWN, FAILED, why)
    if plan.id in rollout.others or not (differs or environment.commit != plan.params["commit"]):
        return Line(environment, Kind.OFF, ALREADY)
    return Line(environment, Kind.OFF, WAITS)


def _updated(environment: EnvironmentView, run: RunView) -> Line:
    if run.settled_at is None:
        return Line(environment, Kind.BUSY, UPDATING)
    if run.end is RunEnd.SUPERSEDED:
        return Line(environment, Kind.WARN, LEFT, text("run {run} came instead", run=run.superseded_by or 0))
    newest = environment.last_run.id == run.id
    if run.end is RunEnd.SUCCEEDED and (not newest or environment.state.kind in (Kind.UP, Kind.OFF)):
        return Line(environment, Kind.UP, UPDATED)
    return Line(environment, Kind.DOWN, FAILED, environment.state.reason or _word(environment))


def phase_of(rollout: Rollout, lines: Sequence[Line]) -> Phase:
    """How far all of them are."""
    if any(line.kind is Kind.BUSY for line in lines):
        return Phase.GOING if rollout.begun_at else Phase.PLANNING
    waiting = any(line.waits for line in lines)
    if not rollout.begun_at:
        return Phase.ASKED if waiting else Phase.OVER
    if any(line.word == FAILED and line.plan and line.plan.id in rollout.plans for line in lines):
        return Phase.STOPPED
    if waiting:
        return Phase.HELD if rollout.stopped_at else Phase.BETWEEN
    return Phase.OVER


def stopped(lines: Sequence[Line], phase: Phase) -> list[Line]:
    """After a failure what was not begun is left."""
    if phase is not Phase.STOPPED:
        return list(lines)
    why = text("one before it failed")
    return [replace(each, kind=Kind.WARN, word=LEFT, reason=why) if each.waits else each for each in lines]


def _word(environment: EnvironmentView) -> str:
    word = environment.state.word
    return restored(word, {"id": word, "values": {}})
