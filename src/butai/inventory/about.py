"""One thing of the map in words: what it is, where it is written, what it needs, and what needs it. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from butai.errors import NotFoundError, did_you_mean
from butai.inventory.groups import Group, Groups
from butai.inventory.model import FOLDERS, Edge, Graph, Kind, Module, Node, Uses
from butai.inventory.values import Values
from butai.terraform.hcl_literals import UNKNOWN
from butai.text import text

MOST_LINKS = 200
MOST_VALUES, LONGEST_VALUE = 8, 160


@dataclass(frozen=True)
class Link:
    """Another node, and why: `uses`, written in `attribute`."""

    node: Node
    uses: Uses
    attribute: str


@dataclass(frozen=True)
class About:
    """A node with its neighbours; `impact`: how many nodes need it, directly or not. At most MOST_LINKS links each way.

    `values`: what expressions come to by themselves; UNKNOWN where only the world can tell.
    """

    node: Node
    needs: list[Link]
    needed_by: list[Link]
    impact: int
    expressions: dict[str, str]
    values: dict[str, Any]

    @property
    def told(self) -> dict[str, str]:
        """What is not plain to see: the values of expressions that are no literals, as JSON, shortened. The first few."""
        known = {
            name: json.dumps(each, ensure_ascii=False) for name, each in self.values.items() if each is not UNKNOWN
        }
        plain = {name: " ".join(each.split()) for name, each in self.expressions.items()}
        found = {name: each for name, each in known.items() if each not in {plain.get(name), '""', "null"}}
        return {name: _short(each) for name, each in list(found.items())[:MOST_VALUES]}


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 1]}…"


@dataclass(frozen=True)
class AboutGroup:
    """A group: `kinds`: how many of what is in it; `types`: the commonest types of resources; `module`: where it is a folder."""

    group: Group
    module: Module | None
    kinds: list[tuple[str, int]]
    types: list[tuple[str, int]]
    called_by: list[Node]


def about(graph: Graph, id_: str, values: Values) -> About:
    """A node by its id."""
    node = graph.nodes[id_]
    return About(
        node=node,
        needs=_links(graph, ((edge, edge.target) for edge in graph.uses.get(id_, ()))),
        needed_by=_links(graph, ((edge, edge.source) for edge in graph.used_by.get(id_, ()))),
        impact=len(graph.impact(id_)),
        expressions={name: each.text for name, each in node.expressions()},
        values=values.of(node),
    )


def about_group(graph: Graph, groups: Groups, id_: str, most: int = 8) -> AboutGroup:
    """A group by its id; `most`: how many types are named."""
    nodes = [graph.nodes[each] for each in groups.nodes_in(id_)]
    callers = [edge.source for edge in graph.used_by.get(id_, ()) if edge.uses is Uses.SOURCE]
    return AboutGroup(
        group=groups.by_id[id_],
        module=graph.modules.get(id_),
        kinds=Counter(str(each.kind) for each in nodes).most_common(),
        types=Counter(each.type for each in nodes if each.kind is Kind.RESOURCE).most_common(most),
        called_by=[graph.nodes[each] for each in callers],
    )


def check_is_there(graph: Graph, groups: Groups, id_: str) -> None:
    """Raises NotFoundError for what is neither a node nor a group, with the nearest one."""
    if id_ in groups.by_id or (id_ in graph.nodes and graph.nodes[id_].kind not in {*FOLDERS, Kind.REPOSITORY}):
        return
    near = [each for each in graph.nodes if each.rpartition(".")[2] == id_.rpartition(".")[2]]
    raise NotFoundError(
        text("There is no `{name}` in this repository.", name=id_),
        why=text("It may have been renamed or taken away since the link was made."),
        next=did_you_mean(id_, near) if near else text("Open the whole map and search for it."),
        code="no-such-node",
    )


def _links(graph: Graph, ends: Iterable[tuple[Edge, str]]) -> list[Link]:
    found = {
        (end, edge.uses): Link(graph.nodes[end], edge.uses, edge.attribute) for edge, end in ends if end in graph.nodes
    }
    return list(found.values())[:MOST_LINKS]
