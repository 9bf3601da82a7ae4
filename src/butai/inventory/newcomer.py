"""What somebody new wants to see first, out of the graph alone: the way of a request, and what is biggest. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from butai.inventory.measures import History
from butai.inventory.model import Edge, Graph, Kind, Node, Uses
from butai.inventory.stages import Stage, is_address, is_shared, leads_towards, stage

_MOST: Final = 8
_UNTOUCHED: Final = timedelta(days=365)
# More often than every second working day.
_DAILY_IN_30_DAYS: Final = 10


@dataclass(frozen=True)
class Way:
    """One service with what leads to it and what it keeps its data in; each may be empty."""

    dns: list[Node]
    entry: list[Node]
    service: Node
    stores: list[Node]


@dataclass(frozen=True)
class Sized:
    """A folder, and how many resources are written in it."""

    folder: str
    is_root: bool
    resources: int


@dataclass(frozen=True)
class Aged:
    """A node with its last change, and how often it changed in 30 days."""

    node: Node
    last_at: datetime
    changes: int


@dataclass(frozen=True)
class FirstLook:
    """What is told first: `ways` of which most is known before others. The last three are None without git's history."""

    ways: list[Way]
    biggest: list[Sized]
    oldest: list[Aged] | None
    daily: list[Aged] | None
    untouched: int | None


def first_look(graph: Graph, history: History | None, now: datetime) -> FirstLook:
    """Look at a repository for somebody who has never seen it."""
    ages = _ages(graph, history) if history else None
    return FirstLook(
        ways=sorted(ways(graph), key=lambda way: -sum(map(bool, (way.dns, way.entry, way.stores)))),
        biggest=_biggest(graph),
        oldest=None if ages is None else ages[:_MOST],
        daily=None if ages is None else _daily(ages),
        untouched=None if ages is None else sum(1 for each in ages if now - each.last_at >= _UNTOUCHED),
    )


def ways(graph: Graph) -> Iterator[Way]:
    """The way of a request to each service that is written, in the order of the code."""
    stages = {id_: found for id_, node in graph.nodes.items() if (found := stage(node)) is not None}
    for id_, found in stages.items():
        if found is Stage.SERVICE and graph.nodes[id_].kind is not Kind.DATA:
            yield _way(graph, stages, id_)


def _way(graph: Graph, stages: dict[str, Stage], service: str) -> Way:
    # A service names its target group, which itself knows of nothing; rules and attachments name it too. What a service
    # merely waits for may be others' rules.
    def named(at: str) -> Iterator[str]:
        edges = [each for each in graph.uses.get(at, ()) if each.uses is not Uses.DEPENDS_ON]
        return _through(stages, () if stages.get(at) is Stage.ENTRY else edges, Stage.ENTRY)

    named_by_it = (each for each in _reached([service], named) if stages.get(each) is Stage.ENTRY)
    groups = {each for each in named_by_it if not leads_towards(graph.nodes[each])}
    entry = _entries(graph, stages, service, groups)
    before = {each for at in entry for each in _targets(graph, at) if is_address(graph.nodes[each])}
    dns = _reached([*entry, *before], lambda at: _behind(graph, stages, at, Stage.DNS))
    stores = _reached([service], lambda at: _through(stages, graph.uses.get(at, ()), Stage.STORE))
    return Way(
        dns=_nodes(graph, (each for each in dns if stages.get(each) is Stage.DNS)),
        entry=_nodes(graph, entry),
        service=graph.nodes[service],
        stores=_nodes(graph, (each for each in stores if stages.get(each) is Stage.STORE)),
    )


def _entries(graph: Graph, stages: dict[str, Stage], service: str, groups: set[str]) -> set[str]:
    """What names a service or its groups, over values too, and what that goes by itself: a rule has a listener."""
    # Who else names a balancer is another's.
    starts = {service, *(each for each in groups if not is_shared(graph.nodes[each]))}

    def naming(at: str) -> Iterable[str]:
        is_end = stages.get(at) is Stage.ENTRY and at not in starts and not leads_towards(graph.nodes[at])
        return () if is_end else _behind(graph, stages, at, Stage.ENTRY)

    found = {each for each in _reached([*starts], naming) | groups if stages.get(each) is Stage.ENTRY}
    by_rules = [each for each in found if not leads_towards(graph.nodes[each])]
    found |= _reached(by_rules, lambda at: _through(stages, graph.uses.get(at, ()), Stage.ENTRY))
    return {each for each in found if stages.get(each) is Stage.ENTRY}


def _targets(graph: Graph, at: str) -> list[str]:
    return [edge.target for edge in graph.uses.get(at, ()) if edge.target in graph.nodes]


def _through(stages: dict[str, Stage], edges: Iterable[Edge], wanted: Stage) -> Iterator[str]:
    """What is needed, past whatever has no stage; what has another stage ends the way."""
    return (each.target for each in edges if stages.get(each.target) in {None, wanted})


def _behind(graph: Graph, stages: dict[str, Stage], at: str, wanted: Stage) -> Iterator[str]:
    """What names something by way of values: a record may get its name from a module's output."""
    passing = {Kind.VARIABLE, Kind.LOCAL, Kind.OUTPUT}
    for edge in graph.used_by.get(at, ()):
        if stages.get(edge.source) is wanted or graph.nodes[edge.source].kind in passing:
            yield edge.source


def _reached(starts: list[str], beside: Callable[[str], Iterable[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        for each in beside(waiting.pop()):
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return seen


def _nodes(graph: Graph, ids: Iterable[str]) -> list[Node]:
    return [graph.nodes[each] for each in sorted(ids)]


def _biggest(graph: Graph) -> list[Sized]:
    count = dict.fromkeys(graph.modules, 0)
    for node in graph.nodes.values():
        if node.kind is Kind.RESOURCE:
            count[node.module] += 1
    found = [Sized(folder, graph.modules[folder].is_root, each) for folder, each in count.items() if each]
    return sorted(found, key=lambda each: (-each.resources, each.folder))[:_MOST]


def _ages(graph: Graph, history: History) -> list[Aged]:
    found = [
        Aged(node, history[node.id].last_at, history[node.id].in_30_days)
        for node in graph.nodes.values()
        if node.kind is Kind.RESOURCE and node.id in history
    ]
    return sorted(found, key=lambda each: (each.last_at, each.node.id))


def _daily(ages: list[Aged]) -> list[Aged]:
    found = [each for each in ages if each.changes >= _DAILY_IN_30_DAYS]
    return sorted(found, key=lambda each: (-each.changes, each.node.id))[:_MOST]
