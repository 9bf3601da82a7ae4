"""What the page that stands alone carries: the graph, what can be opened, the ways of an impact, and what the map goes by.

The page has no server to ask, so that it works out every view itself (`web/static/map`), from this and by the same rules. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from butai.inventory import layers
from butai.inventory.groups import Groups, groups_of
from butai.inventory.measures import STEPS, Figures
from butai.inventory.model import FOLDERS, Graph, Kind, Node
from butai.inventory.picture import MOST_FOUND
from butai.inventory.reach import Ways
from butai.inventory.shown import CALM, FIRST, MOST
from butai.inventory.view import HIDDEN, KINDS, MOST_STEPS, Colour, View
from butai.inventory.ways import waits

Content = Callable[[str], bytes | None]
"""A file of the repository by its path; none where it cannot be read."""
MOST_LINES: Final = 200
"""So many lines of one node at most."""
MOST_SOURCE: Final = 8_000_000
"""So many letters of source in all."""


def carried(graph: Graph, content: Content | None, figures: Mapping[Colour, Figures]) -> dict[str, Any]:
    """All of it, for JSON. `content`: none where source shall stay out of it. `figures`: what else than kinds colours can say."""
    number = {each: index for index, each in enumerate(graph.nodes)}
    return {
        "name": graph.repository,
        "rules": rules(figures),
        "nodes": [_node(each) for each in graph.nodes.values()],
        "edges": [[number[each.source], number[each.target], each.uses, each.attribute] for each in graph.edges],
        "groups": _groups(groups_of(graph), number),
        "modules": [[each.folder, each.required_version, each.files] for each in graph.modules.values()],
        "reach": _reach(graph, number),
        "figures": {colour: [found.get(each) for each in number] for colour, found in figures.items()},
        "source": None if content is None else {number[id_]: lines for id_, lines in _source(graph, content).items()},
    }


def rules(figures: Mapping[Colour, Figures]) -> dict[str, Any]:
    """What decides what is shown and where it stands."""
    return {
        "most": MOST,
        "first": FIRST,
        "calm": sorted(CALM),
        "kinds": KINDS,
        "hidden": sorted(HIDDEN),
        "steps": View.steps,
        "most_steps": MOST_STEPS,
        "most_found": MOST_FOUND,
        "colours": [Colour.KIND, *figures],
        "ends": {colour: STEPS[colour] for colour in figures},
        "sizes": {
            "width": layers.WIDTH,
            "height": layers.HEIGHT,
            "between_layers": layers.BETWEEN_LAYERS,
            "between": layers.BETWEEN,
            "margin": layers.MARGIN,
            "title": layers.TITLE,
            "aspect": layers.ASPECT,
        },
    }


def _node(node: Node) -> list[Any]:
    address = "" if node.kind in FOLDERS else node.address
    return [node.id, node.kind, node.module, address, node.name, node.type, node.file, node.line, node.end_line]


def _groups(groups: Groups, number: Mapping[str, int]) -> list[list[Any]]:
    """What is in each: the id of a group, or the number of a node."""
    return [
        [each.id, each.kind, each.name, [one if one in groups.by_id else number[one] for one in each.inside]]
        for each in groups.by_id.values()
    ]


def _reach(graph: Graph, number: Mapping[str, int]) -> dict[str, Any]:
    """The steps of an impact between numbers; what is no node gets those behind the nodes'."""
    numbers = dict(number)

    def numbered(id_: str) -> int:
        return numbers.setdefault(id_, len(numbers))

    def steps(ways: Ways) -> list[list[int]]:
        return [[numbered(each), *(numbered(one) for one in sorted(ways[each]))] for each in sorted(ways)]

    found: dict[str, Any] = {name: steps(ways) for name, ways in graph.backwards._asdict().items()}
    called = graph.called
    return {
        **found,
        "ends": [numbered(each) for each in sorted(called)],
        "waits": [[numbered(call), numbered(waits(folder))] for call, folder in called.items()],
    }


def _source(graph: Graph, content: Content) -> dict[str, str]:
    """The lines of each node; where all are too many, the shortest are kept: so most nodes have theirs."""
    found = dict(_lines(graph, content))
    room = MOST_SOURCE
    kept: dict[str, str] = {}
    for id_, lines in sorted(found.items(), key=lambda each: len(each[1])):
        room -= len(lines)
        if room < 0:
            break
        kept[id_] = lines
    return kept


def _lines(graph: Graph, content: Content) -> Iterator[tuple[str, str]]:
    files: dict[str, Sequence[str]] = {}
    for node in graph.nodes.values():
        if not node.file or not node.line or node.kind in FOLDERS or node.kind is Kind.REPOSITORY:
            continue
        if node.file not in files:
            written = (content(node.file) or b"").decode(errors="replace")
            files[node.file] = written.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
        end = max(node.line, node.end_line)
        lines = files[node.file][node.line - 1 : min(end, node.line + MOST_LINES - 1)]
        if lines:
            yield node.id, "\n".join(lines)
