"""How a run ends whose job met a fault: what was seen, and never that all is well."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from butai.runs.faults import PAUSES_S, end_of, pause_after
from butai.runs.model import HALF_DONE, READ_ONLY, Counts, EngineEnd, RunEnd, RunKind, Step, judge

kinds = st.sampled_from(RunKind)
ends = st.none() | st.builds(
    EngineEnd,
    st.sampled_from(Step),
    st.none() | st.sampled_from([-9, 0, 1, 2]),
    state_saved=st.booleans(),
    cancelled=st.booleans(),
)
counts = st.builds(Counts, begun=st.integers(0, 2))


@given(kinds, ends, counts, st.booleans())
def test_it_never_ends_well(kind: RunKind, end: EngineEnd | None, seen: Counts, read: bool) -> None:
    assert end_of(kind, end, seen, read=read) is not RunEnd.SUCCEEDED


@given(kinds, ends, counts)
def test_what_was_seen_stays(kind: RunKind, end: EngineEnd | None, seen: Counts) -> None:
    judged = judge(kind, end, seen)
    if judged is not RunEnd.SUCCEEDED:
        assert end_of(kind, end, seen, read=True) is judged
    elif kind not in READ_ONLY:
        assert end_of(kind, end, seen, read=True) is RunEnd.NOT_FOLLOWED_UP


@given(kinds.filter(lambda kind: kind not in READ_ONLY), ends, counts)
def test_an_apply_whose_words_are_not_stored_needs_a_look(kind: RunKind, end: EngineEnd | None, seen: Counts) -> None:
    if end is None or end.step is Step.APPLY:
        assert end_of(kind, end, seen, read=False) in HALF_DONE


def test_the_pauses_grow_and_come_to_an_end() -> None:
    found = [pause_after(faults) for faults in range(1, len(PAUSES_S) + 2)]
    assert found == [*sorted(PAUSES_S), 0] and pause_after(99) == 0
