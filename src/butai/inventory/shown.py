"""What of a repository is visible in a view: nodes, closed groups, open boxes, and the lines between them. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from butai.inventory.groups import TOP, UNBOXED, Group, GroupKind, Groups
from butai.inventory.layers import Item
from butai.inventory.model import FOLDERS, Graph, Kind, Uses
from butai.inventory.view import View

MOST: Final = 500
"""How much is visible at most: beyond, groups stay closed."""
FIRST: Final = 120
"""How much is opened without being asked for."""
# Closed in an open folder until somebody opens them: there are many, and they say little on a map.
CALM: Final = frozenset({Kind.VARIABLE, Kind.LOCAL, Kind.OUTPUT})


@dataclass(frozen=True)
class Card:
    """One visible thing. `group`: its kind where it is one. `count`: how many nodes are in it.

    `level`: how deep it stands in a list. `drawn`: an open kind or type stands in the list only, its nodes in the
    folder's box.
    """

    id: str
    level: int
    above: str
    group: GroupKind | None = None
    is_open: bool = False
    count: int = 1
    drawn: bool = True


@dataclass(frozen=True)
class Line:
    """`source` needs `target`, for so many reasons (`weight`).

    `is_given`: a module's variable and the value that a caller gives it. It leads back to who calls the module, so that
    no picture is arranged by it, and a group that the other one calls anyway is not joined by it.
    """

    source: str
    target: str
    weight: int
    is_given: bool = False


@dataclass(frozen=True)
class Shown:
    """`cards`: in the order of a list. `held`: groups that were to be open and for which there was no room.

    `total`: how many nodes the view is about; `distance`: from what it is focused on, where it is (of an impact only whether
    something is its start).
    """

    cards: list[Card]
    lines: list[Line]
    held: list[str]
    total: int
    distance: Mapping[str, int]

    @property
    def nodes(self) -> int:
        """How many nodes are visible themselves."""
        return sum(1 for each in self.cards if each.group is None)

    def is_open(self, group: str) -> bool:
        """Whether a group is open."""
        return any(each.id == group and each.is_open for each in self.cards)

    def items(self) -> list[Item]:
        """What is drawn, for the layout."""
        inside: dict[str, list[Item]] = {}
        for card in reversed(self.cards):
            if card.drawn:
                item = Item(card.id, tuple(reversed(inside.pop(card.id, []))))
                inside.setdefault(card.above, []).append(item)
        return list(reversed(inside.get(TOP, [])))


def show(graph: Graph, groups: Groups, view: View) -> Shown:
    """What a view shows. What it is focused on has to be in the graph."""
    distance = _reach(graph, groups, view)
    scope = _scope(graph, view, distance)
    opening = _Opening(groups, view, scope)
    opening.open_what_was_asked_for(view.open)
    opening.open_what_is_open_at_first()
    cards = list(_cards(groups, opening))
    return Shown(cards, _lines(graph, groups, opening, scope), opening.held, len(scope), distance)


def _reach(graph: Graph, groups: Groups, view: View) -> dict[str, int]:
    """The nodes that a view is focused on, each with its distance; empty where it is about everything."""
    if view.impact:
        starts = dict.fromkeys(groups.nodes_in(view.impact), 0)
        # A folder is asked as one; what is no folder, by what is in it.
        asked = [view.impact] if view.impact in graph.modules else starts
        return {**{each: 1 for start in asked for each in graph.impact(start)}, **starts}
    if view.focus:
        # Two steps over a provider are everything.
        left_out = {Uses.PROVIDER} if Kind.PROVIDER in view.hide else set()
        return _walk(groups.nodes_in(view.focus), lambda at: _beside(graph, at, left_out), view.steps)
    return {}


def _beside(graph: Graph, at: str, left_out: Iterable[Uses]) -> Iterator[str]:
    yield from (each.target for each in graph.uses.get(at, ()) if each.uses not in left_out)
    yield from (each.source for each in graph.used_by.get(at, ()) if each.uses not in left_out)


def _walk(starts: Iterable[str], beside: Callable[[str], Iterable[str]], steps: int) -> dict[str, int]:
    distance = dict.fromkeys(starts, 0)
    waiting = deque(distance)
    while waiting:
        at = waiting.popleft()
        if distance[at] == steps:
            continue
        for each in beside(at):
            if each not in distance:
                distance[each] = distance[at] + 1
                waiting.append(each)
    return distance


def _scope(graph: Graph, view: View, distance: Mapping[str, int]) -> set[str]:
    about = (graph.nodes[each] for each in distance if each in graph.nodes) if distance else graph.nodes.values()
    return {
        each.id
        for each in about
        if (each.kind not in view.hide or distance.get(each.id) == 0)
        and each.kind not in FOLDERS
        and each.kind is not Kind.REPOSITORY
    }


class _Opening:
    """Which groups are open, and how much is visible then."""

    def __init__(self, groups: Groups, view: View, scope: set[str]) -> None:
        self._groups, self._shut, self._focused = groups, frozenset(view.shut), bool(view.focus or view.impact)
        self.count: Counter[str] = Counter()
        for node in scope:
            self.count[node] = 1
            for group in groups.around(node):
                self.count[group] += 1
        self._fits = self._focused or self._all() <= FIRST
        self.open: set[str] = {TOP}
        self.held: list[str] = []
        self.visible = len(self.inside(groups.by_id[TOP]))

    def inside(self, group: Group) -> list[str]:
        """What of a group the view is about."""
        return [each for each in group.inside if self.count[each]]

    def open_what_was_asked_for(self, asked: Iterable[str]) -> None:
        """In the order in which it was; what a group stands in opens with it."""
        for each in asked:
            for group in (*reversed(list(self._groups.around(each))), each):
                if self.count[group] and group in self._groups.by_id and not self._try(group, MOST):
                    self._hold(group)
                    break

    def open_what_is_open_at_first(self) -> None:
        """From the top down, as far as there is room beside what was asked for."""
        at_first = self._folders_at_first()
        waiting = deque(self.inside(self._groups.by_id[TOP]))
        while waiting:
            group = self._groups.by_id.get(waiting.popleft())
            if group is None:
                continue
            wanted = group.id in at_first or (group.kind in UNBOXED and self._says_much(group))
            if wanted and not self._try(group.id, MOST):
                self._hold(group.id)
            if group.id in self.open:
                waiting += self.inside(group)

    def _folders_at_first(self) -> set[str]:
        """Folders of folders as long as there is room, roots and modules if all fit. It is the same whatever else is open."""
        room = MOST if self._focused else FIRST
        found: set[str] = set()
        top = self.inside(self._groups.by_id[TOP])
        visible, waiting = len(top), deque(top)
        while waiting:
            group = self._groups.by_id.get(waiting.popleft())
            if group is None or group.kind in UNBOXED or not (self._fits or group.kind is GroupKind.AREA):
                continue
            inside = self.inside(group)
            if visible + len(inside) <= room:
                found.add(group.id)
                visible += len(inside)
                waiting += inside
        return found

    def _says_much(self, group: Group) -> bool:
        if group.kind is GroupKind.TYPE:
            return self._fits
        return self._focused or group.name not in CALM or self.count[group.id] == 1

    def _all(self) -> int:
        """How much would be visible if everything opened that opens at first."""
        visible = [self._groups.by_id[each] for each in self.count if each in self._groups.by_id]
        return sum(
            1 if each.kind is not GroupKind.KIND or each.name in CALM else self.count[each.id]
            for each in visible
            if each.kind is not GroupKind.TYPE
        )

    def _try(self, id_: str, room: int) -> bool:
        """Open a group if what it stands in is open and there is room for what is in it."""
        if id_ in self.open:
            return True
        group = self._groups.by_id[id_]
        more = len(self.inside(group)) - (group.kind in UNBOXED)
        if id_ in self._shut or self._groups.above[id_] not in self.open or self.visible + more > room:
            return False
        self.open.add(id_)
        self.visible += more
        return True

    def _hold(self, id_: str) -> None:
        if id_ not in self._shut and id_ not in self.held:
            self.held.append(id_)


def _cards(groups: Groups, opening: _Opening) -> Iterator[Card]:
    waiting = [(each, 0, TOP) for each in reversed(opening.inside(groups.by_id[TOP]))]
    while waiting:
        id_, level, above = waiting.pop()
        group = groups.by_id.get(id_)
        if group is None:
            yield Card(id_, level, above)
            continue
        is_open = id_ in opening.open
        is_unboxed = group.kind in UNBOXED
        yield Card(id_, level, above, group.kind, is_open, opening.count[id_], drawn=not (is_unboxed and is_open))
        if is_open:
            box = above if is_unboxed else id_
            waiting += [(each, level + 1, box) for each in reversed(opening.inside(group))]


def _lines(graph: Graph, groups: Groups, opening: _Opening, scope: Iterable[str]) -> list[Line]:
    """Edges between what is visible, those between the same two as one."""
    stands_for: dict[str, str | None] = {}
    weights: Counter[tuple[str, str]] = Counter()
    given: Counter[tuple[str, str]] = Counter()
    for edge in (edge for each in scope for edge in graph.uses.get(each, ())):
        for end in (edge.source, edge.target):
            if end not in stands_for:
                stands_for[end] = _stands_for(end, groups, opening)
        source, target = stands_for[edge.source], stands_for[edge.target]
        if source and target and source != target:
            weights[source, target] += 1
            given[source, target] += edge.uses is Uses.INPUT
    lines = [Line(*ends, weight, is_given=given[ends] == weight) for ends, weight in sorted(weights.items())]
    return [
        each
        for each in lines
        if not _holds(groups, each.source, each.target)
        and not (each.is_given and {each.source, each.target} & groups.by_id.keys())
    ]


def _stands_for(id_: str, groups: Groups, opening: _Opening) -> str | None:
    """What is visible of a node: itself, or the outermost closed group that it is in; none where it is not in the view."""
    if not opening.count[id_]:
        return None
    found = id_
    for group in groups.around(id_):
        if group not in opening.open:
            found = group
    return found


def _holds(groups: Groups, one: str, other: str) -> bool:
    return one in groups.around(other) or other in groups.around(one)
