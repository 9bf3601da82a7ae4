"""A run's log folded by step, as page and print show it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from butai.environments.model import Kind
from butai.runs.model import RunEnd, RunKind, Step
from butai.runs.service import EventView, RunView

# Message ids of the steps' titles.
TITLES = {
    Step.EXPORT: "Export the blueprint's commit",
    Step.INIT: "Prepare the engine",
    Step.ADOPT: "Adopt what no state knew",
    Step.PLAN: "Compare with the world",
    Step.APPLY: "Plan and apply",
    Step.READY: "Wait until it answers",
    Step.VERIFY: "Check that nothing is left",
}


DEPLOY_TITLE = "Check and deploy"


def titles_of(run: RunView) -> dict[Step, str]:
    """The steps' titles in this run's log."""
    return {**TITLES, Step.APPLY: DEPLOY_TITLE} if run.kind is RunKind.DEPLOY else TITLES


@dataclass
class FoldedStep:
    """One step of a log: its title, its state, its lines; `open` where somebody will want to read."""

    step: Step
    title: str
    kind: Kind
    open: bool
    lines: list[EventView] = field(default_factory=list)


def fold(events: Sequence[EventView], run: RunView) -> list[FoldedStep]:
    """The log's lines by step, in the order in which the steps began."""
    by_step: dict[Step, list[EventView]] = {}
    for event in events:
        by_step.setdefault(Step(event.step), []).append(event)
    last = next(reversed(by_step), None)
    return [_step(step, lines, run, is_last=step is last) for step, lines in by_step.items()]


def _step(step: Step, lines: list[EventView], run: RunView, *, is_last: bool) -> FoldedStep:
    failed = any(line.kind == "failed" or line.detail.get("severity") == "error" for line in lines)
    running = is_last and not run.finished
    unfinished = is_last and run.end not in (None, RunEnd.SUCCEEDED)
    kind = Kind.DOWN if failed or unfinished else Kind.BUSY if running else Kind.UP
    return FoldedStep(step, titles_of(run)[step], kind, open=failed or is_last, lines=lines)
