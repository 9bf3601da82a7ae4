"""The configured providers that things are made with, handed down from callers too. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from butai.inventory.model import Edge, Graph, Kind, Node, Uses

_NAME = re.compile(r"[\w.-]+")
# `aws.east = aws.west` in the native syntax, `"aws.east": "aws.west"` in JSON.
_GIVEN = re.compile(r"""["']?([\w.-]+)["']?\s*[=:]\s*["']?([\w.-]+)""")


@dataclass(frozen=True)
class Asked:
    """What one folder asks of providers. `edges`: to those it configures. `handed`: to the others, whose `names` callers give."""

    edges: list[Edge]
    handed: list[Edge]
    names: list[str]
    calls: list[Node]


def asked(nodes: Mapping[str, Node]) -> Asked:
    """`nodes`: those of one folder, by their ids."""
    edges: list[Edge] = []
    handed: list[Edge] = []
    names: dict[str, None] = {}
    for node in nodes.values():
        if node.kind is Kind.CALL:
            edges += _given(nodes, node)
        elif node.kind in {Kind.RESOURCE, Kind.DATA, Kind.EPHEMERAL}:
            name, line = _provider_of(node)
            place = f"{node.module}:provider.{name}"
            if place in nodes:
                edges.append(Edge(node.id, place, Uses.PROVIDER, "provider", line))
            else:
                handed.append(Edge(node.id, place, Uses.PROVIDER, "provider", line))
                names[name] = None
    calls = [each for each in nodes.values() if each.kind is Kind.CALL]
    return Asked(list(dict.fromkeys(edges)), handed, list(names), calls)


def provider_edges(graph: Graph, folders: Mapping[str, Asked]) -> tuple[list[Edge], list[Edge]]:
    """From what is made to its provider's configuration in its folder, calls too; and how the others get theirs from callers."""
    edges = [edge for each in folders.values() for edge in each.edges]
    handed = [edge for each in folders.values() for edge in each.handed]
    callers: defaultdict[str, list[Node]] = defaultdict(list)
    for folder, each in folders.items():
        for call in each.calls:
            callers[graph.modules[folder].calls.get(call.name) or ""].append(call)
    edges += _ask_callers(graph, folders, callers, handed)
    return list(dict.fromkeys(edges)), handed


def _ask_callers(
    graph: Graph, folders: Mapping[str, Asked], callers: Mapping[str, list[Node]], handed: list[Edge]
) -> Iterator[Edge]:
    """Up from caller to caller, until somebody has configured it."""
    waiting = [(folder, name) for folder, each in folders.items() for name in each.names]
    seen = set(waiting)
    while waiting:
        folder, name = waiting.pop()
        for call in callers.get(folder, ()):
            theirs = _mapping(call).get(name, "" if "." in name else name)
            place = f"{call.module}:provider.{theirs}"
            handed.append(Edge(f"{folder}:provider.{name}", place, Uses.PROVIDER, "providers", call.line, call.id))
            if place in graph.nodes:
                yield Edge(call.id, place, Uses.PROVIDER, "providers", _line(call))
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
