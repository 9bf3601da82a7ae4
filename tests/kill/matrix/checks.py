"""What must be true after a fault. Every sentence that these give is a lie of the product's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from butai.runs.folder import RunFolder
from butai.runs.model import HALF_DONE, RunEnd, RunKind, RunStatus, Step
from butai.runs.service import RunView
from butai.runs.store import RunClaim, RunEvent
from butai.states.store import StateLock
from butai.terraform.events import EngineEvent
from butai.terraform.state import StateSummary, summary
from kill.matrix.moments import Held, output
from kill.matrix.stage import Stage
from kill.matrix.strike import supervisor_of

BEFORE_CHANGE = {RunEnd.FAILED_BEFORE_CHANGE, RunEnd.CANCELLED_BEFORE_CHANGE}
SIZES = {"tiny": 3, "cloud": 2}


@dataclass(frozen=True)
class Seen:
    """What the engine's own output says."""

    events: list[EngineEvent]

    def of(self, kind: str) -> list[EngineEvent]:
        """Changes that were begun, done or failed."""
        return [event for event in self.events if event.kind == kind and event.is_change]

    @property
    def complete(self) -> bool:
        """Whether it said that everything is done, which it does after the state is written."""
        return any(event.kind == "change_summary" and event.action != "plan" for event in self.events)


def after_the_run(stage: Stage, held: Held) -> Iterator[str]:
    """Whether what the run says is so: its end, its figures and its log against output, state and world."""
    run = stage.butai.runs.get(held.run)
    folder = stage.run_folder(held.run)
    seen = Seen(output(folder) if folder else [])
    state = state_of(stage, held.environment)
    if run.status is not RunStatus.ENDED or run.end is None or run.settled_at is None:
        yield f"it never ended: {run.status}, {run.end}, settled {run.settled_at}"
        return
    engine_end = folder.read_end() if folder else None
    # On a full disk the engine's own words are cut short; its exit code is a witness too.
    complete = seen.complete or bool(engine_end and engine_end.step is Step.APPLY and engine_end.exit_code == 0)
    yield from _end_is_true(run, seen, complete=complete, whole=is_whole(stage, held, state))
    yield from _figures_are_true(stage, run, seen, folder)
    yield from _nothing_is_unknown(stage, held, seen, state)
    yield from nothing_is_held(stage, held.environment)
    if folder and not _alone_soon(folder):
        yield "a process of it lives on"
    if folder and (RunEnd.STATE_NOT_SAVED is run.end) != bool(folder.states_left_behind()):
        yield f"{run.end}, and the states left behind are {folder.states_left_behind()}"


def _alone_soon(folder: RunFolder) -> bool:
    """Whether no process works for it any more; a supervisor says how the engine ended a moment before it ends itself."""
    deadline = time.monotonic() + 5
    while folder.living_engine() or supervisor_of(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _end_is_true(run: RunView, seen: Seen, *, complete: bool, whole: bool) -> Iterator[str]:
    if run.end is RunEnd.SUCCEEDED and not (complete and whole):
        yield f"succeeded, but complete: {complete}, state as wanted: {whole}"
    if run.end in BEFORE_CHANGE and seen.of("started"):
        yield f"{run.end}, but {len(seen.of('started'))} changes were begun"
    if run.end in HALF_DONE and not seen.of("started"):
        yield f"{run.end}, but nothing was begun"
    if run.end in HALF_DONE and complete and whole:
        yield f"{run.end}, but everything was done and saved"
    if run.end is not RunEnd.SUCCEEDED and run.error is None and run.end is not RunEnd.CANCELLED_BEFORE_CHANGE:
        yield f"{run.end} without a word why"


def is_whole(stage: Stage, held: Held, state: StateSummary) -> bool:
    """Whether the state is what the run is for."""
    if held.kind is RunKind.DESTROY:
        return state.is_empty
    size = SIZES[stage.butai.environments.by_id(held.environment).blueprint]
    return len(state.resources) == size and not any(each.tainted for each in state.resources)


def _figures_are_true(stage: Stage, run: RunView, seen: Seen, folder: RunFolder | None) -> Iterator[str]:
    figures = {"done": (run.done, len(seen.of("done"))), "failed": (run.failed, len(seen.of("failed")))}
    yield from (f"{name}: {said} said, {true} seen" for name, (said, true) in figures.items() if said != true)
    with stage.butai.database.reading() as session:
        rows = session.execute(
            sa.select(RunEvent.seq, RunEvent.source, RunEvent.line)
            .where(RunEvent.run_id == run.id)
            .order_by(RunEvent.seq)
        ).all()
    if [row.seq for row in rows] != list(range(1, len(rows) + 1)):
        yield "the log's lines are not numbered without a gap"
    stored = {row.line for row in rows if row.source == "apply"}
    missing = {event.seq for event in seen.events} - stored
    if missing:
        yield f"lines of the engine that the log does not have: {sorted(missing)}"


def _nothing_is_unknown(stage: Stage, held: Held, seen: Seen, state: StateSummary) -> Iterator[str]:
    """Everything that was made, or may have been, stands in the state or in the list of orphans."""
    orphans = stage.butai.environments.by_id(held.environment).orphans
    known = {each.address for each in state.resources} | {each.address for each in orphans}
    if held.kind is not RunKind.DESTROY:
        made = {event.address for event in seen.of("started") if event.action == "create"}
        failed = {event.address for event in seen.of("failed")}
        yield from (f"{address} was begun and nobody knows it" for address in sorted(made - known - failed))
    ids = {each.id for each in state.resources} | {each.id for each in orphans}
    unnamed = {str(each.type) for each in orphans if not each.id}
    for type_, id_ in in_the_cloud(stage, held.name):
        if id_ not in ids and type_ not in unnamed:
            yield f"{type_} {id_} exists, and neither state nor orphans know it"


def nothing_is_held(stage: Stage, environment: int) -> Iterator[str]:
    """No lock, no claim."""
    with stage.butai.database.reading() as session:
        if session.get(StateLock, environment) is not None:
            yield "the state is still locked"
        claim = session.get(RunClaim, environment)
        if claim is not None and claim.run_id is not None:
            yield f"run {claim.run_id} still has its claim"


def in_the_cloud(stage: Stage, name: str) -> list[tuple[str, str]]:
    """Type and id of everything of an environment that exists."""
    if stage.cloud is None:
        return []
    prefix = f"/butai/{name}"
    groups = stage.cloud.client("logs").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
    named = [("aws_cloudwatch_log_group", group["logGroupName"]) for group in groups]
    parameters = stage.cloud.client("ssm").get_parameters_by_path(Path=prefix, Recursive=True)["Parameters"]
    named += [("aws_ssm_parameter", parameter["Name"]) for parameter in parameters]
    return [(type_, id_) for type_, id_ in named if id_ == prefix or id_.startswith(f"{prefix}/")]


def state_of(stage: Stage, environment: int) -> StateSummary:
    """The newest state; an empty one where none was ever written."""
    document = stage.butai.states.read(environment)
    return summary(document) if document else StateSummary(0, "", "", (), ())
