"""The configured providers that things are made with, handed down from callers too. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from butai.inventory.model import Edge, Graph, Kind, Node, Uses

_NAME = re.compile(r"[\w.-]+")
# `aws.east = aws.west` in the native syntax, `"aws.east": "aws.west"` in JSON.
_GIVEN = re.compile(r"""["']?([\w.-]+)["']?\s*[=:]\s*["']?([\w.-]+)""")


def provider_edges(graph: Graph) -> tuple[list[Edge], list[Edge]]:
    """From what is made to its provider's configuration in its folder, calls too; and how the others get theirs from callers."""
    edges: list[Edge] = []
    handed: list[Edge] = []
    asked: defaultdict[str, dict[str, None]] = defaultdict(dict)
    callers: defaultdict[str, list[Node]] = defaultdict(list)
    for node in list(graph.nodes.values()):
        if node.kind is Kind.CALL:
            edges += _given(graph, node)
            callers[graph.modules[node.module].calls.get(node.name) or ""].append(node)
        elif node.kind in {Kind.RESOURCE, Kind.DATA, Kind.EPHEMERAL}:
            name, line = _provider_of(node)
            place = f"{node.module}:provider.{name}"
            if place in graph.nodes:
                edges.append(Edge(node.id, place, Uses.PROVIDER, "provider", line))
            else:
                handed.append(Edge(node.id, place, Uses.PROVIDER, "provider", line))
                asked[node.module][name] = None
    _ask_callers(graph, asked, callers, edges, handed)
    return list(dict.fromkeys(edges)), handed


def _ask_callers(
    graph: Graph,
    asked: Mapping[str, dict[str, None]],
    callers: Mapping[str, list[Node]],
    edges: list[Edge],
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
                edges.append(Edge(call.id, place, Uses.PROVIDER, "providers", _line(call)))
            elif theirs and (call.module, theirs) not in seen:
                seen.add((call.module, theirs))
                waiting.append((call.module, theirs))


def _given(graph: Graph, call: Node) -> Iterator[Edge]:
    for theirs in _mapping(call).values():
        place = f"{call.module}:provider.{theirs}"
        if place in graph.nodes:
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
