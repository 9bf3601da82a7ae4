"""One step back in history: where a block's lines were before a commit, and what the commit did to them. Pure.

Old versions are not parsed. A block has its lines in the newest version, and the hunks of each older commit say which of
them it wrote and where the others stood before. Lines count from 1, and a range ends before its `end`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

# `resource "aws_lb" "main"` of a block's first line, the name of an attribute or of a JSON key.
_HEAD = re.compile(rb'\s*("[^"\n]+"|[\w-]+)((?:[ \t]+(?:"[^"\n]*"|[\w-]+))*)')
_OPENS, _CLOSES = (b"{", b"[", b"("), (b"}", b"]", b")")
# A generated file may hold the same first line thousands of times.
_MOST_PLACES = 100


@dataclass(frozen=True)
class BlockSpan:
    """A block's lines in its file, both ends included. `id` is whatever the caller calls it, unique over all files."""

    id: str
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that a commit replaced: `old_count` from line `old` on became `new_count` from line `new` on.

    Where a count is 0, the line is the one that follows the gap. The texts may be missing, all or none.
    """

    old: int
    old_count: int
    new: int
    new_count: int
    deleted: Sequence[bytes] = ()
    added: Sequence[bytes] = ()

    @property
    def end(self) -> int:
        """The line after the last new one."""
        return self.new + self.new_count


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What a commit did to one file. `old` is empty for a file that it made, `new` for one that it removed."""

    old: str
    new: str
    hunks: list[Hunk] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """Lines of a file at some commit."""

    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Step:
    """What a commit did to a block: lines it wrote, lines it took away, and where the block was before (None: nowhere)."""

    added: int
    deleted: int
    before: Place | None

    @property
    def touched(self) -> bool:
        """Whether it did anything to it."""
        return bool(self.added or self.deleted) or self.before is None


class Deleted:
    """The lines that a commit took away, to find there what it put elsewhere."""

    def __init__(self, files: Sequence[FileDiff]) -> None:
        self._files = files
        self._heads: dict[bytes, list[tuple[str, Hunk, int]]] | None = None

    def find(self, head: bytes, lines: Sequence[bytes]) -> Step | None:
        """Where a block with this head and these lines stood: at least half of its lines must have been there."""
        wanted = Counter(_stripped(lines))
        total = sum(wanted.values())
        best: tuple[int, Step] | None = None
        for path, hunk, at in self._places().get(head, ())[:_MOST_PLACES]:
            end = extent(hunk.deleted, at)
            there = Counter(_stripped(hunk.deleted[at:end]))
            common = sum((wanted & there).values())
            if 2 * common >= total and (best is None or common > best[0]):
                place = Place(path, hunk.old + at, hunk.old + end)
                best = common, Step(total - common, sum(there.values()) - common, place)
        return best[1] if best else None

    def _places(self) -> dict[bytes, list[tuple[str, Hunk, int]]]:
        if self._heads is None:
            self._heads = defaultdict(list)
            for file in self._files:
                for hunk in file.hunks:
                    for at, line in enumerate(hunk.deleted):
                        if key := head_of(line):
                            self._heads[key].append((file.old, hunk, at))
        return self._heads


def step_back(place: Place, file: FileDiff, deleted: Deleted) -> Step:
    """Follow a block through a commit that changed its file (`file.new` is `place.path`).

    A block whose first line is new and of which less than half was there before began in this commit, unless the commit
    took nearly the same block away elsewhere. One whose first line only changed goes on under its old one.
    """
    edges = _edges(place, file.hunks)
    before = Place(file.old, edges.start, edges.end)
    lead = edges.lead
    if lead is None:
        return Step(edges.added, edges.deleted, before)
    length = place.end - place.start
    survived = length - edges.added
    head = head_of(lead.added[place.start - lead.new]) if lead.added else b""
    at = next((at for at, line in enumerate(lead.deleted) if head and head_of(line) == head), None)
    if at is not None:
        start = lead.old + at
        end = edges.end if survived else lead.old + extent(lead.deleted, at)
        gone = edges.deleted if survived else end - start
        return Step(edges.added, gone, Place(file.old, start, max(end, start + 1)))
    if survived and 2 * survived >= length:
        return Step(edges.added, edges.deleted, before)
    moved = deleted.find(head, _lines(place, file.hunks)) if head else None
    return moved or Step(edges.added, 0, None)


@dataclass(frozen=True, slots=True)
class _Edges:
    start: int
    end: int
    added: int
    deleted: int
    lead: Hunk | None  # that wrote the block's first line


def _edges(place: Place, hunks: Sequence[Hunk]) -> _Edges:
    """A hunk over an edge of the block is shared with its neighbour: as many of its old lines as of its new ones."""
    added = deleted = shift = 0
    start: int | None = None
    end: int | None = None
    lead = None
    for hunk in hunks:
        if hunk.end <= place.start:
            shift += hunk.old_count - hunk.new_count
            continue
        if hunk.new >= place.end:
            break
        written = min(hunk.end, place.end) - max(hunk.new, place.start)
        whole = place.start <= hunk.new and hunk.end <= place.end
        taken = hunk.old_count if whole else min(hunk.old_count, written)
        added, deleted = added + written, deleted + taken
        if hunk.new <= place.start:
            lead = hunk if hunk.new_count else None
            start = hunk.old if whole else hunk.old + hunk.old_count - taken
        if start is None:
            start = place.start + shift
        if hunk.end >= place.end:
            end = hunk.old + taken
        shift += hunk.old_count - hunk.new_count
    if start is None:
        start = place.start + shift
    return _Edges(start, place.end + shift if end is None else end, added, deleted, lead)


def _lines(place: Place, hunks: Sequence[Hunk]) -> list[bytes]:
    """Those of a block's lines that the commit wrote."""
    return [
        line for hunk in hunks for number, line in enumerate(hunk.added, hunk.new) if place.start <= number < place.end
    ]


def head_of(line: bytes) -> bytes:
    """What a block, an attribute or a JSON member is called on its first line; empty for any other line."""
    match = _HEAD.match(line)
    return b" ".join(match[0].split()) if match else b""


def extent(lines: Sequence[bytes], start: int) -> int:
    """Where the block that begins at `lines[start]` ends: after the line that closes it at its own indentation."""
    first = lines[start]
    if not first.rstrip().endswith(_OPENS):
        return start + 1
    indent = len(first) - len(first.lstrip())
    for at in range(start + 1, len(lines)):
        line = lines[at]
        if line[:indent] == first[:indent] and line[indent : indent + 1] in _CLOSES:
            return at + 1
    return len(lines)


def _stripped(lines: Sequence[bytes]) -> list[bytes]:
    """As formatting leaves them: its spaces say nothing about what a line is."""
    return [stripped for line in lines if (stripped := b" ".join(line.split()))]
