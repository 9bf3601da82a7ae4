"""What needs what where folders are called from several places: no way goes in by one call and out by another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.inventory.reach import Reach, Step

pytestmark = pytest.mark.model

NODES = [f"{folder}{number}" for folder in "abc" for number in range(4)]


def test_out_by_the_call_that_it_came_in_by() -> None:
    reach = Reach()
    for caller in ("one", "two"):
        reach.into[f"{caller}.uses"].add(Step(caller, "output"))
        reach.out["variable"].add(Step(caller, f"{caller}.given"))
    reach.level["output"].add("variable")
    assert reach.needs({"one.uses"}) == {"one.uses", "output", "variable", "one.given"}
    assert reach.impact({"two.given"}) == {"two.given", "variable", "output", "two.uses"}
    # Asked inside, whoever calls counts.
    assert reach.needs({"output"}) == {"output", "variable", "one.given", "two.given"}
    assert reach.impact({"variable"}) == {"variable", "output", "one.uses", "two.uses"}


def test_an_end_is_gone_on_from_only_as_the_start() -> None:
    reach = Reach()
    reach.level["user"].add("call")
    reach.level["call"].add("given")
    reach.ends.add("call")
    assert reach.needs({"user"}) == {"user", "call"}
    assert reach.needs({"call"}) == {"call", "given"}
    assert reach.impact({"given"}) == {"given", "call"}


def test_modules_that_call_themselves_come_to_an_end() -> None:
    reach = Reach()
    reach.into["output"].add(Step("again", "output"))
    reach.level["output"].add("variable")
    reach.out["variable"].add(Step("again", "variable"))
    reach.out["variable"].add(Step("outer", "given"))
    reach.into["user"].add(Step("outer", "output"))
    assert reach.needs({"user"}) == {"user", "output", "variable", "given"}


@st.composite
def networks(draw: Callable[..., Any]) -> Reach:
    """Folder `a` calls `b` and `c`, `b` calls `c`: each by two calls."""
    reach = Reach()
    inside = [(one, another) for one in NODES for another in NODES if one[0] == another[0] and one != another]
    for one, another in draw(st.lists(st.sampled_from(inside), max_size=12)):
        reach.level[one].add(another)
    calls = [(f"{caller}{called}{number}", caller, called) for caller, called in ("ab", "ac", "bc") for number in "12"]
    for call, caller, called in draw(st.lists(st.sampled_from(calls), max_size=10)):
        outer, inner = f"{caller}{draw(st.integers(0, 3))}", f"{called}{draw(st.integers(0, 3))}"
        if draw(st.booleans()):
            reach.into[outer].add(Step(call, inner))
        else:
            reach.out[inner].add(Step(call, outer))
    reach.ends.update(draw(st.lists(st.sampled_from(NODES), max_size=1)))
    return reach


def walked(reach: Reach, start: str) -> set[str]:
    """The same by keeping the calls that one is in: `None` below them is not known."""
    seen: set[tuple[str, tuple[str, ...]]] = {(start, ())}
    waiting = list(seen)
    while waiting:
        at, calls = waiting.pop()
        if at in reach.ends and at != start:
            continue
        following = [(each, calls) for each in reach.level[at]]
        following += [(to, (*calls, call)) for call, to in reach.into[at]]
        following += [(to, calls[:-1]) for call, to in reach.out[at] if not calls or calls[-1] == call]
        for each in following:
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return {node for node, _ in seen}


@given(networks(), st.sampled_from(NODES), st.sampled_from(NODES))
def test_it_is_what_keeping_the_calls_gives_and_the_same_backwards(reach: Reach, start: str, end: str) -> None:
    assert reach.needs({start}) == walked(reach, start)
    if start not in reach.ends and end not in reach.ends:
        assert (end in reach.needs({start})) == (start in reach.impact({end}))
