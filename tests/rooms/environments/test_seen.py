"""What changed since somebody last looked, kept in a cookie that anybody may have written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.environments.seen import AWAY_FOR, KEPT, SHOWN, Seen, read, since, visit, written
from butai.runs.model import RunKind
from butai.runs.service import RunView

pytestmark = pytest.mark.model

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
numbers = st.integers(0, 10**12)


def run(number: int, kind: RunKind = RunKind.UPDATE, by: str = "mika") -> RunView:
    shape: Any = type("Run", (), {"id": number, "kind": kind, "requested_by": by})()
    return cast(RunView, shape)


@given(st.dictionaries(numbers, st.builds(Seen, numbers, numbers, numbers), max_size=KEPT))
def test_a_cookie_says_what_was_written(seen: dict[int, Seen]) -> None:
    assert read(written(seen)) == seen


@given(st.text())
def test_any_text_is_read(cookie: str) -> None:
    read(cookie)
    read(f"1-2-3-4.{cookie}")


def test_only_those_that_were_looked_at_last_are_kept() -> None:
    seen = {number: Seen(1, 1, number) for number in range(KEPT * 2)}
    kept = read(written(seen))
    assert len(kept) == KEPT and min(kept) == KEPT and len(written(seen)) < 4000


def test_the_first_visit_finds_nothing_new() -> None:
    seen = visit(None, 7, NOW)
    assert since(None, seen, [run(7), run(6)], "ken") is None


def test_what_came_since_is_new_until_somebody_was_away_again() -> None:
    first = visit(None, 3, NOW)
    later = NOW + timedelta(hours=3)
    back = visit(first, 5, later)
    found = since(first, back, [run(5), run(4, RunKind.DRIFT_CHECK), run(4, by="ken"), run(3)], "ken")
    assert found is not None and [each.id for each in found.runs] == [5] and found.at == NOW
    # A look a moment later does not take it away; what came meanwhile is new too.
    again = visit(back, 6, later + timedelta(minutes=5))
    found = since(back, again, [run(6), run(5), run(3)], "ken")
    assert found is not None and [each.id for each in found.runs] == [6, 5]
    much_later = visit(again, 6, later + timedelta(minutes=5) + AWAY_FOR)
    assert since(again, much_later, [run(6), run(5)], "ken") is None


def test_of_many_the_newest_and_how_many_more() -> None:
    first = visit(None, 1, NOW)
    back = visit(first, 20, NOW + timedelta(days=1))
    found = since(first, back, [run(number) for number in range(20, 0, -1)], "ken")
    assert found is not None and len(found.runs) == SHOWN and found.more == 19 - SHOWN
