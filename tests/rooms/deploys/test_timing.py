"""Where a deploy's time goes: the phases add up to the whole, and the dearest one has a setting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.deploys.model import RollOut, Stands
from butai.deploys.timing import Course, Phase, advice, dearest, told, usual

pytestmark = pytest.mark.model

SLOW = {"HealthyThresholdCount": 5, "HealthCheckIntervalSeconds": 30, "deregistration_delay.timeout_seconds": "300"}


def looked(*looks: tuple[float, int, int, bool]) -> Course:
    """A way whose looks (when, new tasks that run of two, old ones, over) were these."""
    course = Course(began=0.0, imaged=10.0, set=12.0)
    for at, running, old, over in looks:
        course.saw(RollOut(Stands.COMPLETED if over else Stands.GOES_ON, running, 2, 0, old), at)
    return course


def test_a_usual_way() -> None:
    course = looked((13, 0, 2, False), (20, 1, 2, False), (32, 2, 2, False), (90, 2, 1, False), (100, 2, 0, True))
    assert course.split() == {Phase.IMAGE: 10, Phase.LOOK: 2, Phase.START: 20, Phase.HEALTH: 58, Phase.DRAIN: 10}
    assert told(course.split()) == (
        "100 s in all, image 10 s, looking at everything before 2 s, new tasks' start 20 s, health checks 58 s, "
        "old tasks' end 10 s"
    )
    assert dearest(course.split()) is Phase.HEALTH


def test_one_that_is_seen_once_has_only_a_start() -> None:
    split = looked((30, 2, 0, True)).split()
    assert (split[Phase.START], split[Phase.HEALTH], split[Phase.DRAIN]) == (18, 0, 0)


def test_one_that_goes_on_is_split_as_far_as_it_is() -> None:
    assert set(looked((30, 2, 2, False)).split()) == {Phase.IMAGE, Phase.LOOK, Phase.START}


looks = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=12)


@given(looks)
def test_the_phases_of_one_that_is_over_add_up_to_the_whole(seen: list[tuple[int, int]]) -> None:
    last = len(seen) - 1
    course = looked(*((13.0 + at, running, old, at == last) for at, (running, old) in enumerate(seen)))
    split = course.split()
    assert list(split) == list(Phase) and sum(split.values()) == 13.0 + last
    assert all(took >= 0 for took in split.values())


def test_what_is_quick_needs_no_setting() -> None:
    assert dearest({Phase.START: 14.0, Phase.HEALTH: 2.0}) is None
    assert dearest({}) is None


def test_a_time_is_promised_from_the_third_on() -> None:
    assert usual([10, 20]) is None
    assert usual([10, 90, 20]) == 20


@pytest.mark.parametrize(
    ("phase", "group", "words"),
    [
        (Phase.HEALTH, SLOW, "5 good ones, one every 30 s. On staging, in `aws_lb_target_group`: `health_check {"),
        (Phase.HEALTH, {}, "the containers' own health checks"),
        (Phase.DRAIN, SLOW, "`deregistration_delay` is 300 s. On staging, in `aws_lb_target_group`: `deregistration_d"),
        (Phase.DRAIN, {"deregistration_delay.timeout_seconds": "5"}, "`stopTimeout`"),
        (Phase.DRAIN, {}, "`stopTimeout`"),
        (Phase.START, SLOW, "pulling the image"),
        (Phase.IMAGE, SLOW, "the build"),
        (Phase.LOOK, SLOW, "AWS"),
    ],
)
def test_the_setting_of_a_phase(phase: Phase, group: dict[str, object], words: str) -> None:
    assert words in advice(phase, group, stop_timeout_s=30)
