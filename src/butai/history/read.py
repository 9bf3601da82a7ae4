"""Reading the history of a repository's Terraform files, all of it or what came since it was read last."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from butai.history.blocks import BlockSpan, FileDiff
from butai.history.everyone import Everyone, ignored_commits
from butai.history.git_log import ENDINGS, Found, HistoryTimeoutError, Objects, Row, find, resolve
from butai.history.model import Change, History, Story
from butai.history.walk import State, Touch, Tracked, Walk

LIMIT_S = 60.0
MAILMAP, IGNORED = ".mailmap", ".git-blame-ignore-revs"

Blocks = Mapping[str, Sequence[BlockSpan]]


def read_history(
    repository: Path, commit: str, blocks: Blocks, *, before: History | None = None, limit_s: float = LIMIT_S
) -> History | None:
    """The history of a commit's Terraform files and of the blocks in them; None where there is no git repository.

    `repository` is a working folder or a bare one, `commit` a hash or a name such as `HEAD`; `blocks` has, by path from
    the repository's top, the blocks of that commit. With `before`, an earlier history of the same repository, only what
    came since is read. After `limit_s` seconds the oldest commits are left out, and the history says so.

    Raises NoSuchCommitError, HistoryTimeoutError (not even the list of commits was there in time) and HistoryError.
    """
    found = find(repository)
    if found is None:
        return None
    with Objects(repository, found, resolve(found, commit), limit_s) as git:
        reading = _Reading(git, found, blocks, git.contents())
        if before and reading.follows(before):
            history = reading.since(before)
            if history:
                return history
        return reading.all()


@dataclass
class _Reading:
    git: Objects
    found: Found
    blocks: Blocks
    contents: Mapping[str, str]
    """The files of the commit, and what git calls their contents."""
    files: dict[str, int] = field(default_factory=dict)
    """By commit, how many Terraform files it changed."""

    @cached_property
    def paths(self) -> list[str]:
        """The Terraform files of the commit."""
        return sorted({*self.blocks, *(path for path in self.contents if path.endswith(ENDINGS))})

    @cached_property
    def read_with(self) -> tuple[str, ...]:
        """What changes the meaning of earlier commits."""
        return self.contents.get(MAILMAP, ""), self.contents.get(IGNORED, "")

    def follows(self, before: History) -> bool:
        """Whether what was read before still holds for the commits up to there."""
        partial = before.shallow or before.cut_short or self.found.ends
        known = bool(re.fullmatch(r"[0-9a-f]{40,64}", before.commit)) and not partial
        return known and before.read_with == self.read_with and self.git.has_before(before.commit)

    def all(self) -> History:
        rows = self.git.graph()
        walk = self._start(rows)
        cut_short = self._go_back(rows, walk)
        return self._history(rows, walk, cut_short, _Older(None))

    def since(self, before: History) -> History | None:
        """None where the new commits do not lead back to things that are known."""
        rows = self.git.graph(before.commit)
        walk = self._start(rows)
        if self._go_back(rows, walk):
            return None
        older = _Older(before)
        for state, there in self._as_of(before.commit, rows, dict(walk.left())):
            if not older.take(state, there):
                return None
        return self._history(rows, walk, False, older)

    def _start(self, rows: Sequence[Row]) -> Walk:
        # The newest commit may have changed other files alone: those of the first one listed are the same.
        first = rows[0].sha if rows and not rows[0].edge else self.git.head
        return Walk(first, {path: self.blocks.get(path, ()) for path in self.paths})

    def _go_back(self, rows: Sequence[Row], walk: Walk) -> bool:
        """Whether time was over before the end."""
        trees = {row.sha: row.tree for row in rows}
        # A shallow clone's last commits look as if they had made everything.
        whole = [row for row in rows if not row.edge and row.sha not in self.found.ends]
        sides = {row.sha: [(trees[each], row.tree) for each in row.parents] for row in whole}
        merges = [row for row in whole if len(row.parents) > 1]
        differing = self.git.names([pair for row in merges for pair in sides[row.sha]])
        names = {row.sha: [next(differing) for _ in row.parents] for row in merges}
        wanted = {row.sha: _wanted(row, sides[row.sha], names.get(row.sha, []), self.git.empty_tree) for row in whole}
        diffs = self.git.patches([pair for row in whole for pair in wanted[row.sha]])
        try:
            for row in whole:
                found = [next(diffs) for _ in wanted[row.sha]]
                self._step(walk, row, found, names.get(row.sha, []))
        except HistoryTimeoutError:
            return True
        return False

    def _step(self, walk: Walk, row: Row, diffs: list[list[FileDiff]], names: list[set[str]]) -> None:
        if len(row.parents) > 1:
            walk.merge(row.sha, row.parents, names, diffs)
        else:
            self.files[row.sha] = len(diffs[0])
            walk.step(row.sha, row.parents[0] if row.parents else None, diffs[0])

    def _as_of(self, since: str, rows: Sequence[Row], left: Mapping[str, State]) -> Iterator[tuple[State, State]]:
        """What is followed at other commits, and the same with its places in one of them."""
        trees = {row.sha: row.tree for row in rows}
        tree = trees.get(since) or self.git.tree(since)
        pairs = [(tree, trees.get(commit) or self.git.tree(commit)) for commit in left]
        diffs = self.git.patches([pair for pair in pairs if pair[0] != pair[1]])
        for state, (here, there) in zip(left.values(), pairs, strict=True):
            walk = Walk("there", {})
            walk.waiting["there"] = {path: Tracked(set(each.files), list(each.blocks)) for path, each in state.items()}
            walk.step("there", "here", next(diffs) if here != there else [])
            yield state, walk.waiting["here"]

    def _history(self, rows: Sequence[Row], walk: Walk, cut_short: bool, older: _Older) -> History:
        before = older.history
        everyone = Everyone.after(before)
        shas = [row.sha for row in reversed(rows) if not row.edge]
        everyone.count(self.git.told(before.commit if before else None), set(shas))
        ignored = ignored_commits(self.git.blob(self.read_with[1])) if self.read_with[1] else set()
        commits = list(before.commits) if before else []
        numbers = {sha: number for number, sha in enumerate(shas, len(commits))}
        commits += [everyone.commit(sha, self.files.get(sha, 0), sha in ignored) for sha in shas]
        spans = {each.id: (path, each) for path, found in self.blocks.items() for each in found}
        return History(
            commit=self.git.head,
            shallow=bool(self.found.ends),
            cut_short=cut_short,
            read_with=self.read_with,
            signatures=tuple(everyone.signatures),
            commits=tuple(commits),
            blocks={
                name: _story(path, span, walk.touches.get(name, {}), numbers, older.blocks.get(name, ()))
                for name, (path, span) in spans.items()
            },
            files={
                path: _story(path, _WHOLE, walk.file_touches.get(path, {}), numbers, older.files.get(path, ()))
                for path in self.paths
            },
            weeks=tuple(week for _, week in sorted(everyone.weeks.items())),
        )


_WHOLE = BlockSpan("", 0, 0)


def _story(
    path: str, span: BlockSpan, touches: Mapping[str, Touch], numbers: Mapping[str, int], older: Iterable[Change]
) -> Story:
    found = [Change(numbers[each.commit], each.added, each.deleted, each.began) for each in touches.values()]
    changes = sorted({*found, *older}, reverse=True)
    return Story(path, span.first_line, span.last_line, tuple(changes))


def _wanted(row: Row, sides: list[tuple[str, str]], names: list[set[str]], empty_tree: str) -> list[tuple[str, str]]:
    """The patches that are needed of a commit: of a merge, those of a file that no parent has as it is."""
    if len(sides) > 1:
        return sides if set.intersection(*names) else []
    return sides or [(empty_tree, row.tree)]


class _Older:
    """What an earlier history knows of the things that are followed to its commit."""

    def __init__(self, history: History | None) -> None:
        self.history = history
        self.files: dict[str, set[Change]] = defaultdict(set)
        self.blocks: dict[str, set[Change]] = defaultdict(set)
        stories = history.blocks.values() if history else ()
        self._by_lines = {(each.path, each.first_line, each.last_line + 1): each for each in stories}
        self._by_path: dict[str, list[Story]] = defaultdict(list)
        for story in stories:
            self._by_path[story.path].append(story)

    def take(self, state: State, there: State) -> bool:
        """Take over the changes of everything followed; False when something was not known or has no place there."""
        assert self.history
        for path, tracked in there.items():
            for name in tracked.files:
                if path not in self.history.files:
                    return False
                self.files[name].update(self.history.files[path].changes)
            for name, start, end in tracked.blocks:
                known = self._at(path, start, end)
                if known is None:
                    return False
                self.blocks[name].update(known.changes)
        return _followed(state) == _followed(there)

    def _at(self, path: str, start: int, end: int) -> Story | None:
        """The block at these lines; one that shares half of its lines at least is the same."""
        if found := self._by_lines.get((path, start, end)):
            return found
        shares = (
            (min(end, each.last_line + 1) - max(start, each.first_line), -each.last_line, each)
            for each in self._by_path.get(path, ())
        )
        common, _, story = max(shares, default=(0, 0, None), key=lambda each: each[:2])
        length = max(end - start, story.last_line + 1 - story.first_line) if story else 0
        return story if story and 2 * common >= length else None


def _followed(state: State) -> tuple[set[str], set[str]]:
    names = {name for tracked in state.values() for name, _, _ in tracked.blocks}
    return {name for tracked in state.values() for name in tracked.files}, names
