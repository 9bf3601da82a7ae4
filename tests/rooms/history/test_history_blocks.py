"""Hunks carried over to blocks, against an oracle that knows each line by name."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.history import patches
from butai.history.blocks import BlockSpan, Deleted, FileDiff, Hunk, Place, extent, head_of, step_back
from butai.history.patches import read_names, read_patches
from butai.history.walk import Walk

pytestmark = pytest.mark.model


@dataclass(frozen=True)
class Edit:
    """Some lines are kept, then some are taken out and some put in."""

    keep: int
    take: int
    put: int


EDITS = st.lists(st.builds(Edit, st.integers(1, 6), st.integers(0, 4), st.integers(0, 4)), max_size=5)


def edited(lines: list[str], edits: list[Edit], mark: str) -> tuple[list[str], list[Hunk]]:
    """The lines after the edits, new ones named after `mark`, and the hunks. The first line always stays."""
    after: list[str] = []
    hunks = []
    at = 0
    for edit in edits:
        after += lines[at : at + edit.keep]
        at = min(at + edit.keep, len(lines))
        take = min(edit.take, len(lines) - at)
        if take or edit.put:
            hunks.append(Hunk(at + 1, take, len(after) + 1, edit.put))
        after += [f"{mark}{len(after) + each}" for each in range(edit.put)]
        at += take
    return after + lines[at:], hunks


@given(st.integers(1, 20), EDITS, st.data())
def test_a_block_has_the_lines_that_stayed_and_none_of_its_neighbours(
    count: int, edits: list[Edit], data: st.DataObject
) -> None:
    old = [f"old{number}" for number in range(count)]
    new, hunks = edited(old, edits, "new")
    start = data.draw(st.integers(1, len(new)))
    end = data.draw(st.integers(start + 1, len(new) + 1))
    block, outside = new[start - 1 : end - 1], new[: start - 1] + new[end - 1 :]
    step = step_back(Place("x.tf", start, end), FileDiff("x.tf", "x.tf", hunks), Deleted([]))

    written = [line for line in block if line not in old]
    assert step.added == len(written)
    stayed = [line for line in block if line in old]
    if step.before is None:
        assert block[0] in written and 2 * len(stayed) < len(block)
        return
    there = old[step.before.start - 1 : step.before.end - 1]
    assert [line for line in there if line in block] == stayed
    assert not [line for line in there if line in outside]
    assert step.deleted == len(there) - len(stayed)
    inner = [hunk for hunk in hunks if start <= hunk.new and hunk.end <= end and start < hunk.end and hunk.new < end]
    assert step.deleted >= sum(hunk.old_count for hunk in inner)
    assert step.touched == bool(written or inner)


@given(st.lists(EDITS, min_size=1, max_size=6), st.data())
def test_whoever_wrote_a_line_of_today_changed_its_block(history: list[list[Edit]], data: st.DataObject) -> None:
    lines, steps = [f"c0-{number}" for number in range(5)], []
    for number, edits in enumerate(history, 1):
        lines, hunks = edited(lines, edits, f"c{number}-")
        steps.append((f"c{number}", f"c{number - 1}", hunks))
    # From the line on that every version has: the block's first one is never new before its beginning.
    end = data.draw(st.integers(2, len(lines) + 1))
    walk = Walk(steps[-1][0], {"x.tf": [BlockSpan("block", 1, end - 1)]})
    for commit, parent, hunks in reversed(steps):
        walk.step(commit, parent, [FileDiff("x.tf", "x.tf", hunks)] if hunks else [])
    walk.step("c0", None, [FileDiff("", "x.tf", [Hunk(1, 0, 1, 5)])])
    touches = walk.touches["block"]
    assert {line.split("-")[0] for line in lines[: end - 1]} <= touches.keys()
    assert [name for name, touch in touches.items() if touch.began] == ["c0"]
    assert list(walk.file_touches["x.tf"]) == [name for name, _, hunks in reversed(steps) if hunks] + ["c0"]
    assert not list(walk.left())


def patch(*hunks: Hunk, old: str = "x.tf", new: str = "x.tf") -> FileDiff:
    return FileDiff(old, new, list(hunks))


def block(head: bytes, *inner: bytes) -> list[bytes]:
    return [head + b" {", *inner, b"}"]


WEB = block(b'resource "aws_lb" "web"', b"  name = 1", b"  size = 2", b"  zone = 3")


def test_a_block_in_anothers_place_is_no_heir_of_it() -> None:
    gone = block(b'resource "aws_vpc" "main"', b"  cidr = 1")
    diff = patch(Hunk(5, 3, 5, 5, gone, WEB))
    assert step_back(Place("x.tf", 5, 10), diff, Deleted([diff])).before is None


def test_a_block_that_was_written_anew_is_still_itself() -> None:
    before = [b"# note", *block(b'resource "aws_lb"   "web"', b"  other = 1"), b"", *block(b'output "x"')]
    diff = patch(Hunk(5, len(before), 5, 5, before, WEB))
    step = step_back(Place("x.tf", 5, 10), diff, Deleted([diff]))
    assert step.before == Place("x.tf", 6, 9) and (step.added, step.deleted) == (5, 3)


def test_a_renamed_block_goes_on_under_its_old_name() -> None:
    above = Hunk(1, 2, 1, 0, [b"# one", b"# two"], [])
    diff = patch(above, Hunk(7, 1, 5, 1, [b'resource "aws_lb" "old" {'], WEB[:1]))
    step = step_back(Place("x.tf", 5, 10), diff, Deleted([diff]))
    assert step.before == Place("x.tf", 7, 12) and (step.added, step.deleted) == (1, 1)


@pytest.mark.parametrize("changed", [0, 1, 4])
def test_a_block_moved_to_another_file_keeps_its_past_when_it_is_nearly_the_same(changed: int) -> None:
    inner = [b"  name = 1", b"  size = 2", b"  zone = 3", b"  kind = 4"]
    there = [b"", *block(b'resource "aws_lb" "web"', *inner), b""]
    here = block(
        b'resource "aws_lb" "web"',
        *(b"    new = %d" % at for at in range(changed)),
        *(b"  " + each for each in inner[changed:]),
    )
    diffs = [patch(Hunk(1, 0, 1, 6, (), here), old="", new="lb.tf"), patch(Hunk(41, 8, 41, 0, there, ()))]
    step = step_back(Place("lb.tf", 1, 7), diffs[0], Deleted(diffs))
    if changed == 4:
        assert step.before is None and step.added == 6
    else:
        assert step.before == Place("x.tf", 42, 48)
        assert (step.added, step.deleted) == (changed, changed), "moving and formatting alone change nothing"


@pytest.mark.parametrize(
    ("line", "head"),
    [
        (b'resource "aws_lb"  "web" {', b'resource "aws_lb" "web"'),
        (b"  name = var.x", b"name"),
        (b'  "aws_lb": {', b'"aws_lb"'),
        (b"terraform {", b"terraform"),
        (b"}", b""),
        (b"# resource", b""),
        (b"", b""),
    ],
)
def test_what_a_first_line_says(line: bytes, head: bytes) -> None:
    assert head_of(line) == head


def test_where_a_block_ends() -> None:
    lines = [b"  a = 1", b"  b {", b"    c = [", b"    ]", b"  }", b"}"]
    assert [extent(lines, at) for at in range(5)] == [1, 5, 4, 4, 5]
    assert extent([b"a {", b"  b = 1"], 0) == 2


PATCH = b"""%(pair)s
diff --git a b.tf a b.tf
index 1..2 100644
--- a b.tf\t
+++ a b.tf\t
@@ -1,2 +1 @@ resource
-diff --git x x
-@@ -1 +1 @@
\\ No newline at end of file
+%(pair)s
\\ No newline at end of file
@@ -7,0 +7,2 @@
+one
+two
diff --git "q\\"\\303\\251.tf" "q\\"\\303\\251.tf"
deleted file mode 100644
@@ -3 +2,0 @@
-gone
%(pair)s
%(pair)s
diff --git old.tf new.tf
similarity index 100%%
rename from old.tf
rename to new.tf
diff --git e.tf e.tf
new file mode 100644
%(pair)s
""" % {b"pair": b"a" * 40 + b" " + b"b" * 40}


def test_patches_are_read_whatever_their_files_hold() -> None:
    first, nothing, last = read_patches(io.BytesIO(PATCH))
    text = [b"diff --git x x", b"@@ -1 +1 @@"]
    pair = b"a" * 40 + b" " + b"b" * 40
    assert first[0] == FileDiff(
        "a b.tf", "a b.tf", [Hunk(1, 2, 1, 1, text, [pair]), Hunk(8, 0, 7, 2, [], [b"one", b"two"])]
    )
    assert first[1] == FileDiff('q"é.tf', "", [Hunk(3, 1, 3, 0, [b"gone"], [])])
    assert nothing == []
    assert last == [FileDiff("old.tf", "new.tf"), FileDiff("", "e.tf")]


def test_a_very_long_line_is_cut_and_counted_as_one() -> None:
    long = b"+" + b"x" * 300_000 + b"\n"
    text = (
        PATCH.split(b"\n")[0]
        + b"\ndiff --git a a\n@@ -0,0 +1,2 @@\n"
        + long
        + b"+end\n"
        + PATCH.split(b"\n")[0]
        + b"\n"
    )
    [[found]] = read_patches(io.BytesIO(text))
    assert [len(line) for line in found.hunks[0].added] == [9_998, 3]


def test_of_a_commit_that_writes_too_much_no_text_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "_MOST_LINES", 3)
    pair = PATCH.split(b"\n")[0] + b"\n"
    small, large = b"@@ -0,0 +1,2 @@\n+1\n+2\n", b"@@ -1,4 +1 @@\n-1\n-2\n-3\n-4\n\\ No newline\n+5\n"
    text = pair + b"diff --git a a\n" + small + small + large + pair + b"diff --git a a\n" + small + pair
    [first], [second] = read_patches(io.BytesIO(text))
    assert [len(hunk.added) for hunk in first.hunks] == [2, 0, 0] and not first.hunks[2].deleted
    assert [hunk.old_count for hunk in first.hunks] == [0, 0, 4], "what it did is known still"
    assert second.hunks[0].added == [b"1", b"2"]


def test_a_stream_that_breaks_off_gives_whole_patches_alone() -> None:
    whole = list(read_patches(io.BytesIO(PATCH)))
    for cut in range(len(PATCH)):
        found = list(read_patches(io.BytesIO(PATCH[:cut])))
        assert found == whole[: len(found)]


def test_names_of_each_pair() -> None:
    pair = b"a" * 40 + b" " + b"b" * 40 + b"\n"
    pieces = (pair + pair + b"x.tf\0y.tf\0" + pair).split(b"\0")
    assert list(read_names(iter(pieces))) == [set(), {"x.tf", "y.tf"}, set()]
    assert list(read_names(iter([]))) == []
