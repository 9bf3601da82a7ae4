"""Following lines: each is told once, whatever the pages, and late ones are told too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from butai.deploys.tail import Tail

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
PAGE = 5


class Lines:
    """Answers as the API does: the oldest of a page's size since a time."""

    def __init__(self) -> None:
        self.all: list[dict[str, Any]] = []

    def write(self, milliseconds: Sequence[int]) -> None:
        for at in milliseconds:
            when = (NOON + timedelta(milliseconds=at)).isoformat()
            self.all.append({"id": str(len(self.all)), "at": when})

    def since(self, after: datetime | None) -> list[dict[str, Any]]:
        found = [each for each in self.all if after is None or datetime.fromisoformat(each["at"]) >= after]
        return sorted(found, key=lambda each: each["at"])[:PAGE]


def told(tail: Tail, lines: Lines) -> list[str]:
    found: list[str] = []
    while True:
        found += [each["id"] for each in tail.take(lines.since(tail.after))]
        if not tail.more:
            return found


# All within the overlap. An API that is asked by time alone cannot give more than a page of one moment.
bursts = st.lists(st.lists(st.integers(0, 400), max_size=30, unique=True), max_size=5)


@given(bursts)
def test_each_line_is_told_once_and_late_ones_too(times: list[list[int]]) -> None:
    tail, lines, found = Tail(PAGE), Lines(), []
    for milliseconds in times:
        lines.write(milliseconds)
        found += told(tail, lines)
    assert len(found) == len(set(found))
    assert set(found) == {each["id"] for each in lines.all}


def test_more_lines_of_one_moment_than_a_page_do_not_stop_it() -> None:
    tail, lines = Tail(PAGE), Lines()
    lines.write([7] * (PAGE + 2) + [8])
    assert told(tail, lines) == [*map(str, range(PAGE)), str(PAGE + 2)]
