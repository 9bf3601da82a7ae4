"""What a plan's lines say of drift, and when an environment is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.environments.drift import Difference, Looked, Told, changed_outside, differences, due, due_at, newest_check
from butai.interval import interval
from butai.runs.model import RunEnd, RunStatus
from butai.terraform.attributes import Attribute, Changed

pytestmark = pytest.mark.model

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_thing_changed_outside_and_planned_is_one_difference() -> None:
    told = [Told("drift", "a.b", "update"), Told("planned", "c.d", "replace"), Told("planned", "a.b", "update")]
    assert differences(told) == [Difference("c.d", "replace"), Difference("a.b", "update", "update")]


def test_what_is_read_or_stays_as_it_is_is_no_difference() -> None:
    told = [Told("drift", "a.b", "update"), Told("planned", "data.x.y", "read"), Told("planned", "a.c", "noop")]
    assert differences([*told, Told("outputs", "", "")]) == []
    assert differences([*told, Told("outputs", "", "update")]) == [Difference("outputs", "update")]


lines = st.builds(
    Told,
    st.sampled_from(["drift", "planned"]),
    st.sampled_from(["a.a", "b.b", "c.c"]),
    st.sampled_from(["", "read", "noop", "create", "update", "delete", "replace"]),
)


@given(st.lists(lines))
def test_every_address_that_an_update_would_change_stands_there_once_and_no_other(told: list[Told]) -> None:
    found = [each.address for each in differences(told)]
    planned = {each.address for each in told if each.kind == "planned" and each.action not in ("", "read", "noop")}
    assert len(found) == len(set(found)) and set(found) == planned
    drifted = {each.address for each in told if each.kind == "drift"}
    assert all(each.address in drifted for each in differences(told) if each.outside)


@given(st.lists(lines))
def test_what_was_changed_outside_is_what_drifted_whatever_else_was_planned(told: list[Told]) -> None:
    found = changed_outside(told)
    drifted = {each.address for each in told if each.kind == "drift" and each.action in ("update", "delete")}
    assert [each.address for each in found] == list(dict.fromkeys(each.address for each in found))
    assert {each.address for each in found} == drifted and not any(each.action for each in found)


def test_a_change_of_no_attribute_is_none_where_attributes_were_told() -> None:
    told = [Told("drift", "a.b", "update"), Told("drift", "a.c", "update"), Told("drift", "a.d", "delete")]
    tag = Attribute("tags.Team", '"y"', '"x"')
    known = {"a.b": Changed("a.b", [tag], 2), "a.c": Changed("a.c", [], 0), "a.d": Changed("a.d", [], 0)}
    assert changed_outside(told, known) == [
        Difference("a.b", "", "update", [tag], 2),
        Difference("a.d", "", "delete", [], 0),
    ]
    assert [each.address for each in changed_outside(told)] == ["a.b", "a.c", "a.d"], "unread, nothing is left out"
    apart = Changed("a.b", [replace(tag, in_code=False)], 0)
    found = changed_outside(told, {**known, "a.b": apart})
    assert [(each.address, each.in_code) for each in found] == [("a.d", True), ("a.b", False)], (
        "what counts comes first"
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [("off", None), ("5m", timedelta(minutes=5)), ("24h", DAY), ("7d", 7 * DAY), ("99d", 99 * DAY)],
)
def test_intervals(words: str, expected: timedelta | None) -> None:
    assert interval(words) == expected


@pytest.mark.parametrize(
    "words", ["", "0h", "4m", "24", "h", "1.5h", "24 h", "24H", "-1h", "1h30m", "024h", "off\n", "100d"]
)
def test_no_other_interval_is_read(words: str) -> None:
    with pytest.raises(ValueError):
        interval(words)


def known(*ids: int, every: timedelta | None = DAY, ago: timedelta = 2 * DAY) -> list[Looked]:
    return [Looked(number, NOW - ago, every) for number in ids]


def test_only_what_stands_still_and_is_wanted_is_checked() -> None:
    assert due(known(1, every=None), now=NOW, room=1) == []
    assert due([Looked(1, NOW - 2 * DAY, DAY, still=False)], now=NOW, room=1) == []
    assert due(known(1), now=NOW, room=1) == [1]
    assert due(known(1, ago=DAY - timedelta(seconds=1)), now=NOW, room=1) == []


@given(st.integers(0, 9), st.sets(st.integers(1, 10_000), max_size=30))
def test_never_more_checks_than_there_is_room_for_and_the_longest_overdue_first(room: int, ids: set[int]) -> None:
    chosen = due(known(*ids), now=NOW, room=room)
    assert len(chosen) == min(len(ids), room)
    assert len(set(chosen)) == len(chosen) and set(chosen) <= ids
    dates = {each.environment: due_at(each) for each in known(*ids)}
    first = sorted(date for date in dates.values() if date)[: len(chosen)]
    assert [dates[each] for each in chosen] == first


def test_twenty_environments_are_spread_over_a_tenth_of_the_time() -> None:
    dates = [due_at(each) for each in known(*range(1, 21))]
    assert len(set(dates)) == 20
    offsets = [date - (NOW - DAY) for date in dates if date]
    assert min(offsets) >= timedelta() and max(offsets) <= DAY / 10
    assert max(offsets) - min(offsets) > DAY / 20


def test_a_check_that_made_way_has_not_failed() -> None:
    ends = {RunEnd.SUPERSEDED, RunEnd.CANCELLED_BEFORE_CHANGE, RunEnd.SUCCEEDED}
    assert not any(newest_check(1, RunStatus.ENDED, end).failed for end in ends)
    assert newest_check(1, RunStatus.ENDED, RunEnd.FAILED_BEFORE_CHANGE).failed
    assert newest_check(1, RunStatus.QUEUED, None).under_way
