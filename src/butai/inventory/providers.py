"""The configured providers that things are made with, handed down from callers too. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from butai.inventory.model import Edge, Graph, Kind, Node, Uses

_NAME = re.compile(r"[\w.-]+")
# `aws.east = aws.west` in the native syntax, `"aws.east": "aws.west"` in JSON.
_GIVEN = re.compile(r"""["']?([\w.-]+)["']?\s*[=:]\s*["']?([\w.-]+)""")


@dataclass(frozen=True)
class ProvidersOfFolder:
    """What a folder says of providers by itself. `asked`: names that nobody configures in it; `calls`: its module calls."""

    edges: Sequence[Edge]
    handed: Sequence[Edge]
    asked: Sequence[str]
    calls: Sequence[Node]


def providers_of(nodes: Mapping[str, Node]) -> ProvidersOfFolder:
    """Of the nodes of one folder, by id."""
    edges: list[Edge] = []
    handed: list[Edge] = []
    asked: dict[str, None] = {}
    calls: list[Node] = []
    for node in nodes.values():
        if node.kind is Kind.CALL:
            edges += _given(nodes, node)
            calls.append(node)
        elif node.kind in {Kind.RESOURCE, Kind.DATA, Kind.EPHEMERAL}:
            name, line = _provider_of(node)
            edge = Edge(node.id, f"{node.module}:provider.{name}", Uses.PROVIDER, "provider", line)
            (edges if edge.target in nodes else handed).append(edge)
            if edge.target not in nodes:
                asked[name] = None
    return ProvidersOfFolder(list(dict.fromkeys(edges)), handed, list(asked), calls)


def provider_edges(graph: Graph, folders: Mapping[str, ProvidersOfFolder]) -> tuple[list[Edge], list[Edge]]:
    """From what is made to its provider's configuration in its folder, calls too; and how the others get theirs from callers."""
    callers: defaultdict[str, list[Node]] = defaultdict(list)
    for each in folders.values():
        for call in each.calls:
            callers[graph.modules[call.module].calls.get(call.name) or ""].append(call)
    edges = [edge for each in folders.values() for edge in each.edges]
    handed = [edge for each in folders.values() for edge in each.handed]
    asked = {folder: each.asked for folder, each in folders.items()}
    of_calls = {edge for each in folders.values() for edge in each.edges if edge.attribute == "providers"}
    found: dict[Edge, None] = {}
    _ask_callers(graph, asked, callers, found, handed)
    return [*edges, *(each for each in found if each not in of_calls)], handed


def _ask_callers(
    graph: Graph,
    asked: Mapping[str, Sequence[str]],
    callers: Mapping[str, list[Node]],
    edges: dict[Edge, None],
    handed: list[Edge],
) -> None:
    """Up from caller to caller, until somebody has configured it."""
    waiting = [(folder, name) for folder, names in asked.items() for name in names]
    seen = set(waiting)
    while waiting:
        folder, name = waiting.pop()
        for call in callers.get(folder, ()):
            theirs = _mapping(call).get(name, "" if "." in name else name)
            place = f"{call.module}:provider.{theirs}"
            handed.append(Edge(f"{folder}:provider.{name}", place, Uses.PROVIDER, "providers", call.line, call.id))
            if place in graph.nodes:
                edges[Edge(call.id, place, Uses.PROVIDER, "providers", _line(call))] = None
            elif theirs and (call.module, theirs) not in seen:
                seen.add((call.module, theirs))
                waiting.append((call.module, theirs))


def _given(nodes: Mapping[str, Node], call: Node) -> Iterator[Edge]:
    for theirs in _mapping(call).values():
        place = f"{call.module}:provider.{theirs}"
        if place in nodes:
            yield Edge(call.id, place, Uses.PROVIDER, "providers", _line(call))


def _mapping(call: Node) -> dict[str, str]:
    given = call.block.attributes.get("providers") if call.block else None
    return dict(_GIVEN.findall(given.text)) if given else {}


def _line(call: Node) -> int:
    given = call.block.attributes.get("providers") if call.block else None
    return given.line if given else call.line


def _provider_of(node: Node) -> tuple[str, int]:
    named = node.block.attributes.get("provider") if node.block else None
    found = _NAME.search(named.text) if named else None
    # Without a word for it the first part of the type is the provider's name.
    return (found.group(), named.line) if found and named else (node.type.partition("_")[0], node.line)
