"""What a root's code declares against what one of its states holds, node by node. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from butai.inventory.joined import Declared, Joined, joined
from butai.inventory.model import Graph, Kind
from butai.terraform.state_index import StateInstance

_SEVERAL = frozenset({"count", "for_each"})


@dataclass(frozen=True)
class Held:
    """`by_node`: what of each node is in the state. `elsewhere`: how many instances modules declare that are not in this
    repository, of which its code says nothing."""

    joined: Joined
    by_node: Mapping[str, tuple[StateInstance, ...]]
    elsewhere: int


def held(graph: Graph, root: str, instances: Sequence[StateInstance]) -> Held:
    """Put a root's code and one of its states side by side."""
    here = [each for each in instances if not _is_elsewhere(graph, root, each.path)]
    managed = sum(each.mode == "managed" for each in instances) - sum(each.mode == "managed" for each in here)
    return Held(joined(declared(graph, root), here), by_node(graph, root, instances), managed)


def by_node(graph: Graph, root: str, instances: Sequence[StateInstance]) -> dict[str, tuple[StateInstance, ...]]:
    """What of each node is in a state."""
    found: defaultdict[str, list[StateInstance]] = defaultdict(list)
    for each in instances:
        node = graph.find(root, each.path)
        if node is not None:
            found[node.id].append(each)
    return {id_: tuple(each) for id_, each in found.items()}


def declared(graph: Graph, root: str) -> Iterator[Declared]:
    """Every resource that a root declares, those of the modules it calls too."""
    perhaps = {"": False}
    for prefix, folder in graph.expand(root):
        if prefix:
            perhaps[prefix] = _of_call(graph, root, prefix, perhaps)
        for node in graph.in_module(folder):
            if node.kind is Kind.RESOURCE:
                yield Declared(f"{prefix}{node.address}", perhaps[prefix] or _may_be_several(graph, node.id))


def _of_call(graph: Graph, root: str, prefix: str, perhaps: Mapping[str, bool]) -> bool:
    names = prefix.removesuffix(".").split(".")
    above = "".join(f"{each}." for each in names[:-2])
    call = graph.find(root, prefix.removesuffix("."))
    return perhaps.get(above, False) or (call is not None and _may_be_several(graph, call.id))


def _may_be_several(graph: Graph, id_: str) -> bool:
    block = graph.nodes[id_].block
    return block is not None and not _SEVERAL.isdisjoint(block.attributes)


def _is_elsewhere(graph: Graph, root: str, path: str) -> bool:
    """Whether an address leads through a module whose code is not in this repository."""
    folder, rest = root, path.split(".")
    while rest[0] == "module" and len(rest) > 2:
        calls = graph.modules[folder].calls if folder in graph.modules else {}
        if rest[1] not in calls:
            return False
        called = calls[rest[1]]
        if called is None or called not in graph.modules:
            return True
        folder, rest = called, rest[2:]
    return False
