"""What needs what, directly or not, where folders are called from several places. Pure.

A module's folder is in the graph once, and a way that goes into it through one call and leaves it through another is no
way. So one is looked for in two halves, as in slicing of programs with procedures (Horwitz, Reps and Binkley 1990): first
out to the callers, then in to what they call; and what goes in and comes out again by the same call is found beforehand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final, NamedTuple

# Between a call and what is entered by it, in the name of the place where one comes out again.
_GATE: Final = "\0\0"
Ways = Mapping[str, Iterable[str]]
"""Where one comes from each node in one step."""


class Step(NamedTuple):
    """One step over a module's border, through `call`."""

    call: str
    to: str


class Backwards(NamedTuple):
    """From what is needed to what needs it: within a module and through it, into callers, and into what is called."""

    level: Ways
    into: Ways
    out: Ways


class Reach:
    """Made of the steps between nodes, then asked."""

    def __init__(self) -> None:
        self.level: defaultdict[str, set[str]] = defaultdict(set)
        self.out: defaultdict[str, set[Step]] = defaultdict(set)
        self.into: defaultdict[str, set[Step]] = defaultdict(set)
        self.ends: set[str] = set()
        """What is gone on from only where it is the start."""

    def needs(self, starts: Iterable[str], inside: Iterable[str] = ()) -> set[str]:
        """Everything reached from `starts`; of `inside` nothing that only a caller gives."""
        level, out, into = self._forwards
        return self._in_two_halves(set(starts), set(inside), (level, out), (level, into))

    def impact(self, starts: Iterable[str], inside: Iterable[str] = ()) -> set[str]:
        """Everything that reaches one of `starts`; for `inside` nothing that only calls it."""
        level, into, out = self.backwards
        return self._in_two_halves(set(starts), set(inside), (level, into), (level, out))

    def _in_two_halves(
        self, starts: set[str], inside: set[str], first: tuple[Ways, ...], second: tuple[Ways, ...]
    ) -> set[str]:
        ends = self.ends - starts
        found = _spread(_spread(starts, first, ends) | inside, second, ends)
        return {each for each in found if _GATE not in each}

    @cached_property
    def _forwards(self) -> tuple[Ways, Ways, Ways]:
        level: dict[str, Iterable[str]] = dict(self.level)
        through = _Through(self)
        for node, steps in self.into.items():
            level[node] = {*level.get(node, ()), *(_gate(step) for step in steps)}
        for step, found in through.found.items():
            level[_gate(step)] = found
        return level, _targets(self.out), _targets(self.into)

    @cached_property
    def backwards(self) -> Backwards:
        """The steps of `impact`: first `level` and `into`, then `level` and `out`."""
        level, out, into = self._forwards
        return Backwards(_turned(level), _turned(into), _turned(out))


class _Through:
    """For each step into a module: what is reached in the caller again by leaving the module through the same call.

    Every pair of an entry and a node that it reaches in its module is looked at once.
    """

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.found: defaultdict[Step, set[str]] = defaultdict(set)
        self._asking: defaultdict[Step, set[str]] = defaultdict(set)
        entries = {step.to for steps in reach.into.values() for step in steps}
        self._seen = {(each, each) for each in entries}
        self._waiting = list(self._seen)
        while self._waiting:
            self._look(*self._waiting.pop())

    def _look(self, entry: str, at: str) -> None:
        if at in self.reach.ends:
            return
        for each in self.reach.level.get(at, ()):
            self._reached(entry, each)
        for step in self.reach.into.get(at, ()):
            self._asking[step].add(entry)
            for each in self.found[step]:
                self._reached(entry, each)
        for call, target in self.reach.out.get(at, ()):
            step = Step(call, entry)
            if target not in self.found[step]:
                self.found[step].add(target)
                for asking in self._asking[step]:
                    self._reached(asking, target)

    def _reached(self, entry: str, at: str) -> None:
        if (entry, at) not in self._seen:
            self._seen.add((entry, at))
            self._waiting.append((entry, at))


def _gate(step: Step) -> str:
    return f"{step.call}{_GATE}{step.to}"


def _targets(ways: Mapping[str, Iterable[Step]]) -> Ways:
    return {node: {step.to for step in steps} for node, steps in ways.items()}


def _turned(ways: Ways) -> Ways:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for node, targets in ways.items():
        for each in targets:
            found[each].add(node)
    return found


def _spread(starts: set[str], ways: Iterable[Ways], ends: set[str]) -> set[str]:
    seen, waiting = set(starts), list(starts)
    while waiting:
        at = waiting.pop()
        if at in ends:
            continue
        for way in ways:
            for each in way.get(at, ()):
                if each not in seen:
                    seen.add(each)
                    waiting.append(each)
    return seen
