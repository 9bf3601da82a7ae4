"""Which run starts next: order, caps, one at a time per environment, labels, what supersedes what."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.runs.model import RunKind
from butai.runs.queue import (
    Going,
    Hand,
    Priority,
    Queued,
    WaitsFor,
    carries,
    in_order,
    next_for,
    places,
    superseded,
)

LABELS = st.dictionaries(st.sampled_from(["account", "network"]), st.sampled_from(["a", "b"]), max_size=2)
# A blueprint has one cap and one wish for labels at any one time; they may have changed between two runs.
BODIES = st.builds(
    Queued,
    run=st.just(0),
    environment=st.integers(1, 5),
    blueprint=st.sampled_from(["shop", "ivr"]),
    kind=st.sampled_from(RunKind),
    priority=st.sampled_from(Priority),
    labels=LABELS,
    at_once=st.integers(0, 2),
)
QUEUES = st.lists(BODIES, max_size=12).map(lambda each: [replace(run, run=n) for n, run in enumerate(each, start=10)])
HANDS = st.lists(st.builds(Hand, worker=st.just(""), labels=LABELS, slots=st.integers(1, 3)), max_size=4).map(
    lambda each: [replace(hand, worker=f"w{n}") for n, hand in enumerate(each)]
)
CAPS = st.integers(0, 4)
FULL = {"w": WaitsFor.CORES, "v": WaitsFor.MEMORY}


def queued(run: int, environment: int = 1, kind: RunKind = RunKind.UPDATE, **more: object) -> Queued:
    fields: dict[str, object] = {"blueprint": "shop", **more}
    return Queued(run, environment, kind=kind, **fields)  # type: ignore[arg-type]


def going(run: Queued, worker: str) -> Going:
    return Going(run.run, run.environment, run.blueprint, worker)


def until_nobody_takes(queue: list[Queued], hands: list[Hand], cap: int) -> tuple[list[Queued], list[Going]]:
    """Every worker takes in turn until none finds anything; what is left, and what goes on."""
    left, busy, taken = list(queue), list[Going](), True
    while taken:
        taken = False
        for hand in hands:
            for found in next_for(hand, left, busy, cap):
                taken = True
                left.remove(found)
                busy.append(going(found, hand.worker))
    return left, busy


@given(QUEUES)
def test_all_are_in_the_order_and_within_an_environment_only_a_drift_check_lets_others_pass(
    queue: list[Queued],
) -> None:
    order = in_order(queue)
    assert sorted(each.run for each in order) == [each.run for each in queue]
    for environment in {each.environment for each in queue}:
        mine = [each for each in order if each.environment == environment]
        assert mine == sorted(mine, key=lambda each: (each.kind is RunKind.DRIFT_CHECK, each.run))


@given(QUEUES)
def test_the_most_urgent_thing_and_what_it_needs_before_it_comes_first(queue: list[Queued]) -> None:
    order = in_order(queue)
    if order:
        urgent = min(each.priority for each in queue)
        assert any(each.environment == order[0].environment and each.priority == urgent for each in queue)


@given(QUEUES, HANDS, CAPS)
def test_however_workers_take_no_cap_is_passed_and_no_environment_is_taken_twice(
    queue: list[Queued], hands: list[Hand], cap: int
) -> None:
    known = {each.run: each for each in queue}
    by_name = {hand.worker: hand for hand in hands}
    _, busy = until_nobody_takes(queue, hands, cap)
    assert not cap or len(busy) <= cap
    assert len({each.environment for each in busy}) == len(busy)
    for worker, count in Counter(each.worker for each in busy).items():
        assert count <= by_name[worker].slots
    for each in busy:
        run = known[each.run]
        assert carries(by_name[each.worker].labels, run.labels)
        before = [one for one in busy[: busy.index(each)] if one.blueprint == each.blueprint]
        assert not run.at_once or len(before) < run.at_once


@given(QUEUES, HANDS, CAPS)
def test_what_is_left_waits_for_something_and_that_is_said(queue: list[Queued], hands: list[Hand], cap: int) -> None:
    left, busy = until_nobody_takes(queue, hands, cap)
    shown = places(left, busy, hands, cap)
    assert [each.position for each in shown] == list(range(1, len(left) + 1))
    assert [each.run for each in shown] == [each.run for each in in_order(left)]
    assert all(each.waits_for is not WaitsFor.TURN for each in shown), "nothing that could start was left"
    for each in shown:
        assert (each.waits_for is WaitsFor.ENVIRONMENT) == (each.waits_for_run is not None)


@given(QUEUES, HANDS, CAPS)
def test_what_waits_for_its_turn_alone_would_start(queue: list[Queued], hands: list[Hand], cap: int) -> None:
    for place in places(queue, [], hands, cap):
        run = next(each for each in queue if each.run == place.run)
        alone = [found for hand in hands for found in next_for(hand, [run], [], cap)]
        if place.waits_for is WaitsFor.TURN:
            assert run in alone
        elif place.waits_for in (WaitsFor.LABELS, WaitsFor.WORKER):
            assert run not in alone


def test_a_person_goes_before_a_push_before_a_schedule_before_a_drift_check() -> None:
    queue = [
        queued(1, 1, RunKind.DRIFT_CHECK, priority=Priority.DRIFT_CHECK),
        queued(2, 2, priority=Priority.SCHEDULE),
        queued(3, 3, priority=Priority.PUSH),
        queued(4, 4, priority=Priority.PERSON),
        queued(5, 5, priority=Priority.PERSON),
    ]
    assert [each.run for each in in_order(queue)] == [4, 5, 3, 2, 1]


def test_what_a_person_waits_for_pulls_forward_what_stands_before_it_but_overtakes_nobody_who_waited_longer() -> None:
    scheduled = queued(1, 1, priority=Priority.SCHEDULE)
    queue = [scheduled, queued(2, 2, priority=Priority.PUSH), queued(3, 1, RunKind.DESTROY)]
    assert [each.run for each in in_order(queue)] == [1, 3, 2]
    assert [each.run for each in in_order([*queue[:2], queued(3, 3), queued(4, 1, RunKind.DESTROY)])] == [1, 3, 4, 2]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"hands": []}, WaitsFor.WORKER),
        ({"hands": [Hand("w", {"account": "prod"}, 9)]}, WaitsFor.LABELS),
        ({"cap": 1}, WaitsFor.CAP),
        ({"at_once": 1}, WaitsFor.BLUEPRINT_CAP),
        ({"hands": [Hand("w", {"account": "dev"}, 1)]}, WaitsFor.SLOT),
        ({"hands": [Hand("w", {"account": "dev"}, 1, WaitsFor.MEMORY)]}, WaitsFor.MEMORY),
        ({"hands": [Hand("w", {"account": "dev"}, 2, WaitsFor.MEMORY)]}, WaitsFor.TURN),
        (
            {"hands": [Hand("w", {"account": "dev"}, 1, WaitsFor.CORES), Hand("v", {}, 0, WaitsFor.MEMORY)]},
            WaitsFor.CORES,
        ),
        (
            {"hands": [Hand(name, {"account": "dev"}, 1 - (name == "v"), why) for name, why in FULL.items()]},
            WaitsFor.SLOT,
        ),
        ({}, WaitsFor.TURN),
    ],
)
def test_what_one_run_waits_for(what: dict[str, object], expected: WaitsFor) -> None:
    run = queued(5, 2, labels={"account": "dev"}, at_once=what.get("at_once", 0))
    hands = what.get("hands", [Hand("w", {"account": "dev", "network": "vpn"}, 2)])
    assert isinstance(hands, list)
    (place,) = places([run], [Going(1, 1, "shop", "w")], hands, int(str(what.get("cap", 0))))
    assert place.waits_for is expected


def test_a_run_waits_for_the_one_before_it_by_number() -> None:
    queue = [queued(2), queued(3, kind=RunKind.DESTROY)]
    first, second = places(queue, [Going(1, 1, "shop", "w")], [Hand("w", {}, 5)], 0)
    assert (first.waits_for_run, second.waits_for_run) == (1, 2)


def test_a_run_that_may_not_start_yet_keeps_nobody_of_another_environment_waiting() -> None:
    queue = [
        queued(1, 1),
        queued(2, 2, labels={"account": "prod"}),
        queued(3, 2),
        queued(4, 3, at_once=1),
        queued(5, 4),
    ]
    taken = next_for(Hand("w", {}, 9), queue, [Going(0, 1, "shop", "other")], 0)
    assert [each.run for each in taken] == [5], "1 has a run going, 3 stands behind 2, 4's blueprint is full"


@given(QUEUES, BODIES)
def test_only_older_ones_of_the_same_environment_are_superseded_and_never_a_change_of_another_kind(
    queue: list[Queued], newer: Queued
) -> None:
    newer = replace(newer, run=99)
    gone = [each for each in queue if each.run in superseded(newer, [*queue, newer])]
    mine = [each for each in queue if each.environment == newer.environment]
    for each in gone:
        assert each in mine
        assert each.kind is RunKind.DRIFT_CHECK or each.kind is newer.kind
    assert all(each in gone for each in mine if each.kind is RunKind.DRIFT_CHECK)
    kept = [each for each in mine if each not in gone]
    if kept and newer.kind in (RunKind.UPDATE, RunKind.DESTROY):
        assert kept[-1].kind is not newer.kind, "the newest that stays means something else"
    assert newer.kind in (RunKind.UPDATE, RunKind.DESTROY) or all(e.kind is RunKind.DRIFT_CHECK for e in gone)


def test_a_later_update_takes_the_place_of_an_earlier_one_but_not_across_a_destroy() -> None:
    assert superseded(queued(4), [queued(2), queued(3), queued(4)]) == [2, 3]
    assert superseded(queued(4), [queued(2), queued(3, kind=RunKind.DESTROY)]) == []
    assert superseded(queued(4), [queued(1), queued(2, kind=RunKind.DESTROY), queued(3)]) == [3]
    assert superseded(queued(4), [queued(2, environment=2)]) == []
    assert superseded(queued(4, kind=RunKind.UNTAINT), [queued(2, kind=RunKind.UNTAINT)]) == []
