"""What a run is, how it can end, and how its end is judged from what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RunKind(StrEnum):
    """What a run does to its environment."""

    CREATE = "create"
    UPDATE = "update"
    DESTROY = "destroy"
    DRIFT_CHECK = "drift-check"
    ENGINE_CHECK = "engine-check"
    UNTAINT = "untaint"
    ADOPT = "adopt"
    DELETE_ORPHAN = "delete-orphan"
    ROLL_BACK = "roll-back"
    IMPORT_STATE = "import-state"
    DEPLOY = "deploy"
    LOOK = "look"


MAIN = frozenset({RunKind.CREATE, RunKind.UPDATE, RunKind.DESTROY, RunKind.LOOK})
"""Kinds whose newest run says how its environment is. The others mend something beside them, or only look.

An environment that was made elsewhere is only ever looked at.
"""

READ_ONLY = frozenset({RunKind.DRIFT_CHECK, RunKind.ENGINE_CHECK, RunKind.LOOK})
"""Kinds that change nothing, and stand in nobody's way."""


class RunStatus(StrEnum):
    """Where a run stands; how it ended is `RunEnd`."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


class RunEnd(StrEnum):
    """Every way in which a run can end. Each has exactly one proposed next action."""

    SUCCEEDED = "succeeded"
    FAILED_BEFORE_CHANGE = "failed-before-any-change"
    PARTIALLY_APPLIED = "partially-applied"
    STATE_NOT_SAVED = "state-not-saved"
    CANCELLED_BEFORE_CHANGE = "cancelled-before-any-change"
    INTERRUPTED = "interrupted"
    DESTROY_FAILED = "destroy-failed"
    LOST = "lost"
    NOT_FOLLOWED_UP = "not-followed-up"  # the engine did its work; what Butai does after that met a fault
    SUPERSEDED = "superseded"
    NOT_ROLLED_OUT = "not-rolled-out"


class NextAction(StrEnum):
    """What a person does next, as one action that page, command line and API offer."""

    NONE = "none"
    RUN_AGAIN = "run-again"
    CHECK_AND_GO_ON = "check-and-go-on"
    DESTROY_AGAIN = "destroy-again"
    ROLL_BACK = "roll-back"


HALF_DONE = frozenset(
    {RunEnd.PARTIALLY_APPLIED, RunEnd.STATE_NOT_SAVED, RunEnd.INTERRUPTED, RunEnd.DESTROY_FAILED, RunEnd.LOST}
    | {RunEnd.NOT_FOLLOWED_UP}
)

_NEXT = {
    RunEnd.SUCCEEDED: NextAction.NONE,
    RunEnd.FAILED_BEFORE_CHANGE: NextAction.RUN_AGAIN,
    RunEnd.PARTIALLY_APPLIED: NextAction.RUN_AGAIN,
    RunEnd.STATE_NOT_SAVED: NextAction.CHECK_AND_GO_ON,
    RunEnd.CANCELLED_BEFORE_CHANGE: NextAction.RUN_AGAIN,
    RunEnd.INTERRUPTED: NextAction.RUN_AGAIN,
    RunEnd.DESTROY_FAILED: NextAction.DESTROY_AGAIN,
    RunEnd.LOST: NextAction.CHECK_AND_GO_ON,
    RunEnd.NOT_FOLLOWED_UP: NextAction.RUN_AGAIN,
    RunEnd.SUPERSEDED: NextAction.NONE,
    RunEnd.NOT_ROLLED_OUT: NextAction.ROLL_BACK,
}


ROLL_OUT_FAILED = 4
"""Exit code with which a deploy says that what it set was seen to fail, and what ran before still serves."""


def next_action(end: RunEnd) -> NextAction:
    """The one action that is proposed after this end."""
    return _NEXT[end]


class Step(StrEnum):
    """The steps of a run, in order. The log is folded by them."""

    EXPORT = "export"
    INIT = "init"
    ADOPT = "adopt"
    PLAN = "plan"
    APPLY = "apply"
    READY = "ready"
    VERIFY = "verify"


@dataclass(frozen=True)
class EngineEnd:
    """How the supervisor saw the engine end.

    `exit_code` is that of the last command that ran (negative: ended by that signal), none when none was started or its
    end was not seen; `step` is the step that it belonged to. `state_saved` is false when the engine left its state on
    disk and it could not be taken over. `cancelled`: an interrupt was sent. `lock_released`: the engine died holding the
    state's lock, which was released after it.
    """

    step: Step
    exit_code: int | None
    state_saved: bool = True
    cancelled: bool = False
    lock_released: bool = False


@dataclass(frozen=True)
class Counts:
    """What the event log shows: resource changes planned, done and failed, and whether any was begun."""

    planned: int = 0
    done: int = 0
    failed: int = 0
    begun: int = 0


def did_its_work(kind: RunKind, end: EngineEnd) -> bool:
    """Whether the engine was seen to do what this kind of run is for. A plan says by 2 that it found differences."""
    if kind is RunKind.DRIFT_CHECK:
        return end.step is Step.PLAN and end.exit_code in (0, 2)
    if kind is RunKind.ENGINE_CHECK:
        return end.step is Step.PLAN and end.exit_code == 0
    return end.step is Step.APPLY and end.exit_code == 0


def judge(
    kind: RunKind, end: EngineEnd | None, counts: Counts, *, asked: bool = False, told_all: bool = False
) -> RunEnd:
    """The end of a run, from the engine's end and the event log. Nothing that was not seen counts as success.

    `asked`: the engine is gone for certain, and the state and the world were asked what of its work they know. `told_all`:
    its last word was that it has changed everything, which an engine says when its state is written.
    """
    if end is None:
        return RunEnd.LOST
    if not end.state_saved:
        return RunEnd.STATE_NOT_SAVED
    unseen = end.step is Step.APPLY and (end.exit_code is None or end.exit_code < 0)
    if did_its_work(kind, end) or (told_all and unseen):
        return RunEnd.SUCCEEDED
    if counts.begun == 0:
        return RunEnd.CANCELLED_BEFORE_CHANGE if end.cancelled else RunEnd.FAILED_BEFORE_CHANGE
    if kind is RunKind.DEPLOY and end.exit_code is None and 0 < counts.planned == counts.done:
        # Every roll-out was seen complete; only who saw it was not there any more to see its program go.
        return RunEnd.SUCCEEDED
    if unseen and not asked:
        # What it was making may exist and stand in no state.
        return RunEnd.LOST
    if end.cancelled:
        return RunEnd.INTERRUPTED
    if kind is RunKind.DEPLOY and end.exit_code == ROLL_OUT_FAILED:
        return RunEnd.NOT_ROLLED_OUT
    return RunEnd.DESTROY_FAILED if kind is RunKind.DESTROY else RunEnd.PARTIALLY_APPLIED
