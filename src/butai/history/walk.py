"""From the newest commit back to the oldest: which commits changed which block and which file. Pure.

All parents of a merge are followed, since the people who wrote what it brought in are on its other sides. What is equal
in one of its parents came from there, so that such a merge changed nothing; what differs from all of them is followed into
all. (A list of commits without merges would not do: lines of a side branch count in that branch's version of a file.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from butai.history.blocks import BlockSpan, Deleted, FileDiff, Place, step_back


class Touch(NamedTuple):
    """A commit changed something: lines written and taken away, and whether this was its beginning."""

    commit: str
    added: int
    deleted: int
    began: bool


@dataclass
class Tracked:
    """What is followed in one file at one commit: files of today, and blocks of today with their lines there."""

    files: set[str] = field(default_factory=set)
    blocks: list[tuple[str, int, int]] = field(default_factory=list)

    def join(self, other: Tracked) -> None:
        """Both, where two ways meet that a merge brought together."""
        self.files |= other.files
        for block in other.blocks:
            self.put(*block)

    def put(self, name: str, start: int, end: int) -> None:
        """Follow a block here. Where it is followed already, the two ways may know its edges differently."""
        for at, (known, known_start, known_end) in enumerate(self.blocks):
            if known == name and start < known_end and known_start < end:
                self.blocks[at] = name, min(start, known_start), max(end, known_end)
                return
        self.blocks.append((name, start, end))


State = dict[str, Tracked]


class Walk:
    """Commits are given newest first, none before all of its children."""

    def __init__(self, head: str, files: Mapping[str, Sequence[BlockSpan]]) -> None:
        self.touches: dict[str, dict[str, Touch]] = defaultdict(dict)
        """Of each block, by commit, newest first."""
        self.file_touches: dict[str, dict[str, Touch]] = defaultdict(dict)
        """Of each file of today, likewise."""
        self.waiting: dict[str, State] = {
            head: {
                path: Tracked({path}, [(each.id, each.first_line, each.last_line + 1) for each in spans])
                for path, spans in files.items()
            }
        }
        """What is followed, at commits that were not given yet."""

    def step(self, commit: str, parent: str | None, diff: Sequence[FileDiff]) -> None:
        """Go through a commit that is no merge. `parent` is None for a first commit."""
        state = self.waiting.pop(commit, {})
        deleted = Deleted(diff)
        # A commit may give one file another's old name: take all out before anything is put back.
        moved = [(file, state.pop(file.new)) for file in diff if file.new in state]
        for file, tracked in moved:
            self._through(commit, file, tracked, deleted, state)
        if parent is not None:
            self._hand_on(parent, state)

    def merge(
        self, commit: str, parents: Sequence[str], names: Sequence[set[str]], diffs: Sequence[Sequence[FileDiff]]
    ) -> None:
        """Go through a merge.

        `names` are the files that differ from each parent. `diffs`, likewise, may be empty where no file differs from all.
        """
        state = self.waiting.pop(commit, {})
        onward: list[State] = [{} for _ in parents]
        both = set.intersection(*names)
        for path in set().union(*names) & state.keys():
            if path not in both:
                same = next(at for at, changed in enumerate(names) if path not in changed)
                onward[same][path] = state.pop(path)
        sides = [({file.new: file for file in diff}, Deleted(diff)) for diff in diffs]
        for path in both & state.keys():
            self._part(commit, path, state.pop(path), sides, onward)
        self._hand_on(parents[0], state)
        for parent, each in zip(parents, onward, strict=True):
            self._hand_on(parent, each)

    def _part(
        self,
        commit: str,
        path: str,
        tracked: Tracked,
        sides: Sequence[tuple[Mapping[str, FileDiff], Deleted]],
        onward: Sequence[State],
    ) -> None:
        """A file that differs from every parent: each block goes to the parent that has it as it is, else to all."""
        # Git gives no patch for a file of which only the mode differs.
        files = [(by_name.get(path) or FileDiff(path, path), deleted) for by_name, deleted in sides]
        for side, (file, _) in enumerate(files):
            if file.old:
                onward[side].setdefault(file.old, Tracked()).files |= tracked.files
        for name, start, end in tracked.blocks:
            steps = [step_back(Place(path, start, end), file, deleted) for file, deleted in files]
            same = next((side for side, step in enumerate(steps) if not step.touched), None)
            befores = [(side, step.before) for side, step in enumerate(steps) if same in (None, side) and step.before]
            for side, before in befores:
                _put(onward[side], name, before)
            if not befores:
                self._note(self.touches[name], Touch(commit, end - start, 0, True))

    def _through(self, commit: str, file: FileDiff, tracked: Tracked, deleted: Deleted, state: State) -> None:
        added, taken = sum(each.new_count for each in file.hunks), sum(each.old_count for each in file.hunks)
        for name in tracked.files:
            # A new name alone is no change of what is in a file.
            if file.hunks or not file.old:
                self._note(self.file_touches[name], Touch(commit, added, taken, not file.old))
        if file.old:
            state.setdefault(file.old, Tracked()).files |= tracked.files
        for name, start, end in tracked.blocks:
            step = step_back(Place(file.new, start, end), file, deleted)
            if step.touched:
                self._note(self.touches[name], Touch(commit, step.added, step.deleted, step.before is None))
            if step.before:
                _put(state, name, step.before)

    def _note(self, touches: dict[str, Touch], touch: Touch) -> None:
        known = touches.get(touch.commit)
        if known is None or known.began < touch.began:
            touches[touch.commit] = touch

    def _hand_on(self, parent: str, state: State) -> None:
        known = self.waiting.get(parent)
        if known is None:
            self.waiting[parent] = state
            return
        for path, tracked in state.items():
            if path in known:
                known[path].join(tracked)
            else:
                known[path] = tracked

    def left(self) -> Iterator[tuple[str, State]]:
        """What is still followed, by the commit that was not given: history older than what was read."""
        return ((commit, state) for commit, state in self.waiting.items() if state)


def _put(state: State, name: str, place: Place) -> None:
    state.setdefault(place.path, Tracked()).put(name, place.start, place.end)
