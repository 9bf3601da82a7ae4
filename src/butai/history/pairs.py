"""Blocks that keep changing together although no reference joins them. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

from butai.history.model import History, Rules, counted
from butai.history.people import People


@dataclass(frozen=True)
class Pair:
    """Two blocks. Of the commits that changed one, so large a share changed the other too, both ways."""

    one: str
    other: str
    commits: int
    if_one: float
    """The share of `one`'s commits that changed `other`."""
    if_other: float


def pairs(history: History, people: People, joined: Callable[[str, str], bool], rules: Rules) -> list[Pair]:
    """Those with the most common commits first; each pair once, `joined` ones left out.

    Commits of bots, ignored ones and those that change many files or blocks say nothing about what belongs together.
    """
    blocks: dict[int, list[str]] = defaultdict(list)
    for name, story in sorted(history.blocks.items()):
        for change in counted(history, story):
            blocks[change.commit].append(name)
    alone: Counter[str] = Counter()
    common: Counter[tuple[str, str]] = Counter()
    for at, names in blocks.items():
        commit = history.commits[at]
        by_bot = people.of[commit.author].bot
        if not by_bot and commit.files <= rules.mass_files and len(names) <= rules.pair_blocks:
            alone.update(names)
            common.update(combinations(names, 2))
    found = (
        Pair(one, other, count, count / alone[one], count / alone[other])
        for (one, other), count in common.items()
        if count >= rules.pair_support
    )
    strong = (each for each in found if max(each.if_one, each.if_other) >= rules.pair_confidence)
    kept = [each for each in strong if not joined(each.one, each.other)]
    return sorted(kept, key=lambda each: (-each.commits, -each.if_one - each.if_other, each.one, each.other))
