"""Bringing all environments of a blueprint to a ref: all plans first, one question, then waves. Nothing of it is stored:

a step is a pure look at the runs that it names, and only a person's word, or the page that stays open, begins the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from butai.environments.model import Kind
from butai.environments.service import Environments, EnvironmentView, UpdateRequest
from butai.environments.waves import dangerous, left_because, summed, waves
from butai.errors import ButaiError, NotFoundError
from butai.runs.model import RunEnd, RunKind
from butai.runs.service import Runs, RunView
from butai.text import restored, text

MADE_WAY = frozenset({RunEnd.SUPERSEDED, RunEnd.CANCELLED_BEFORE_CHANGE})
CAME_FIRST = text("somebody's run came first")


class Phase(StrEnum):
    """How far it is."""

    PLANNING = "planning"
    ASKED = "asked"  # the plans are there, and nobody has said yes
    GOING = "going"
    BETWEEN = "between"  # one wave is over, the next may begin
    STOPPED = "stopped"  # one failed: nothing more is begun
    OVER = "over"


@dataclass(frozen=True)
class Wish:
    """What is wanted and what was begun of it, as an address says it.

    `plans`: runs that planned what is to be updated; `others`: those whose environments are not (known once `wave` is not
    0 any more); `runs`: the updates that were begun; `refused`: plans whose update was refused; `wave`: how many were begun.
    """

    blueprint: str
    to: str
    at_once: int = 3
    plans: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    runs: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    wave: int = 0


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


PLANNING, WAITS, UPDATING = text("Planning"), text("Waits"), text("Updating")
UPDATED, ALREADY, FAILED, LEFT = text("Updated"), text("Is there already"), text("Failed"), text("Left for later")


class Together:
    """One blueprint's environments, by the runs that a wish names."""

    def __init__(self, environments: Environments, runs: Runs) -> None:
        self._environments, self._runs = environments, runs

    def begin(self, wish: Wish, *, by: str) -> Wish:
        """Plan every environment that can be updated now. Raises what refused the first where none could be planned."""
        begun: list[int] = []
        refused: ButaiError | None = None
        chosen = self._of(wish.blueprint)
        if not chosen:
            raise NotFoundError(text("The blueprint `{blueprint}` has no environment.", blueprint=wish.blueprint))
        for each in chosen:
            if not _left(each):
                preview = UpdateRequest(commit=wish.to)
                try:
                    started = self._environments.check(each.name, by=by, blueprint=each.blueprint, preview=preview)
                    begun.append(started.run.id)
                except ButaiError as error:
                    refused = refused or error
        if refused and not begun:
            raise refused
        return replace(wish, plans=tuple(begun))

    def look(self, wish: Wish) -> Progress:
        """How far all of them are."""
        updates = {run.environment_id: run for run in map(self._runs.get, wish.runs)}
        lines = [self._line(wish, self._plan(number), updates) for number in (*wish.plans, *wish.others)]
        planned = {line.environment.id for line in lines}
        rest = [each for each in self._of(wish.blueprint) if each.id not in planned]
        left = [Line(each, Kind.WARN, LEFT, _left(each) or text("it could not be planned")) for each in rest]
        return Progress(_phase(wish, lines), _stopped([*lines, *left], wish))

    def go_on(self, wish: Wish, *, by: str) -> Wish:
        """Begin the next wave, when it is time for it; else nothing."""
        now = self.look(wish)
        if now.phase not in (Phase.ASKED, Phase.BETWEEN):
            return wish
        if wish.wave == 0:
            ready = tuple(line.plan.id for line in now.lines if line.plan and line.waits)
            wish = replace(wish, plans=ready, others=tuple(each for each in wish.plans if each not in ready))
        for number in next(iter(waves(wish.plans, wish.at_once)[wish.wave :]), ()):
            wish = self._begin(wish, self._plan(number), by)
        return replace(wish, wave=wish.wave + 1)

    def _begin(self, wish: Wish, plan: RunView, by: str) -> Wish:
        environment, after = self._environments.by_id(plan.environment_id), plan.params["commit"]
        begun = self._begun(plan)
        if begun is None and (environment.destroyed_at or _left(environment)):
            return wish
        try:
            body = UpdateRequest(commit=after)
            where = {"by": by, "blueprint": environment.blueprint}
            run = begun or self._environments.update(environment.name, body, **where).run
        except ButaiError:
            return replace(wish, refused=(*wish.refused, plan.id))
        return replace(wish, runs=(*wish.runs, run.id))

    def _begun(self, plan: RunView) -> RunView | None:
        """The update of this plan, where the same step was asked for twice."""
        later = (each for each in self._runs.of_environment(plan.environment_id) if each.id > plan.id)
        same = (each for each in later if each.kind is RunKind.UPDATE)
        return next((each for each in same if each.params["commit"] == plan.params["commit"]), None)

    def _of(self, blueprint: str) -> list[EnvironmentView]:
        return [each for each in self._environments.list() if each.blueprint == blueprint]

    def _plan(self, number: int) -> RunView:
        run = self._runs.get(number)
        if not run.params.get("preview"):
            raise NotFoundError(text("Run {run} is not the plan of an update.", run=number))
        return run

    def _line(self, wish: Wish, plan: RunView, updates: dict[int, RunView]) -> Line:
        environment = self._environments.by_id(plan.environment_id)
        run = updates.get(environment.id)
        found: list[dict[str, Any]] = []
        if plan.end is RunEnd.SUCCEEDED:
            found = [each.model_dump() for each in self._environments.differences_of(plan.id)]
        line = _updated(environment, run) if run else _planned(wish, environment, plan, bool(found))
        does = summed(found) if plan.end is RunEnd.SUCCEEDED else ""
        return replace(line, plan=plan, run=run, does=does, differences=found, dangerous=dangerous(found))


