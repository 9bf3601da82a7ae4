"""Where everything on a map stands: in layers, from what needs to what is needed, with boxes around what is open. Pure.

The way of Sugiyama, Tagawa and Toda (1981): circles are broken, everything gets the layer that its longest way leads to,
and in a layer things stand near what they are joined to. The same input gives the same picture.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

WIDTH: Final = 176.0
HEIGHT: Final = 40.0
BETWEEN_LAYERS: Final = 52.0
BETWEEN: Final = 14.0
MARGIN: Final = 16.0
TITLE: Final = 30.0
# As wide as a screen beside a list.
ASPECT: Final = 1.3
_SWEEPS: Final = 4


@dataclass(frozen=True)
class Item:
    """Something to be placed; with something inside it is a box, whose size follows from that."""

    id: str
    inside: tuple[Item, ...] = ()


class Place(NamedTuple):
    """A rectangle; x and y are its upper left corner, y grows downwards."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """Every item's place. `turned`: the edges, between items of one box, that go against the layers: one in each circle."""

    places: Mapping[str, Place]
    turned: frozenset[tuple[str, str]]


@dataclass
class _Level:
    """What stands beside each other in one box, in order, and the edges between those."""

    ids: list[str]
    edges: set[tuple[str, str]] = field(default_factory=set)


def arrange(items: Sequence[Item], edges: Iterable[tuple[str, str]]) -> Layout:
    """Place items so that edges, from what needs to what is needed, lead to the right.

    An edge between items of different boxes counts for the boxes, or for what is beside them.
    """
    above: dict[str, str] = {}
    levels: dict[str, _Level] = {}
    waiting: list[tuple[str, Sequence[Item]]] = [("", items)]
    while waiting:
        box, inside = waiting.pop()
        levels[box] = _Level([each.id for each in inside])
        above.update((each.id, box) for each in inside)
        waiting += [(each.id, each.inside) for each in inside if each.inside]
    for source, target in edges:
        _lift(levels, above, source, target)
    # Boxes in boxes last: the size of what is inside is known before that of what is around it.
    sizes: dict[str, tuple[float, float]] = {}
    inside_of: dict[str, dict[str, Place]] = {}
    turned: set[tuple[str, str]] = set()
    for box in reversed(levels):
        inside_of[box] = _place(levels[box], sizes, turned)
        sizes[box] = _around(inside_of[box].values())
    return Layout(dict(_moved(inside_of)), frozenset(turned))


def _lift(levels: Mapping[str, _Level], above: Mapping[str, str], source: str, target: str) -> None:
    """Count an edge where the ways out of both its ends meet. One into its own box joins nothing that stands beside it."""
    way: dict[str, str] = {}
    at = source
    while at:
        way[above[at]] = at
        at = above[at]
    at = target
    while at:
        if above[at] in way:
            beside = way[above[at]]
            if beside != at:
                levels[above[at]].edges.add((beside, at))
            return
        at = above[at]


def _place(level: _Level, sizes: Mapping[str, tuple[float, float]], turned: set[tuple[str, str]]) -> dict[str, Place]:
    size = {each: sizes.get(each, (WIDTH, HEIGHT)) for each in level.ids}
    joined = {end for edge in level.edges for end in edge}
    kept = _without_circles([each for each in level.ids if each in joined], level.edges)
    turned |= level.edges - kept
    # In one order: a sum depends on it, in its last digit.
    forward = sorted(kept)
    columns = _columns(_ordered(_layers([each for each in level.ids if each in joined], forward), forward), size)
    places = _in_columns(columns, forward, size)
    width, height = _extent(places.values())
    alone = [each for each in level.ids if each not in joined]
    places.update(_in_rows(alone, size, width, height + BETWEEN * 2 if places else 0.0))
    return places


