"""What somebody wants to know first about a repository, counted out of its graph. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from butai.inventory.model import Graph, Kind, Node, Uses

_RUNNING = frozenset({Kind.RESOURCE, Kind.CALL, Kind.DATA})


@dataclass(frozen=True)
class RootSummary:
    """A folder the engine is run in. `resources`: with those of the modules it calls; `backend`: where its state lies.

    Without a word about that it is `local`, or for Terragrunt to say.
    """

    folder: str
    resources: int
    modules: int
    backend: str


@dataclass(frozen=True)
class Needed:
    """A node, and how many others refer to it."""

    node: Node
    by: int


@dataclass(frozen=True)
class Summary:
    """`providers`: by source, every version that is asked for. `kinds`: resources by type, the commonest first."""

    counts: dict[Kind, int]
    roots: list[RootSummary]
    kinds: list[tuple[str, int]]
    providers: dict[str, list[str]]
    engines: list[str]
    needed: list[Needed]
    files: int
    problems: int


def summarise(graph: Graph, most: int = 10) -> Summary:
    """Count. `most`: how many of the most needed nodes are named."""
    nodes = graph.nodes.values()
    per_folder = Counter(each.module for each in nodes if each.kind is Kind.RESOURCE)
    return Summary(
        counts=dict(Counter(each.kind for each in nodes)),
        roots=[_root(graph, each.folder, per_folder) for each in graph.roots()],
        kinds=Counter(each.type for each in nodes if each.kind is Kind.RESOURCE).most_common(),
        providers=_providers(graph),
        engines=sorted({each.required_version for each in graph.modules.values() if each.required_version}),
        needed=_most_needed(graph, most),
        files=len({file for each in graph.modules.values() for file in each.files}),
        problems=len(graph.problems),
    )


def _root(graph: Graph, folder: str, per_folder: Counter[str]) -> RootSummary:
    expanded = list(graph.expand(folder))
    backends = [each.name for each in graph.nodes.values() if each.kind is Kind.BACKEND and each.module == folder]
    unsaid = "terragrunt" if graph.terragrunt else "local"
    resources = sum(per_folder[each] for _, each in expanded)
    return RootSummary(folder, resources, len(expanded) - 1, backends[0] if backends else unsaid)


def _providers(graph: Graph) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for module in graph.modules.values():
        for source, version in module.requirements.values():
            found.setdefault(source, set()).update([version] if version else [])
    return {source: sorted(versions) for source, versions in sorted(found.items())}


def _most_needed(graph: Graph, most: int) -> list[Needed]:
    found = []
    for node in graph.nodes.values():
        if node.kind in _RUNNING:
            by = {edge.source for edge in graph.used_by.get(node.id, ()) if edge.uses is not Uses.PROVIDER}
            found.append(Needed(node, len(by)))
    found.sort(key=lambda each: (-each.by, each.node.id))
    return [each for each in found[:most] if each.by]
