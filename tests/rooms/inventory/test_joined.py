"""Code against a state: what is in one and not in the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.inventory.joined import Declared, joined
from butai.terraform.state_index import StateInstance

pytestmark = pytest.mark.model


def held(address: str, path: str, *, mode: str = "managed", deposed: str = "") -> StateInstance:
    return StateInstance(address, path, "aws_lb", mode, "", "id", deposed=deposed)


def test_what_is_in_one_and_not_in_the_other() -> None:
    many = [held(f"aws_lb.many[{number}]", "aws_lb.many") for number in range(2)]
    old = held("aws_lb.old", "aws_lb.old")
    read = held("data.aws_lb.read", "data.aws_lb.read", mode="data")
    declared = [Declared("aws_lb.many"), Declared("aws_lb.new"), Declared("module.a.aws_lb.some", may_be_none=True)]
    found = joined(declared, [*many, old, read])
    assert [each.path for each in found.missing] == ["aws_lb.new"]
    assert [each.path for each in found.perhaps_missing] == ["module.a.aws_lb.some"]
    assert found.undeclared == (old,)


def test_one_of_which_only_the_deposed_is_left_is_missing() -> None:
    left = held("aws_lb.main", "aws_lb.main", deposed="1a2b3c4d")
    assert joined([Declared("aws_lb.main")], [left]).missing == (Declared("aws_lb.main"),)
    assert joined([], [left]).undeclared == (left,)


PATHS = st.sets(st.sampled_from([f"module.m.aws_lb.{each}" for each in "abcdef"]))


@given(PATHS, PATHS)
def test_both_ways_together_are_the_difference(in_code: set[str], in_state: set[str]) -> None:
    found = joined(
        [Declared(each, each.endswith("a")) for each in in_code], [held(f"{each}[0]", each) for each in in_state]
    )
    missing = {each.path for each in (*found.missing, *found.perhaps_missing)}
    assert missing | {each.path for each in found.undeclared} == in_code ^ in_state
    assert missing <= in_code
