"""Going back through merges, renamings and meetings of branches."""

from __future__ import annotations

import pytest

from butai.history.blocks import BlockSpan, FileDiff, Hunk
from butai.history.walk import Walk

pytestmark = pytest.mark.model


def changed(*hunks: Hunk, path: str = "x.tf") -> FileDiff:
    return FileDiff(path, path, list(hunks))


def line(number: int) -> Hunk:
    """One line written anew."""
    return Hunk(number, 1, number, 1)


def walk(*names: str) -> Walk:
    """Blocks of three lines, one after the other, followed from commit `merge`."""
    spans = [BlockSpan(name, 1 + 3 * at, 3 + 3 * at) for at, name in enumerate(names)]
    return Walk("merge", {"x.tf": spans, "y.tf": []})


def commits(found: Walk, name: str) -> list[str]:
    return list(found.touches[name])


def test_each_block_follows_the_side_it_came_from() -> None:
    found = walk("a", "b", "c")
    # `a` was changed on the left, `b` on the right, `c` on both.
    left, right = [changed(line(5), line(8))], [changed(line(2), line(8))]
    found.merge("merge", ["left", "right"], [{"x.tf"}, {"x.tf"}], [left, right])
    found.step("left", "base", [changed(line(2), line(8))])
    found.step("right", "base", [changed(line(5), line(8))])
    assert commits(found, "a") == ["left"]
    assert commits(found, "b") == ["right"]
    assert commits(found, "c") == ["left", "right"], "the merge itself wrote nothing"
    [(commit, state)] = found.left()
    assert commit == "base" and sorted(state["x.tf"].blocks) == [("a", 1, 4), ("b", 4, 7), ("c", 7, 10)]
    assert (state["x.tf"].files, state["y.tf"].files) == ({"x.tf"}, {"y.tf"})


def test_a_file_that_one_side_has_as_it_is_needs_no_patch() -> None:
    found = walk("a")
    found.merge("merge", ["left", "right"], [{"x.tf"}, {"y.tf"}], [])
    assert {commit: sorted(state) for commit, state in found.left()} == {"right": ["x.tf"], "left": ["y.tf"]}


def test_what_a_merge_alone_has_began_in_it() -> None:
    found = walk("a", "b")
    new = [changed(Hunk(4, 0, 4, 3, [], [b"b {", b" x", b"}"]))]
    found.merge("merge", ["left", "right"], [{"x.tf"}, {"x.tf"}], [new, new])
    assert [(touch.commit, touch.added, touch.began) for touch in found.touches["b"].values()] == [("merge", 3, True)]
    assert commits(found, "a") == []
    assert {commit: state["x.tf"].blocks for commit, state in found.left()}["left"] == [("a", 1, 4)]


def test_a_file_made_on_both_sides_differs_from_both() -> None:
    found = walk("a")
    made = [FileDiff("", "x.tf", [Hunk(1, 0, 1, 3, [], [b"a {", b" x", b"}"])])]
    found.merge("merge", ["left", "right"], [{"x.tf"}, {"x.tf"}], [made, [changed(line(2))]])
    assert {commit: set(state) for commit, state in found.left()} == {"left": {"y.tf"}, "right": {"x.tf"}}


def test_a_mode_alone_is_no_change() -> None:
    found = walk("a")
    found.merge("merge", ["left", "right"], [{"x.tf"}, {"x.tf"}], [[], [changed(line(2))]])
    assert {commit: sorted(state) for commit, state in found.left()} == {"left": ["x.tf", "y.tf"], "right": ["x.tf"]}


def test_two_ways_that_meet_are_one_again() -> None:
    found = walk("a")
    found.merge("merge", ["left", "right"], [{"x.tf"}, {"x.tf"}], [[changed(line(1))], [changed(line(2))]])
    # The right side knows one line more at the block's beginning.
    found.step("left", "base", [])
    found.step("right", "base", [changed(Hunk(1, 2, 1, 1, [b"a {", b"  x"], [b"a {"]))])
    [(_, state)] = found.left()
    assert state["x.tf"].blocks == [("a", 1, 5)]


def test_names_may_be_exchanged_in_one_commit() -> None:
    found = Walk("head", {"x.tf": [BlockSpan("a", 1, 3)], "y.tf": [BlockSpan("b", 1, 3)]})
    found.step("head", "base", [FileDiff("y.tf", "x.tf"), FileDiff("x.tf", "y.tf")])
    [(_, state)] = found.left()
    assert state["x.tf"].blocks == [("b", 1, 4)] and state["y.tf"].files == {"x.tf"}
    assert not found.file_touches["x.tf"], "a new name alone is no change"


def test_a_commit_that_nothing_leads_to_changes_nothing() -> None:
    found = walk("a")
    found.step("other", "base", [changed(line(2))])
    assert not found.touches and [commit for commit, _ in found.left()] == ["merge"]