def _planned(wish: Wish, environment: EnvironmentView, plan: RunView, differs: bool) -> Line:
    if plan.settled_at is None:
        return Line(environment, Kind.BUSY, PLANNING)
    if plan.end is not RunEnd.SUCCEEDED:
        why = (plan.error or {}).get("what", "")
        made_way = plan.end in MADE_WAY
        return Line(environment, Kind.WARN, LEFT, CAME_FIRST) if made_way else Line(environment, Kind.DOWN, FAILED, why)
    if plan.id in wish.others or not (differs or environment.commit != plan.params["commit"]):
        return Line(environment, Kind.OFF, ALREADY)
    if plan.id in wish.refused:
        return Line(environment, Kind.DOWN, FAILED, text("its update was refused: try it on its page, which says why"))
    begun = [number for wave in waves(wish.plans, wish.at_once)[: wish.wave] for number in wave]
    if plan.id in begun:
        return Line(environment, Kind.WARN, LEFT, _left(environment) or CAME_FIRST)
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


def _phase(wish: Wish, lines: Sequence[Line]) -> Phase:
    if any(line.kind is Kind.BUSY for line in lines):
        return Phase.GOING if wish.wave else Phase.PLANNING
    waiting = any(line.waits for line in lines)
    if not wish.wave:
        return Phase.ASKED if waiting else Phase.OVER
    if any(line.word == FAILED and line.plan and line.plan.id in wish.plans for line in lines):
        return Phase.STOPPED
    return Phase.BETWEEN if waiting else Phase.OVER


def _stopped(lines: Sequence[Line], wish: Wish) -> list[Line]:
    """After a failure what was not begun is left."""
    if _phase(wish, lines) is not Phase.STOPPED:
        return list(lines)
    why = text("one before it failed")
    return [replace(each, kind=Kind.WARN, word=LEFT, reason=why) if each.waits else each for each in lines]


def _left(environment: EnvironmentView) -> str:
    return left_because(environment.model_dump())


def _word(environment: EnvironmentView) -> str:
    word = environment.state.word
    return restored(word, {"id": word, "values": {}})
