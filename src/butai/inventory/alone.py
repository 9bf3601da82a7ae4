"""The map as one file that needs nothing else: no server, no network, nothing beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from butai.inventory.groups import GroupKind, Groups, groups_of
from butai.inventory.model import FOLDERS, Graph, Kind, Node
from butai.inventory.picture import document, draw, rows
from butai.inventory.view import View

_HERE: Final = Path(__file__).parent
_STATIC: Final = _HERE.parent / "web" / "static"


def page(graph: Graph) -> str:
    """The whole page: the first view, a view of every folder, a list, a search, and what is known of every node."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("alone.html").render(
        name=graph.repository,
        data=as_script(data(graph)),
        style=Markup((_STATIC / "butai.css").read_text()),  # noqa: S704 - our own
        library=_script("vendor/cytoscape.min.js"),
        script=_script("inventory.js"),
    )


def data(graph: Graph) -> dict[str, Any]:
    """What the page's script reads: `views` by the folder they are of, `nodes`, and `lines` between their numbers."""
    groups = groups_of(graph)
    nodes = [each for each in graph.nodes.values() if each.kind is not Kind.REPOSITORY]
    number = {each.id: index for index, each in enumerate(nodes)}
    lines = {(number[each.source], number[each.target]) for each in graph.edges if each.target in number}
    return {
        "views": {name: _view(graph, groups, view) for name, view in _views(groups)},
        "nodes": [_node(each) for each in nodes],
        "lines": sorted(lines),
    }


def as_script(value: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(written.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))  # noqa: S704


def _views(groups: Groups) -> Iterator[tuple[str, View]]:
    yield "", View()
    for group in groups.by_id.values():
        if group.kind in {GroupKind.ROOT, GroupKind.MODULE}:
            yield group.id, View(focus=group.id, steps=1)
        elif group.kind is GroupKind.AREA and group.id:
            yield group.id, View(open=(group.id,))


def _view(graph: Graph, groups: Groups, view: View) -> dict[str, Any]:
    picture = draw(graph, groups, view)
    found = document(graph, picture, rows(graph, groups, picture, view, {}), view)
    for each in found["nodes"]:
        # What only a server could answer.
        del each["query"]
    return found


def _node(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "kind": node.kind,
        "address": "" if node.kind in FOLDERS else node.address,
        "module": node.module,
        "file": node.file,
        "line": node.line,
    }


def _script(file: str) -> Markup:
    return Markup(re.sub(r"</(?=script)", r"<\\/", (_STATIC / file).read_text(), flags=re.I))  # noqa: S704 - our own