def _without_circles(ids: Sequence[str], edges: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The edges but those that lead back to where a walk along them came from."""
    after = _grouped(edges)
    kept: set[tuple[str, str]] = set()
    done: set[str] = set()
    for start in ids:
        if start in done:
            continue
        way, walked = [(start, iter(sorted(after[start])))], {start}
        while way:
            at, following = way[-1]
            each = next(following, None)
            if each is None:
                way.pop()
                walked.discard(at)
                done.add(at)
            elif each not in walked:
                kept.add((at, each))
                if each not in done:
                    way.append((each, iter(sorted(after[each]))))
                    walked.add(each)
    return kept


def _layers(ids: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """By the longest way that leads to each; what nothing leads to stands right before what it leads to."""
    after, before = _grouped(edges), _grouped((target, source) for source, target in edges)
    open_ = {each: len(before[each]) for each in ids}
    layer = dict.fromkeys(ids, 0)
    ready = [each for each in ids if not open_[each]]
    for at in ready:
        for each in sorted(after[at]):
            layer[each] = max(layer[each], layer[at] + 1)
            open_[each] -= 1
            if not open_[each]:
                ready.append(each)
    for each in ids:
        if not before[each] and after[each]:
            layer[each] = min(layer[other] for other in after[each]) - 1
    found: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for each in ids:
        found[layer[each]].append(each)
    return [each for each in found if each]


def _ordered(layers: list[list[str]], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Each layer in the order of the middle of what its items are joined to, looked at from both sides in turn."""
    before, after = _grouped((target, source) for source, target in edges), _grouped(edges)
    rank = {each: (index + 0.5) / len(layer) for layer in layers for index, each in enumerate(layer)}
    for sweep in range(_SWEEPS):
        beside = after if sweep % 2 else before
        for layer in reversed(layers) if sweep % 2 else layers:
            middle = {
                each: sum(rank[other] for other in beside[each]) / len(beside[each]) if beside[each] else rank[each]
                for each in layer
            }
            layer.sort(key=lambda each, middle=middle: (middle[each], rank[each]))  # type: ignore[misc]
            rank.update({each: (index + 0.5) / len(layer) for index, each in enumerate(layer)})
    return layers


def _columns(layers: list[list[str]], size: Mapping[str, tuple[float, float]]) -> list[list[str]]:
    """A layer that is much higher than the picture shall be stands in several columns: nothing in it is joined."""
    area = sum((size[each][0] + BETWEEN_LAYERS) * (size[each][1] + BETWEEN) for layer in layers for each in layer)
    highest = max([math.sqrt(area / ASPECT), *(size[each][1] for layer in layers for each in layer)], default=0.0)
    found: list[list[str]] = []
    for layer in layers:
        whole = sum(size[each][1] + BETWEEN for each in layer)
        count = max(1, math.ceil(whole / (highest * 1.25)))
        most = math.ceil(len(layer) / count)
        found += [layer[start : start + most] for start in range(0, len(layer), most)]
    return found


def _in_columns(
    columns: list[list[str]], edges: Sequence[tuple[str, str]], size: Mapping[str, tuple[float, float]]
) -> dict[str, Place]:
    """From left to right; up and down as near to the middle of what they are joined to as there is room."""
    beside = _grouped([*edges, *((target, source) for source, target in edges)])
    top: dict[str, float] = {}
    for column in columns:
        whole = sum(size[each][1] + BETWEEN for each in column) - BETWEEN
        _stack(column, dict.fromkeys(column, -whole / 2), size, top)
    for sweep in range(_SWEEPS):
        for column in reversed(columns) if sweep % 2 else columns:
            wished = {each: _wished(each, beside[each], size, top) for each in column}
            _stack(column, wished, size, top)
    highest = min(top.values(), default=0.0)
    places: dict[str, Place] = {}
    x = 0.0
    for column in columns:
        widest = max(size[each][0] for each in column)
        for each in column:
            width, height = size[each]
            places[each] = Place(x + (widest - width) / 2, top[each] - highest, width, height)
        x += widest + BETWEEN_LAYERS
    return places


def _wished(
    item: str, beside: Iterable[str], size: Mapping[str, tuple[float, float]], top: Mapping[str, float]
) -> float:
    middles = sorted(top[each] + size[each][1] / 2 for each in beside)
    if not middles:
        return top[item]
    half = len(middles) // 2
    median = middles[half] if len(middles) % 2 else (middles[half - 1] + middles[half]) / 2
    return median - size[item][1] / 2


def _stack(
    column: Sequence[str],
    wished: Mapping[str, float],
    size: Mapping[str, tuple[float, float]],
    top: dict[str, float],
) -> None:
    """One below the other, none over another, as near to where they wish to be as can be: by least squares.

    Without their own heights it is a regression with rising values: neighbours that push each other stand together, in
    the middle of their wishes.
    """
    heights = {each: size[each][1] + BETWEEN for each in column}
    below = dict(zip(column, itertools.accumulate((heights[each] for each in column), initial=0.0), strict=False))
    together: list[tuple[float, list[str]]] = []
    for each in column:
        total, pushed = wished[each] - below[each], [each]
        while together and together[-1][0] / len(together[-1][1]) > total / len(pushed):
            before = together.pop()
            total, pushed = before[0] + total, before[1] + pushed
        together.append((total, pushed))
    top.update({each: total / len(pushed) + below[each] for total, pushed in together for each in pushed})


def _in_rows(
    ids: Sequence[str], size: Mapping[str, tuple[float, float]], width: float, y: float
) -> Iterator[tuple[str, Place]]:
    """What is joined to nothing: in rows, the highest first."""
    area = sum((size[each][0] + BETWEEN) * (size[each][1] + BETWEEN) for each in ids)
    width = max([width, math.sqrt(area * ASPECT), *(size[each][0] for each in ids)])
    x = row = 0.0
    for each in sorted(ids, key=lambda each: -size[each][1]):
        if x and x + size[each][0] > width:
            x, y, row = 0.0, y + row + BETWEEN, 0.0
        yield each, Place(x, y, *size[each])
        x, row = x + size[each][0] + BETWEEN, max(row, size[each][1])


def _extent(places: Iterable[Place]) -> tuple[float, float]:
    places = list(places)
    right = max((each.x + each.width for each in places), default=0.0)
    return right, max((each.y + each.height for each in places), default=0.0)


def _around(places: Iterable[Place]) -> tuple[float, float]:
    width, height = _extent(places)
    return max(WIDTH, width) + 2 * MARGIN, height + TITLE + MARGIN


def _moved(inside_of: Mapping[str, Mapping[str, Place]]) -> Iterator[tuple[str, Place]]:
    """Places inside boxes as places on the whole picture."""
    waiting = [("", 0.0, 0.0)]
    while waiting:
        box, x, y = waiting.pop()
        for each, place in inside_of[box].items():
            moved = place._replace(x=round(x + place.x, 1), y=round(y + place.y, 1))
            yield each, moved
            if each in inside_of:
                waiting.append((each, x + place.x + MARGIN, y + place.y + TITLE))


def _grouped(edges: Iterable[tuple[str, str]]) -> defaultdict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        found[source].append(target)
    return found
