"""A view as it is drawn: every visible thing with its place, its words, its colour and what a click on it asks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from butai.inventory.groups import GroupKind, Groups
from butai.inventory.layers import Layout, arrange
from butai.inventory.measures import Figures, of_group, step
from butai.inventory.model import Graph, Kind, Node
from butai.inventory.shown import Card, Shown, show
from butai.inventory.view import Colour, View

MOST_FOUND: Final = 50


@dataclass(frozen=True)
class Picture:
    """What is visible, and where it stands."""

    shown: Shown
    layout: Layout


def draw(graph: Graph, groups: Groups, view: View) -> Picture:
    """What is visible in a view, placed. It depends on nothing but the graph and `view.drawing`."""
    shown = show(graph, groups, view)
    lines = [(each.source, each.target) for each in shown.lines if not each.is_given]
    return Picture(shown, arrange(shown.items(), lines))


@dataclass(frozen=True)
class Found:
    """What a search found: the first nodes in order, and how many there are."""

    nodes: list[Node]
    total: int


def search(graph: Graph, words: str) -> Found:
    """The nodes whose id, type or file hold every word, upper or lower case alike."""
    wanted = words.casefold().split()
    if not wanted:
        return Found([], 0)
    found = [
        each
        for each in graph.nodes.values()
        if each.kind is not Kind.REPOSITORY
        and all(word in f"{each.id} {each.type} {each.file}".casefold() for word in wanted)
    ]
    return Found(found[:MOST_FOUND], len(found))


@dataclass(frozen=True)
class Row:
    """A visible thing in words. `title` is its name, `about` what it is; `tone` names its colour; `found`: how many in it."""

    card: Card
    title: str
    about: str
    tone: str
    found: int = 0


def rows(graph: Graph, groups: Groups, picture: Picture, view: View, figures: Figures) -> list[Row]:
    """Everything that is visible, in the order of a list."""
    matching = {each.id for each in search(graph, view.search).nodes} if view.search else set()
    found = dict.fromkeys(matching, 1)
    for each in matching:
        for group in groups.around(each):
            found[group] = found.get(group, 0) + 1
    return [_row(graph, groups, card, view, figures, found.get(card.id, 0)) for card in picture.shown.cards]


def _row(graph: Graph, groups: Groups, card: Card, view: View, figures: Figures, found: int) -> Row:
    kind = str(card.group or graph.nodes[card.id].kind)
    tone = kind
    if card.group is GroupKind.KIND:
        tone = groups.by_id[card.id].name
    elif card.group is GroupKind.TYPE:
        tone = groups.by_id[groups.above[card.id]].name
    if view.colour is not Colour.KIND:
        ids = groups.nodes_in(card.id)
        tone = step(view.colour, of_group(view.colour, [figures.get(each) for each in ids]))
    if card.group is None:
        node = graph.nodes[card.id]
        return Row(card, node.address or node.id, kind, tone, found)
    name = groups.by_id[card.id].name
    within = groups.by_id[card.above].name if card.above else ""
    return Row(card, _below(name, within), kind, tone, found)


def _below(folder: str, above: str) -> str:
    """A folder's path below the one that it is shown in."""
    return folder.removeprefix(above if above.endswith("/") else f"{above}/") or "."


def document(graph: Graph, picture: Picture, rows: list[Row], view: View) -> dict[str, Any]:
    """What a browser draws, as JSON. Places are pixels, of upper left corners; `query` is what a click asks for."""
    return {
        "nodes": [_drawn(graph, picture, each, view) for each in rows if each.card.drawn],
        "lines": [[each.source, each.target, each.weight, each.is_given] for each in picture.shown.lines],
    }


def _drawn(graph: Graph, picture: Picture, row: Row, view: View) -> dict[str, Any]:
    card, place = row.card, picture.layout.places[row.card.id]
    node = graph.nodes.get(card.id) if card.group is None else None
    closed = card.group is not None and not card.is_open
    return {
        "id": card.id,
        "title": row.title,
        "label": _label(node, row),
        "kind": row.about,
        "tone": row.tone,
        "group": closed,
        "box": card.is_open,
        "level": card.level,
        "count": card.count if card.group else 0,
        "found": row.found,
        "chosen": card.id == view.node,
        "centre": card.id in {view.focus, view.impact},
        "x": place.x,
        "y": place.y,
        "width": place.width,
        "height": place.height,
        "query": (view.opened(card.id) if closed else view.selected(card.id)).query,
    }


def _label(node: Node | None, row: Row) -> str:
    """Two lines for what has a type; a browser shortens what does not fit."""
    if node is None or not node.type or node.kind is Kind.PROVIDER:
        return row.title
    return f"{'data.' if node.kind is Kind.DATA else ''}{node.type}\n{node.name}"
