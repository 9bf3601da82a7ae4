"""Who knows a thing today, and how many people may leave before nobody does. Pure.

The degree of authorship is that of Avelino, Passos, Hora and Valente (A Novel Approach for Estimating Truck Factors, ICPC
2016), with each change weighed by its age and by how much its commit changed at once.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from butai.history.model import DAY_S, History, Rules, Story, counted, decay, weight
from butai.history.people import People, Person

_BASE, _FIRST, _OWN, _OTHERS = 3.293, 1.098, 0.164, 0.321
# A share of the highest degree, and an absolute one, from which on somebody is an author.
_SHARE, _LEAST = 0.75, 3.293
_COVERED, _LEAST_OF_TOP = 0.5, 0.1


@dataclass(frozen=True)
class Knower:
    """What one person has to do with a thing."""

    person: Person
    doa: float
    """Degree of authorship today: changes fade with their age."""
    doa_ever: float
    """The same without fading, as published."""
    changes: int
    weight: float
    """What is left of their changes today."""
    first_author: bool
    last: int
    gone: bool
    knows: bool
    """Whether they are one to ask today."""


@dataclass
class _Tally:
    own: float = 0.0
    own_ever: float = 0.0
    first: float = 0.0
    first_ever: float = 0.0
    changes: int = 0
    last: int = 0


def knowers(history: History, people: People, story: Story, now: int, rules: Rules) -> list[Knower]:
    """Everybody who changed a thing, who knows most first; bots left out.

    Who left has a degree and does not know it: they cannot be asked. Nobody may be left.
    """
    tallies, total = _tally(history, people, story, now, rules)
    found = []
    for key, tally in tallies.items():
        person = people.by_key[key]
        degree = _degree(tally.first, tally.own, total.own - tally.own)
        ever = _degree(tally.first_ever, tally.own_ever, total.own_ever - tally.own_ever)
        gone = person.last < now - rules.gone_days * DAY_S
        left = tally.first + tally.own
        is_first = tally.first_ever > 0
        found.append(Knower(person, degree, ever, tally.changes, left, is_first, tally.last, gone, False))
    top = max((each.doa for each in found if not each.gone), default=0.0)
    return sorted((_judged(each, top, rules) for each in found), key=_order)


def _tally(
    history: History, people: People, story: Story, now: int, rules: Rules
) -> tuple[Mapping[str, _Tally], _Tally]:
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    total = _Tally()
    for change in counted(history, story):
        commit = history.commits[change.commit]
        full = weight(commit, rules)
        faded = full * decay(commit.at, now, rules)
        keys = {people.of[each].key for each in commit.people if not people.of[each].bot}
        for tally in (*(tallies[key] for key in keys), *([total] if keys else [])):
            tally.changes += 1
            tally.last = max(tally.last, commit.at)
            if change.began:
                tally.first, tally.first_ever = max(tally.first, faded), max(tally.first_ever, full)
            else:
                tally.own, tally.own_ever = tally.own + faded, tally.own_ever + full
    return tallies, total


def _degree(first: float, own: float, others: float) -> float:
    return _BASE + _FIRST * first + _OWN * own - _OTHERS * math.log1p(max(others, 0.0))


def _judged(knower: Knower, top: float, rules: Rules) -> Knower:
    # Without a limit on what is left, everybody would come to know an old thing equally well: as good as not.
    enough = knower.weight >= rules.least_weight
    author = knower.doa > _SHARE * top and (knower.doa >= _LEAST or knower.first_author)
    return replace(knower, knows=enough and author and not knower.gone)


def _order(knower: Knower) -> tuple[bool, bool, float, str]:
    return not knower.knows, knower.gone, -knower.doa, knower.person.key


@dataclass(frozen=True)
class BusFactor:
    """How many people must leave until fewer than half of the things have somebody who knows them, and who they are.

    0 where that is so already. `known` is the share of things that somebody knows.
    """

    factor: int
    people: tuple[str, ...]
    known: float


def bus_factor(knows: Sequence[Set[str]], changes: Mapping[str, int]) -> BusFactor:
    """`knows` has for each thing the keys of who knows it. Of two who know as many, who changed more leaves first."""
    total = len(knows)
    left = Counter(key for each in knows for key in each)
    things = [set(each) for each in knows]
    known = sum(map(bool, things)) / total if total else 0.0
    leaving: list[tuple[str, int]] = []
    while left and sum(map(bool, things)) >= _COVERED * total:
        key = max(left, key=lambda each: (left[each], changes.get(each, 0), each))
        leaving.append((key, left.pop(key)))
        for thing in things:
            thing.discard(key)
    # As the published tool does: who knows next to nothing beside the first does not count.
    most = max((count for _, count in leaving), default=0)
    keys = tuple(key for key, count in leaving if count >= _LEAST_OF_TOP * most)
    return BusFactor(len(keys), keys, known)


def changes_by(history: History, people: People) -> Counter[str]:
    """How many commits each person made to Terraform files."""
    return Counter(key for commit in history.commits for key in {people.of[each].key for each in commit.people})


def who_knows(found: Iterable[Knower]) -> set[str]:
    """The keys of those who can be asked today."""
    return {each.person.key for each in found if each.knows}
