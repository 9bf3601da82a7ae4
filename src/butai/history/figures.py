"""The figures of blocks, files, folders and of the whole repository, at a moment. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from butai.history.knowledge import BusFactor, Knower, bus_factor, changes_by, knowers, who_knows
from butai.history.model import Age, Churn, History, Rules, Story, Week, activity, age, churn, folder_of, together
from butai.history.pairs import Pair, pairs
from butai.history.people import People, people


@dataclass(frozen=True)
class Figure:
    """What history says about one thing."""

    churn: Churn
    age: Age | None
    knowers: Sequence[Knower]
    bus: BusFactor
    """Over the thing's blocks; over itself where it has none."""


class Figures:
    """All figures of a history at the time `now` (seconds since 1970). They are counted when they are asked for.

    `joins` has names or mails of one person each, on top of what git and equality say.
    """

    def __init__(
        self, history: History, now: int, rules: Rules | None = None, joins: Iterable[Sequence[str]] = ()
    ) -> None:
        self.history = history
        self.now = now
        self.rules = rules or Rules()
        self.people: People = people(history.signatures, joins)
        self._known: dict[str, list[Knower]] = {}

    def block(self, name: str) -> Figure:
        """Of a block, by the id that it was read with."""
        return self._figure(self.history.blocks[name], [self._of_block(name)])

    def file(self, path: str) -> Figure:
        """Of a file of today."""
        story = self.history.files[path]
        return self._figure(story, self._of_blocks(self._blocks_by_file.get(path, ()), story))

    def folder(self, path: str) -> Figure:
        """Of the files in a folder, those in folders below it left out."""
        story = together(each for name, each in self.history.files.items() if folder_of(name) == path)
        names = [name for file, names in self._blocks_by_file.items() if folder_of(file) == path for name in names]
        return self._figure(story, self._of_blocks(names, story))

    def repository(self) -> Figure:
        """Of all Terraform files."""
        story = together(self.history.files.values())
        return self._figure(story, self._of_blocks(self.history.blocks, story))

    def activity(self) -> list[Week]:
        """Commits by week, from the first one to now."""
        return activity(self.history, self.now)

    def pairs(self, joined: Callable[[str, str], bool]) -> list[Pair]:
        """Blocks that keep changing together; `joined` says whether a reference explains it."""
        return pairs(self.history, self.people, joined, self.rules)

    @cached_property
    def _blocks_by_file(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name, story in self.history.blocks.items():
            found[story.path].append(name)
        return found

    @cached_property
    def _changes_by(self) -> dict[str, int]:
        return dict(changes_by(self.history, self.people))

    def _figure(self, story: Story, things: Sequence[Sequence[Knower]]) -> Figure:
        bus = bus_factor([who_knows(each) for each in things], self._changes_by)
        return Figure(churn(self.history, story, self.now), age(self.history, story), self._of_story(story), bus)

    def _of_blocks(self, names: Iterable[str], story: Story) -> list[list[Knower]]:
        return [self._of_block(name) for name in names] or [self._of_story(story)]

    def _of_block(self, name: str) -> list[Knower]:
        if name not in self._known:
            self._known[name] = self._of_story(self.history.blocks[name])
        return self._known[name]

    def _of_story(self, story: Story) -> list[Knower]:
        return knowers(self.history, self.people, story, self.now, self.rules)
