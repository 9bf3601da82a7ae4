"""Rollouts: all environments of a blueprint brought to a ref. All plans first, one question, then waves that go on by themselves.

Whoever comes first, a server or any worker, does the next step; each is one transaction, so none is done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from butai.db import Database
from butai.environments.model import Kind
from butai.environments.rollout_model import (
    ENDS,
    LEFT,
    Line,
    Phase,
    Progress,
    left_before,
    line_of,
    phase_of,
    stopped,
    to_begin,
)
from butai.environments.rollout_store import Rollout, going, locked, newest, said, told
from butai.environments.service import Environments, EnvironmentView, UpdateRequest
from butai.environments.waves import dangerous, left_because, summed
from butai.errors import ButaiError, NotFoundError, RefusedError
from butai.runs.model import RunEnd
from butai.runs.service import Runs, RunView
from butai.text import text

log = structlog.get_logger()


class _LeftError(Exception):
    """It turned out in the transaction itself that the environment is left for later, or was begun already."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Rollouts:
    """All rollouts."""

    def __init__(self, database: Database, environments: Environments, runs: Runs, now: Callable[[], datetime]) -> None:
        self._database, self._environments, self._runs, self._now = database, environments, runs, now

    def plan(self, blueprint: str, ref: str, *, by: str, at_once: int = 3) -> Progress:
        """Plan every environment that can be updated now. Raises what refused the first where none could be planned."""
        known = [each for each in self._environments.list() if blueprint in ("", each.blueprint)]
        chosen = [each for each in known if not each.adopted]
        if not chosen:
            raise NotFoundError(
                text("The blueprint `{blueprint}` has no environment.", blueprint=blueprint)
                if blueprint
                else text("There is no environment.")
            )
        plans, unplanned, refused = self._plan_all(chosen, ref, by)
        if refused and not plans:
            raise refused
        row = Rollout(blueprint=blueprint, ref=ref, at_once=at_once, requested_by=by, requested_at=self._now())
        row.plans, row.unplanned = plans, unplanned
        with self._database.session() as session:
            session.add(row)
        return self.look(row.id)

    def _plan_all(
        self, chosen: Sequence[EnvironmentView], ref: str, by: str
    ) -> tuple[list[int], dict[str, Any], ButaiError | None]:
        plans, unplanned, refused = [], {}, None
        for each in chosen:
            why = left_because(each.model_dump())
            try:
                if not why:
                    wish = UpdateRequest(commit=ref)
                    run = self._environments.check(each.name, by=by, blueprint=each.blueprint, preview=wish).run
                    plans.append(run.id)
            except ButaiError as error:
                refused, why = refused or error, error.what
            if why:
                unplanned[str(each.id)] = said("left", why)
        return plans, unplanned, refused

    def look(self, number: int) -> Progress:
        """How far it is."""
        row = self._row(number)
        known = self._runs.some([*row.plans, *row.others, *(each.get("run", 0) for each in row.steps.values())])
        lines = [self._line(row, known[plan], known) for plan in (*row.plans, *row.others)]
        phase = phase_of(row, lines)
        left = [
            Line(self._environments.by_id(int(key)), Kind.WARN, LEFT, told(why, "left"))
            for key, why in row.unplanned.items()
        ]
        return Progress(row, phase, stopped([*lines, *left], phase))

    def newest(self, limit: int = 20) -> Sequence[Rollout]:
        """The newest ones, newest first."""
        with self._database.reading() as session:
            return newest(session, limit)

    def begin(self, number: int, *, by: str, at_once: int = 0) -> Progress:
        """A person's yes to the plans, once; from now on it goes on by itself."""
        now = self.look(number)
        if now.phase is Phase.PLANNING:
            raise RefusedError(text("Rollout {number} is still planning.", number=number), code="rollout-planning")
        ready = [line.plan.id for line in now.lines if line.plan and line.waits]
        with self._database.session() as session:
            row = locked(session, number)
            if row.begun_at is None:
                row.begun_by, row.begun_at, row.at_once = by, self._now(), at_once or row.at_once
                row.plans, row.others = ready, [each for each in row.plans if each not in ready]
        return self.step(number)

    def stop(self, number: int, *, by: str) -> Progress:
        """Begin no further wave; what was begun goes on."""
        # Its last wave may be over although no worker has taken note of that yet.
        over = self.look(number).phase is Phase.OVER
        with self._database.session() as session:
            row = locked(session, number)
            if over or row.begun_at is None or row.ended_at is not None:
                raise RefusedError(text("Rollout {number} is not going on.", number=number), code="rollout-not-going")
            row.stopped_by, row.stopped_at = (row.stopped_by, row.stopped_at) if row.stopped_at else (by, self._now())
        return self.look(number)

    def go_on(self, number: int, *, by: str) -> Progress:
        """Let one that was stopped begin its next waves."""
        self._row(number)
        with self._database.session() as session:
            row = locked(session, number)
            if row.stopped_at is not None:
                row.stopped_by, row.stopped_at, row.ended_at = "", None, None
                log.info("rollout goes on", rollout=number, by=by)
        return self.step(number)

    def step_all(self) -> None:
        """Do what is next in each that goes on."""
        with self._database.reading() as session:
            numbers = going(session)
        for number in numbers:
            self.step(number)

    def step(self, number: int) -> Progress:
        """Do what is next, if anything is: finish the wave that was begun, begin another, or take note of the end."""
        now = self.look(number)
        if now.phase is Phase.BETWEEN:
            self._begin_wave(now.rollout)
        for plan in to_begin(self._row(number)):
            self._begin(number, self._runs.get(plan))
        now = self.look(number)
        if now.rollout.begun_at and now.phase in ENDS and now.rollout.ended_at is None:
            self._end(now)
        return now

    def _end(self, seen: Progress) -> None:
        with self._database.session() as session:
            row = locked(session, seen.rollout.id)
            # Somebody may have let it go on since it was looked at.
            if (row.wave, row.stopped_at) == (seen.rollout.wave, seen.rollout.stopped_at):
                row.ended_at = self._now()
        log.info("rollout over", rollout=seen.rollout.id, phase=str(seen.phase))

    def _begin_wave(self, seen: Rollout) -> None:
        """The next wave, unless somebody else has begun it or stopped all since it was looked at."""
        with self._database.session() as session:
            row = locked(session, seen.id)
            if row.wave == seen.wave and row.stopped_at is None and row.ended_at is None:
                row.wave += 1

    def _begin(self, number: int, plan: RunView) -> None:
        environment = self._environments.by_id(plan.environment_id)
        if why := left_before(environment, plan):
            self._note(number, plan.id, said("left", why))
            return

        def within(session: Session, run: RunView) -> None:
            row = locked(session, number)
            if str(plan.id) in row.steps:
                raise _LeftError("")
            if others := [
                each for each in self._runs.changing_since(session, environment.id, plan.id) if each != run.id
            ]:
                raise _LeftError(text("run {run} came since it was planned", run=others[-1]))
            row.take_note(plan.id, {"run": run.id})

        wish = UpdateRequest(commit=plan.params["commit"])
        by = self._row(number).begun_by
        try:
            self._environments.update(environment.name, wish, by=by, blueprint=environment.blueprint, within=within)
        except _LeftError as left:
            self._note(number, plan.id, said("left", left.why))
        except ButaiError as error:
            self._note(number, plan.id, said("refused", error.what))

    def _note(self, number: int, plan: int, step: dict[str, Any]) -> None:
        with self._database.session() as session:
            row = locked(session, number)
            if str(plan) not in row.steps:
                row.take_note(plan, step)

    def _row(self, number: int) -> Rollout:
        with self._database.reading() as session:
            row = session.get(Rollout, number)
        if row is None:
            raise NotFoundError(text("There is no rollout {number}.", number=number), code="unknown-rollout")
        return row

    def _line(self, row: Rollout, plan: RunView, known: dict[int, RunView]) -> Line:
        environment = self._environments.by_id(plan.environment_id)
        run = known.get(row.steps.get(str(plan.id), {}).get("run", 0))
        found: list[dict[str, Any]] = []
        if plan.end is RunEnd.SUCCEEDED:
            found = [each.model_dump() for each in self._environments.differences_of(plan.id)]
        line = line_of(row, environment, plan, run, bool(found))
        does = summed(found) if plan.end is RunEnd.SUCCEEDED else ""
        return replace(line, plan=plan, run=run, does=does, differences=found, dangerous=dangerous(found))
