"""What a regular expression is made of, once it is parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

# First and last code point.
Range: TypeAlias = tuple[int, int]
LAST = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of ranges."""

    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """A place between characters: `text_start`, `text_end`, `line_start`, `line_end`, `word` or `no_word`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The first that leads to a match."""

    options: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A group whose text is kept, by its number from 1."""

    number: int
    inner: Tree


@dataclass(frozen=True, slots=True)
class Repeat:
    """`inner` at least and at most so many times (none: any number), as often as possible if `greedy`."""

    inner: Tree
    least: int
    most: int | None
    greedy: bool


Tree: TypeAlias = Characters | Edge | Sequence | Choice | Group | Repeat


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern; `names` of its groups in order, empty for those without. `folds`: letters' case counts not."""

    tree: Tree
    names: tuple[str, ...]
    folds: bool


def negated(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """All characters but those."""
    found: list[Range] = []
    following = 0
    for first, last in sorted(ranges):
        if first > following:
            found.append((following, first - 1))
        following = max(following, last + 1)
    return (*found, (following, LAST)) if following <= LAST else tuple(found)
