"""`butai env update --all`: all plans first, one question, then waves. Over the public API alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import typer

from butai.client import Api
from butai.environments.drift_commands import attribute_lines, wait_for_plan
from butai.environments.watch import LOOK_EVERY_S, exit_of
from butai.environments.waves import dangerous, left_because, summed, waves
from butai.errors import ButaiError, Exit, NotFoundError, WrongUseError
from butai.terminal import print_json, say, talk

# A plan that ended so had to make way for somebody's run.
_MADE_WAY = ("superseded", "cancelled-before-any-change")


@dataclass(frozen=True)
class Plan:
    """What the update of one environment would do."""

    environment: str
    id: int
    before: str
    after: str
    differences: list[dict[str, Any]]

    @property
    def is_nothing(self) -> bool:
        """Whether it is there already."""
        return self.before == self.after and not self.differences


@dataclass
class Outcome:
    """What became of all of them, by `BLUEPRINT/NAME`; `left` and `failed` say why."""

    to: str
    plans: list[Plan] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    going_on: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    exit: Exit = Exit.DONE

    def fails(self, name: str, why: str, code: Exit) -> None:
        """Take note of a failure; the worst exit code stays."""
        self.failed[name] = why
        self.exit = max(self.exit, code)


@dataclass(frozen=True)
class UpdateAll:
    """Brings environments to a ref of their blueprint. Their images stay as they are."""

    server: Api
    to: str
    at_once: int
    outcome: Outcome

    def plan(self, blueprint: str) -> None:
        """Plan every environment that can be updated now; the others are left."""
        found = self.server.get("/api/v1/environments")
        chosen = [each for each in found if blueprint in ("", each["blueprint"])]
        if not chosen:
            raise NotFoundError("There is no such environment.", next="`butai env list` shows them.")
        begun = [(each, run) for each in chosen if (run := self._begin_plan(each))]
        for environment, run in begun:
            self._end_plan(environment, run)

    def _begin_plan(self, environment: dict[str, Any]) -> dict[str, Any] | None:
        name = _name(environment)
        if why := left_because(environment):
            self.outcome.left[name] = why
            return None
        try:
            path = f"/api/v1/environments/{environment['name']}/preview"
            begun = self.server.post(path, {"commit": self.to}, blueprint=environment["blueprint"])
        except ButaiError as error:
            self.outcome.fails(name, _words(error), error.exit)
            return None
        run: dict[str, Any] = begun["run"]
        return run

    def _end_plan(self, environment: dict[str, Any], run: dict[str, Any]) -> None:
        name = _name(environment)
        try:
            found = wait_for_plan(self.server, run["id"])
        except ButaiError as error:
            if self.server.get(f"/api/v1/runs/{run['id']}")["end"] in _MADE_WAY:
                self.outcome.left[name] = "somebody's run came first"
            else:
                self.outcome.fails(name, _words(error), Exit.FAILED)
            return
        plan = Plan(name, environment["id"], environment["commit"], run["params"]["commit"], found)
        if plan.is_nothing:
            self.outcome.already.append(name)
        else:
            self.outcome.plans.append(plan)

    def carry_out(self) -> None:
        """Wave after wave, until one fails. Ctrl-C starts nothing more; what was started goes on by itself."""
        waiting, why = list(self.outcome.plans), "one before it failed"
        known = len(self.outcome.failed)
        try:
            for wave in waves(self.outcome.plans, self.at_once):
                self._carry_out(wave, waiting)
                if len(self.outcome.failed) > known:
                    break
        except KeyboardInterrupt:
            self.outcome.exit, why = Exit.INTERRUPTED, "stopped"
        self.outcome.left |= {plan.environment: why for plan in waiting}

    def _carry_out(self, wave: Sequence[Plan], waiting: list[Plan]) -> None:
        runs: dict[int, Plan] = {}
        for plan in wave:
            try:
                number = self._start(plan)
            except ButaiError as error:
                self.outcome.fails(plan.environment, _words(error), error.exit)
                number = 0
            waiting.remove(plan)
            if number:
                runs[number] = plan
        self._follow(runs)

    def _start(self, plan: Plan) -> int:
        """The run that was begun; 0 where the environment is left for later."""
        environment = self.server.get(f"/api/v1/environments/by-id/{plan.id}")
        if why := "it is gone" if environment["destroyed_at"] else left_because(environment):
            self.outcome.left[plan.environment] = why
            return 0
        path = f"/api/v1/environments/{environment['name']}"
        started = self.server.patch(path, {"commit": plan.after}, blueprint=environment["blueprint"])
        self.outcome.going_on.append(plan.environment)
        say(f"{plan.environment}: run {started['run']['id']} is queued")
        return int(started["run"]["id"])

    def _follow(self, runs: dict[int, Plan]) -> None:
        while runs:
            for number, plan in list(runs.items()):
                run = self.server.get(f"/api/v1/runs/{number}")
                if run["settled_at"] is not None:
                    self._note(plan, run)
                    del runs[number]
            time.sleep(LOOK_EVERY_S if runs else 0)

    def _note(self, plan: Plan, run: dict[str, Any]) -> None:
        self.outcome.going_on.remove(plan.environment)
        if run["end"] == "superseded":
            self.outcome.left[plan.environment] = f"run {run['superseded_by']} came instead"
            return
        environment = self.server.get(f"/api/v1/environments/by-id/{plan.id}")
        code = exit_of({**environment, "last_run": run})
        state = environment["state"]
        if code is Exit.DONE:
            self.outcome.done.append(plan.environment)
            say(f"{plan.environment}: done")
        else:
            self.outcome.fails(plan.environment, state["reason"] or state["word"], code)


def update_all(server: Api, to: str, *, at_once: int, blueprint: str, yes: bool, as_json: bool) -> None:
    """Plans, one question, waves; leaves with the exit code of what came of it."""
    outcome = Outcome(to)
    work = UpdateAll(server, to, at_once, outcome)
    work.plan(blueprint)
    for line in summary(outcome):
        say(line)
    if outcome.plans:
        if not (yes or _confirmed(len(outcome.plans))):
            say("Nothing was changed.")
            raise typer.Exit(Exit.REFUSED)
        work.carry_out()
    if as_json:
        print_json({**asdict(outcome), "exit": exit_code(outcome)})
    for line in report(outcome):
        say(line)
    if code := exit_code(outcome):
        raise typer.Exit(code)


def check_update(name: str, *, all_: bool, to: str, others: bool, wait: bool) -> None:
    """Refuse flags that do not go together."""
    if not all_ and (not name or to):
        raise WrongUseError("Which environment?", next="Give its name, or `--all --to REF`.", where="NAME")
    if all_ and (name or others or not wait):
        raise WrongUseError("`--all` goes with --to, --wave, --blueprint and --yes alone.", where="--all")
    if all_ and not to:
        raise WrongUseError("Where to?", next="Name a branch: `--all --to main`.", where="--to")


def _confirmed(count: int) -> bool:
    if not talk.is_terminal:
        raise WrongUseError(
            "Nobody can be asked here whether to go on.", next="Say `--yes` when these plans are right.", where="--yes"
        )
    return typer.confirm(f"Update {count} environment{'s' if count > 1 else ''}?", err=True)


def exit_code(outcome: Outcome) -> Exit:
    """The exit code: what failed goes before what was left because something went on there."""
    if outcome.exit is Exit.DONE and outcome.left:
        return Exit.STILL_RUNNING
    return outcome.exit


def summary(outcome: Outcome) -> list[str]:
    """All plans as one."""
    lines = []
    for plan in outcome.plans:
        moves = f"{plan.before[:7]} -> {plan.after[:7]}" if plan.before != plan.after else f"{plan.after[:7]}"
        lines.append(f"{plan.environment}  {moves}  {summed(plan.differences)}")
        lines += [f"    destroys or makes anew: {address}" for address in dangerous(plan.differences)]
        for each in plan.differences:
            lines += [f"    {line}" for line in (each["address"], *attribute_lines(each)) if each["attributes"]]
    lines += [f"{name}  is there already" for name in outcome.already]
    return [*lines, *_left_and_failed(outcome)]


def report(outcome: Outcome) -> list[str]:
    """What came of it; nothing where nothing was to be done."""
    if not outcome.plans:
        return []
    lines = [f"{len(outcome.done)} of {len(outcome.plans)} updated to {outcome.to}."]
    lines += [f"{name}: goes on by itself; `butai env logs {name} -f` shows it" for name in outcome.going_on]
    return [*lines, *_left_and_failed(outcome)]


def _left_and_failed(outcome: Outcome) -> list[str]:
    failed = [f"{name}  failed: {why}" for name, why in outcome.failed.items()]
    return [*failed, *(f"{name}  left for later: {why}" for name, why in outcome.left.items())]


def _words(error: ButaiError) -> str:
    return " ".join(part for part in (error.what, error.next) if part)


def _name(environment: dict[str, Any]) -> str:
    return f"{environment['blueprint']}/{environment['name']}"
