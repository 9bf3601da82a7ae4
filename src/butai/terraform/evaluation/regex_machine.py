"""Runs a regular expression over a text: all ways at once, the preferred one first, so that no pattern takes long."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from butai.terraform.evaluation.limits import BeyondLimits
from butai.terraform.evaluation.regex_tree import (
    Characters,
    Choice,
    Edge,
    Group,
    Pattern,
    Range,
    Repeat,
    Sequence,
    Tree,
)

_LONGEST_PROGRAM = 3000
_MOST_MOVES = 1_500_000
Spans: TypeAlias = tuple[int | None, ...]


@dataclass
class _Step:
    """What to do: `take` a character, `fork` to several places in order, `keep` a place in a slot, `edge` or `match`."""

    kind: str
    targets: list[int] = field(default_factory=list)
    ranges: tuple[Range, ...] = ()
    starts: tuple[int, ...] = ()
    slot: int = 0
    edge: str = ""


@dataclass
class Program:
    """A compiled pattern with so many slots for places."""

    steps: list[_Step]
    start: int
    slots: int

    def run(self, text: str, start: int) -> Spans | None:
        """The places of the leftmost match from there on, whole and by groups. Raises BeyondLimits."""
        found: Spans | None = None
        threads: dict[int, Spans] = {}
        moves = 0
        for place in range(start, len(text) + 1):
            if found is None:
                self._add(threads, self.start, (None,) * self.slots, text, place)
            following: dict[int, Spans] = {}
            for number, spans in threads.items():
                step = self.steps[number]
                if step.kind == "match":
                    # Whatever comes after this one is less wanted.
                    found = spans
                    break
                if place < len(text) and _is_in(step, ord(text[place])):
                    self._add(following, step.targets[0], spans, text, place + 1)
            moves += len(threads) + 1
            if moves > _MOST_MOVES:
                raise BeyondLimits
            threads = {number: spans for number, spans in following.items() if self.steps[number].kind in _RESTS}
            if not threads and found is not None:
                break
        return found

    def _add(self, threads: dict[int, Spans], number: int, spans: Spans, text: str, place: int) -> None:
        """Go on to wherever a character is taken, in the order that is wanted."""
        waiting = [(number, spans)]
        while waiting:
            number, spans = waiting.pop()
            if number in threads:
                continue
            step = self.steps[number]
            threads[number] = spans
            if step.kind == "fork":
                waiting += [(each, spans) for each in reversed(step.targets)]
            elif step.kind == "keep":
                waiting.append((step.targets[0], (*spans[: step.slot], place, *spans[step.slot + 1 :])))
            elif step.kind == "edge" and _EDGES[step.edge](text, place):
                waiting.append((step.targets[0], spans))


_RESTS = frozenset({"take", "match"})


def _is_in(step: _Step, code: int) -> bool:
    if step.kind != "take":
        return False
    at = bisect_right(step.starts, code) - 1
    return at >= 0 and code <= step.ranges[at][1]


def _is_word(text: str, place: int) -> bool:
    character = text[place : place + 1] if place >= 0 else ""
    return character.isascii() and (character.isalnum() or character == "_")


def _is_word_edge(text: str, place: int) -> bool:
    return _is_word(text, place - 1) != _is_word(text, place)


_EDGES: dict[str, Callable[[str, int], bool]] = {
    "text_start": lambda _, place: place == 0,
    "text_end": lambda text, place: place == len(text),
    "line_start": lambda text, place: place == 0 or text[place - 1] == "\n",
    "line_end": lambda text, place: place == len(text) or text[place] == "\n",
    "word": _is_word_edge,
    "no_word": lambda text, place: not _is_word_edge(text, place),
}


@lru_cache(maxsize=256)
def compiled(pattern: Pattern) -> Program:
    """The program of a pattern. Raises BeyondLimits for one that is too large."""
    compiler = _Compiler()
    end = compiler.step(_Step("match"))
    end = compiler.step(_Step("keep", [end], slot=1))
    inner = compiler.tree(pattern.tree, end)
    start = compiler.step(_Step("keep", [inner], slot=0))
    return Program(compiler.steps, start, 2 * len(pattern.names) + 2)


class _Compiler:
    """Compiles from the end: each part is given where to go on, and gives where it begins."""

    def __init__(self) -> None:
        self.steps: list[_Step] = []

    def step(self, step: _Step) -> int:
        if len(self.steps) >= _LONGEST_PROGRAM:
            raise BeyondLimits
        self.steps.append(step)
        return len(self.steps) - 1

    def tree(self, tree: Tree, after: int) -> int:
        match tree:
            case Characters():
                ranges = _merged(tree.ranges)
                return self.step(_Step("take", [after], ranges, tuple(first for first, _ in ranges)))
            case Edge():
                return self.step(_Step("edge", [after], edge=tree.kind))
            case Sequence():
                for part in reversed(tree.parts):
                    after = self.tree(part, after)
                return after
            case Choice():
                return self.step(_Step("fork", [self.tree(each, after) for each in tree.options]))
            case Group():
                end = self.step(_Step("keep", [after], slot=2 * tree.number + 1))
                return self.step(_Step("keep", [self.tree(tree.inner, end)], slot=2 * tree.number))
            case Repeat():
                return self.repeat(tree, after)

    def repeat(self, tree: Repeat, after: int) -> int:
        inner, greedy = tree.inner, tree.greedy
        required = tree.least
        if tree.most is None:
            after = self.loop(inner, after, greedy, is_required=required > 0)
            required = max(required - 1, 0)
        else:
            end = after
            for _ in range(tree.most - tree.least):
                after = self.fork(self.tree(inner, after), end, greedy)
        for _ in range(required):
            after = self.tree(inner, after)
        return after

    def loop(self, inner: Tree, after: int, greedy: bool, is_required: bool) -> int:
        again = self.step(_Step("fork"))
        begin = self.tree(inner, again)
        self.steps[again].targets = _in_order(begin, after, greedy)
        if is_required:
            return begin
        # Where the inner part may be empty, once or not at all is decided before it is entered.
        return self.fork(begin, after, greedy) if _may_be_empty(inner) else again

    def fork(self, first: int, second: int, greedy: bool) -> int:
        return self.step(_Step("fork", _in_order(first, second, greedy)))


def _in_order(first: int, second: int, greedy: bool) -> list[int]:
    return [first, second] if greedy else [second, first]


def _may_be_empty(tree: Tree) -> bool:
    match tree:
        case Characters():
            return False
        case Sequence():
            return all(map(_may_be_empty, tree.parts))
        case Choice():
            return any(map(_may_be_empty, tree.options))
        case Repeat():
            return tree.least == 0 or _may_be_empty(tree.inner)
        case Group():
            return _may_be_empty(tree.inner)
    return True


def _merged(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)
