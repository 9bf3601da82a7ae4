"""The scheduler's rules: roll-outs that never break their promise and always arrive, back-off."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.localcloud.model import (
    BACKOFF_FIRST_S,
    BACKOFF_MAX_S,
    Backoff,
    Plan,
    Rollout,
    TaskView,
    after_crash,
    breaks_at,
    is_complete,
    plan,
)

pytestmark = pytest.mark.model

ROLLOUTS = st.builds(
    Rollout,
    primary=st.just("new"),
    desired=st.integers(0, 6),
    maximum_percent=st.sampled_from([100, 150, 200, 300]),
    minimum_healthy_percent=st.sampled_from([0, 50, 100]),
)


@st.composite
def tasks(draw: st.DrawFn) -> list[TaskView]:
    count = draw(st.integers(0, 10))
    made = []
    for number in range(count):
        healthy = draw(st.booleans())
        sick = not healthy and draw(st.booleans())
        made.append(TaskView(str(number), draw(st.sampled_from(["new", "old", "older"])), number, healthy, sick))
    return made


def view(name: str, deployment: str, *, born: float = 0, healthy: bool = True, sick: bool = False) -> TaskView:
    return TaskView(name, deployment, born, healthy, sick)


def test_a_first_deployment_starts_all_at_once() -> None:
    assert plan(Rollout("new", 3), []) == Plan(3, ())


def test_new_tasks_come_before_old_ones_go() -> None:
    old = [view("a", "old"), view("b", "old")]
    assert plan(Rollout("new", 2), old) == Plan(2, ())
    coming = [view("c", "new", healthy=False), view("d", "new", healthy=False)]
    assert plan(Rollout("new", 2), [*old, *coming]) == Plan(0, ())
    half = [view("c", "new"), coming[1]]
    assert len(plan(Rollout("new", 2), [*old, *half]).stop) == 1
    assert set(plan(Rollout("new", 2), [*old, view("c", "new"), view("d", "new")]).stop) == {"a", "b"}


def test_where_there_is_no_room_an_old_task_goes_first_if_allowed() -> None:
    old = [view("a", "old", born=1), view("b", "old", born=2)]
    assert plan(Rollout("new", 2, 100, 50), old) == Plan(1, ("b",))
    assert plan(Rollout("new", 2, 100, 100), old) == Plan(0, ()), "neither room nor leave: a configuration that waits"


def test_scaling_in_stops_the_least_missed() -> None:
    running = [view("a", "new", born=1), view("b", "new", born=2), view("c", "new", born=0, healthy=False)]
    assert plan(Rollout("new", 2), running) == Plan(0, ("c",))
    assert plan(Rollout("new", 1), running) == Plan(0, ("c", "b"))
    assert set(plan(Rollout("new", 0), running).stop) == {"a", "b", "c"}


def test_a_sick_task_is_replaced_and_stopped() -> None:
    assert plan(Rollout("new", 1), [view("a", "new", healthy=False, sick=True)]) == Plan(1, ("a",))


def test_a_back_off_holds_starts_but_no_stops() -> None:
    running = [view("a", "old"), view("b", "new"), view("c", "new", healthy=False, sick=True)]
    assert plan(Rollout("new", 2), running, may_start=False) == Plan(0, ("c",))
    assert plan(Rollout("new", 2), running) == Plan(1, ("c",))


@given(ROLLOUTS, tasks())
def test_one_step_keeps_the_promises(rollout: Rollout, running: list[TaskView]) -> None:
    step = plan(rollout, running)
    stopped = [task for task in running if task.id in step.stop]
    staying = [task for task in running if task.id not in step.stop]
    assert len(set(step.stop)) == len(step.stop) == len(stopped)
    assert step.start >= 0
    assert len([task for task in staying if task.deployment == "new"]) + step.start <= max(rollout.desired, 0)
    upper = max(rollout.desired * rollout.maximum_percent // 100, bool(rollout.desired))
    assert step.start == 0 or len(staying) - len([t for t in staying if t.failed_health]) + step.start <= upper
    lower = math.ceil(rollout.desired * rollout.minimum_healthy_percent / 100)
    healthy_before = sum(task.healthy for task in running)
    healthy_after = sum(task.healthy for task in staying)
    assert healthy_after >= min(lower, healthy_before)


@given(ROLLOUTS.filter(lambda rollout: rollout.maximum_percent > 100 or rollout.minimum_healthy_percent < 100), tasks())
def test_every_roll_out_arrives(rollout: Rollout, running: list[TaskView]) -> None:
    """With tasks that become healthy a step after their start, and whatever stood there before."""
    if rollout.desired * rollout.maximum_percent // 100 == rollout.desired:
        # One task at 150 % has no room for a second one, so an old one must be allowed to go first.
        rollout = replace(rollout, minimum_healthy_percent=0)
    number = 100
    for _ in range(60):
        step = plan(rollout, running)
        running = [replace(task, healthy=not task.failed_health) for task in running if task.id not in step.stop]
        for _ in range(step.start):
            number += 1
            running.append(TaskView(str(number), "new", number))
        if is_complete(rollout, running, 0) and plan(rollout, running) == Plan(0, ()):
            return
    raise AssertionError(f"still {running}")


def test_complete_means_all_of_it() -> None:
    rollout = Rollout("new", 1)
    assert is_complete(rollout, [view("a", "new")], 0)
    assert not is_complete(rollout, [view("a", "new", healthy=False)], 0)
    assert not is_complete(rollout, [view("a", "new"), view("b", "old")], 0)
    assert not is_complete(rollout, [view("a", "new")], 1)
    assert is_complete(Rollout("new", 0), [], 0)


def test_back_off_doubles_up_to_its_end_and_starts_anew_after_health() -> None:
    backoff, waits = Backoff(), []
    for _ in range(12):
        backoff = after_crash(backoff, was_healthy=False, now=100)
        waits.append(backoff.not_before - 100)
    assert waits[:3] == [BACKOFF_FIRST_S, 2 * BACKOFF_FIRST_S, 4 * BACKOFF_FIRST_S]
    assert waits == sorted(waits) and waits[-1] == BACKOFF_MAX_S
    assert after_crash(backoff, was_healthy=True, now=5) == Backoff(1, 5 + BACKOFF_FIRST_S)


@pytest.mark.parametrize("failures", [10, 10_000])
def test_back_off_never_overflows(failures: int) -> None:
    assert after_crash(Backoff(failures), was_healthy=False, now=0).not_before == BACKOFF_MAX_S


def test_the_circuit_breaker_counts_to_half_within_bounds() -> None:
    assert [breaks_at(desired) for desired in (0, 1, 6, 7, 25, 400, 1000)] == [3, 3, 3, 4, 13, 200, 200]
