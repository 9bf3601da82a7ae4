"""The edges of a graph as steps inside modules and over their borders. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from butai.inventory.parts import FOLDERS, WAITED_FOR, Edge, Kind, Node, Uses
from butai.inventory.reach import Reach, Step


def reach_of(nodes: Iterable[Node], edges: Iterable[Edge], handed: Iterable[Edge], called: Mapping[str, str]) -> Reach:
    """`called`: the folder that each call reads.

    Some steps are to what is no node: a call's arguments, a folder as a whole, and what all in it waits for.
    """
    reach = Reach()
    # What a call is given is not what each of its outputs needs.
    reach.ends.update(called)
    folders = set(called.values())
    variables: defaultdict[str, list[Node]] = defaultdict(list)
    caller: dict[str, str] = {}
    for node in nodes:
        if node.kind in FOLDERS or not node.module:
            continue
        reach.level[node.id].add(waits(node.module))
        reach.level[all_of(node.module)].add(node.id)
        if node.kind is Kind.VARIABLE:
            variables[node.module].append(node)
        elif node.id in called:
            caller[node.id] = node.module
    for edge in edges:
        _add(reach, edge, called, folders)
    for edge in handed:
        if edge.call:
            reach.out[edge.source].add(Step(edge.call, edge.target))
        else:
            reach.level[edge.source].add(edge.target)
    for call, folder in called.items():
        reach.into[all_of(caller[call])].add(Step(call, all_of(folder)))
        reach.out[waits(folder)] |= {Step(call, waits(caller[call])), Step(call, _argument(call, ""))}
        for each in variables[folder]:
            reach.out[each.id].add(Step(call, _argument(call, each.name)))
    return reach


def _add(reach: Reach, edge: Edge, called: Mapping[str, str], folders: set[str]) -> None:
    if edge.uses is Uses.INPUT or edge.source in folders:
        # They are there for readers: a call's own edges say the same, by argument.
        return
    sources = [edge.source]
    if edge.source in called:
        sources.append(_argument(edge.source, "" if edge.attribute in WAITED_FOR else edge.attribute))
    for source in sources:
        if edge.call:
            reach.into[source].add(Step(edge.call, all_of(edge.target) if edge.target in folders else edge.target))
        else:
            reach.level[source].add(edge.target)


def all_of(folder: str) -> str:
    """What stands for everything in a called folder."""
    return f"{folder}\0all"


def waits(folder: str) -> str:
    """What stands for everything that a folder's calls make it wait for."""
    return f"{folder}\0waits"


def _argument(call: str, name: str) -> str:
    return f"{call}\0{name}"
