"""How a run's end is judged, as a table, and what can never be judged a success."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.runs.model import (
    READ_ONLY,
    ROLL_OUT_FAILED,
    Counts,
    EngineEnd,
    NextAction,
    RunEnd,
    RunKind,
    Step,
    judge,
    next_action,
)

pytestmark = pytest.mark.model

NOTHING, SOME, ALL = Counts(), Counts(planned=3, begun=2, done=1, failed=1), Counts(planned=3, begun=3, done=3)


@pytest.mark.parametrize(
    ("kind", "end", "counts", "judged"),
    [
        (RunKind.CREATE, EngineEnd(Step.APPLY, 0), ALL, RunEnd.SUCCEEDED),
        (RunKind.UPDATE, EngineEnd(Step.APPLY, 0), NOTHING, RunEnd.SUCCEEDED),
        (RunKind.DESTROY, EngineEnd(Step.APPLY, 0), ALL, RunEnd.SUCCEEDED),
        (RunKind.CREATE, EngineEnd(Step.INIT, 1), NOTHING, RunEnd.FAILED_BEFORE_CHANGE),
        (RunKind.CREATE, EngineEnd(Step.INIT, 0), NOTHING, RunEnd.FAILED_BEFORE_CHANGE),
        (RunKind.CREATE, EngineEnd(Step.APPLY, 1), NOTHING, RunEnd.FAILED_BEFORE_CHANGE),
        (RunKind.CREATE, EngineEnd(Step.APPLY, 1), SOME, RunEnd.PARTIALLY_APPLIED),
        (RunKind.UPDATE, EngineEnd(Step.APPLY, 1), SOME, RunEnd.PARTIALLY_APPLIED),
        (RunKind.DESTROY, EngineEnd(Step.APPLY, 1), SOME, RunEnd.DESTROY_FAILED),
        (RunKind.DESTROY, EngineEnd(Step.APPLY, 1), NOTHING, RunEnd.FAILED_BEFORE_CHANGE),
        (RunKind.CREATE, EngineEnd(Step.APPLY, 1, cancelled=True), SOME, RunEnd.INTERRUPTED),
        (RunKind.CREATE, EngineEnd(Step.APPLY, 1, cancelled=True), NOTHING, RunEnd.CANCELLED_BEFORE_CHANGE),
        (RunKind.CREATE, EngineEnd(Step.INIT, None, cancelled=True), NOTHING, RunEnd.CANCELLED_BEFORE_CHANGE),
        # An interrupt that came too late changed nothing: the apply's end was seen.
        (RunKind.CREATE, EngineEnd(Step.APPLY, 0, cancelled=True), ALL, RunEnd.SUCCEEDED),
        (RunKind.CREATE, EngineEnd(Step.APPLY, 1, state_saved=False), SOME, RunEnd.STATE_NOT_SAVED),
        (RunKind.CREATE, EngineEnd(Step.APPLY, 0, state_saved=False), ALL, RunEnd.STATE_NOT_SAVED),
        (RunKind.CREATE, EngineEnd(Step.APPLY, -9), SOME, RunEnd.LOST),
        (RunKind.CREATE, EngineEnd(Step.APPLY, -9), NOTHING, RunEnd.FAILED_BEFORE_CHANGE),
        (RunKind.CREATE, None, ALL, RunEnd.LOST),
        (RunKind.DEPLOY, EngineEnd(Step.APPLY, ROLL_OUT_FAILED), SOME, RunEnd.NOT_ROLLED_OUT),
        (RunKind.DEPLOY, EngineEnd(Step.APPLY, ROLL_OUT_FAILED, cancelled=True), SOME, RunEnd.INTERRUPTED),
        (RunKind.DEPLOY, EngineEnd(Step.APPLY, 1), SOME, RunEnd.PARTIALLY_APPLIED),
        (RunKind.UPDATE, EngineEnd(Step.APPLY, ROLL_OUT_FAILED), SOME, RunEnd.PARTIALLY_APPLIED),
        # Its supervisor was killed, and the program went on alone.
        (RunKind.DEPLOY, EngineEnd(Step.APPLY, None), ALL, RunEnd.SUCCEEDED),
        (RunKind.DEPLOY, EngineEnd(Step.APPLY, None), SOME, RunEnd.LOST),
        (RunKind.DEPLOY, EngineEnd(Step.APPLY, None), NOTHING, RunEnd.FAILED_BEFORE_CHANGE),
        (RunKind.CREATE, EngineEnd(Step.APPLY, None), ALL, RunEnd.LOST),
    ],
)
def test_ends(kind: RunKind, end: EngineEnd | None, counts: Counts, judged: RunEnd) -> None:
    assert judge(kind, end, counts) is judged


counts = st.builds(Counts, *[st.integers(0, 5)] * 4)
ends = st.builds(
    EngineEnd,
    st.sampled_from(Step),
    st.none() | st.integers(-15, 3),
    state_saved=st.booleans(),
    cancelled=st.booleans(),
)


@pytest.mark.parametrize(
    ("end", "judged"),
    [
        # Its supervisor was killed when all was done and the state was written: nobody saw the exit code.
        (EngineEnd(Step.APPLY, None), RunEnd.SUCCEEDED),
        (EngineEnd(Step.APPLY, -9), RunEnd.SUCCEEDED),
        (EngineEnd(Step.APPLY, None, cancelled=True), RunEnd.SUCCEEDED),
        (EngineEnd(Step.APPLY, None, state_saved=False), RunEnd.STATE_NOT_SAVED),
        (EngineEnd(Step.APPLY, 1), RunEnd.PARTIALLY_APPLIED),
        (EngineEnd(Step.INIT, None), RunEnd.PARTIALLY_APPLIED),
    ],
)
def test_an_engine_whose_last_word_was_that_all_is_done(end: EngineEnd, judged: RunEnd) -> None:
    assert judge(RunKind.CREATE, end, ALL, told_all=True) is judged


@given(st.sampled_from(sorted(set(RunKind) - READ_ONLY - {RunKind.DEPLOY})), st.none() | ends, counts)
def test_only_an_apply_that_was_seen_to_end_well_is_a_success(
    kind: RunKind, end: EngineEnd | None, seen: Counts
) -> None:
    judged = judge(kind, end, seen)
    good = end is not None and end.step is Step.APPLY and end.exit_code == 0 and end.state_saved
    assert (judged is RunEnd.SUCCEEDED) == good


@given(st.sampled_from(RunKind), ends, counts)
def test_nothing_that_was_begun_is_called_unchanged(kind: RunKind, end: EngineEnd, seen: Counts) -> None:
    judged = judge(kind, end, seen)
    if judged in (RunEnd.FAILED_BEFORE_CHANGE, RunEnd.CANCELLED_BEFORE_CHANGE):
        assert seen.begun == 0


@pytest.mark.parametrize("end", RunEnd)
def test_every_end_proposes_one_action(end: RunEnd) -> None:
    assert isinstance(next_action(end), NextAction)
    assert (next_action(end) is NextAction.NONE) == (end in (RunEnd.SUCCEEDED, RunEnd.SUPERSEDED))
