"""A repository of Terraform as a graph: what is written where, and what uses what. Pure.

A module's folder is in it once, however often it is called: a node is something that is written, not something that runs.
`expand` gives the addresses under which it runs.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from butai.inventory.parts import FOLDERS, Edge, Kind, Node, Problem, Uses
from butai.inventory.reach import Backwards, Reach
from butai.inventory.ways import all_of, reach_of, waits
from butai.terraform.hcl_blocks import Expression
from butai.terraform.state_index import without_indexes

__all__ = ["FOLDERS", "MOST_CALLS", "Edge", "Graph", "Kind", "Module", "Node", "Problem", "Uses"]

_T = TypeVar("_T")
# A module that calls two others twice each, twenty levels deep, has a million addresses.
MOST_CALLS = 100_000


@dataclass
class Module:
    """A folder with configuration. `calls`: the folder in this repository that each call reads, none for one elsewhere."""

    folder: str
    is_root: bool = False
    calls: dict[str, str | None] = field(default_factory=dict)
    requirements: dict[str, tuple[str, str]] = field(default_factory=dict)
    required_version: str = ""
    tfvars: dict[str, dict[str, Expression]] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()


@dataclass
class Graph:
    """The whole of a repository. Nodes are in the order of folders, files and lines.

    `handed`: how configured providers come to resources, from module to module; what an edge leads over may be no node, where
    a module only passes a provider on. `terragrunt`: whether Terragrunt runs the engine here; it may write variables,
    providers and backends that stand in no file.
    """

    repository: str
    # Written out, a graph is as long as its repository: no error and no log needs that.
    nodes: dict[str, Node] = field(default_factory=dict, repr=False)
    edges: list[Edge] = field(default_factory=list, repr=False)
    modules: dict[str, Module] = field(default_factory=dict, repr=False)
    problems: list[Problem] = field(default_factory=list, repr=False)
    handed: list[Edge] = field(default_factory=list, repr=False)
    terragrunt: bool = False

    @cached_property
    def uses(self) -> Mapping[str, list[Edge]]:
        """The edges that leave each node."""
        return _grouped(self.edges, lambda edge: edge.source)

    @cached_property
    def used_by(self) -> Mapping[str, list[Edge]]:
        """The edges that reach each node."""
        return _grouped(self.edges, lambda edge: edge.target)

    @cached_property
    def digest(self) -> str:
        """A hash of what a picture of the graph depends on."""
        said = hashlib.sha256()
        for node in self.nodes.values():
            said.update(f"{node.id}\0{node.kind}\0{node.file}\0{node.line}\n".encode())
        for edge in self.edges:
            said.update(f"{edge.source}\0{edge.target}\0{edge.uses}\n".encode())
        return said.hexdigest()

    def in_module(self, folder: str) -> list[Node]:
        """What is written in one folder."""
        return self._written.get(folder, [])

    @cached_property
    def _written(self) -> Mapping[str, list[Node]]:
        return _grouped((each for each in self.nodes.values() if each.kind not in FOLDERS), lambda node: node.module)

    def needs(self, start: str) -> set[str]:
        """Everything that a node needs, directly or not; in a module, whoever calls it. A folder needs what is in it."""
        called = self.called.get(start)
        inside = {all_of(called)} if called else set()
        return self._others(start, self._reach.needs(self._starts(start), inside))

    def impact(self, start: str) -> set[str]:
        """Everything that needs a node, directly or not: what a change of it may reach."""
        called = self.called.get(start)
        inside = {waits(called)} if called else set()
        return self._others(start, self._reach.impact(self._starts(start), inside))

    @property
    def backwards(self) -> Backwards:
        """What `impact` follows, for what follows it without this."""
        return self._reach.backwards

    def _starts(self, start: str) -> set[str]:
        return {start, *(each.id for each in self.in_module(start))} if start in self.modules else {start}

    def _others(self, start: str, reached: set[str]) -> set[str]:
        return {each for each in reached if each in self.nodes and each != start}

    @cached_property
    def called(self) -> Mapping[str, str]:
        """The folder that each call reads, where it is in this repository."""
        calls = (
            (each, self.modules[each.module].calls.get(each.name))
            for each in self.nodes.values()
            if each.kind is Kind.CALL
        )
        return {call.id: folder for call, folder in calls if folder in self.modules}

    @cached_property
    def _reach(self) -> Reach:
        return reach_of(self.nodes.values(), self.edges, self.handed, self.called)

    def around(self, start: str, steps: int) -> dict[str, int]:
        """The nodes up to so many steps away in either direction, each with its distance."""
        distance = {start: 0}
        waiting = deque([start])
        while waiting:
            at = waiting.popleft()
            if distance[at] == steps:
                continue
            beside = [edge.target for edge in self.uses.get(at, ())] + [
                edge.source for edge in self.used_by.get(at, ())
            ]
            for each in beside:
                if each not in distance:
                    distance[each] = distance[at] + 1
                    waiting.append(each)
        return distance

    def roots(self) -> list[Module]:
        """The folders that somebody runs the engine in."""
        return [each for each in self.modules.values() if each.is_root]

    def expand(self, root: str) -> Iterator[tuple[str, str]]:
        """Every module under a root as the engine sees it: the prefix of its addresses (`module.net.`), and its folder.

        A call in a circle and what is behind MOST_CALLS calls are left out.
        """
        waiting: list[tuple[str, str, tuple[str, ...]]] = [("", root, (root,))]
        for _ in range(MOST_CALLS):
            if not waiting:
                return
            prefix, folder, above = waiting.pop()
            yield prefix, folder
            for name, called in sorted(self.modules[folder].calls.items(), reverse=True):
                if called is not None and called in self.modules and called not in above:
                    waiting.append((f"{prefix}module.{name}.", called, (*above, called)))

    def find(self, root: str, address: str) -> Node | None:
        """The node behind an address of a root's state or plan, such as `module.net["a"].aws_subnet.this[0]`."""
        folder, rest = root, without_indexes(address).split(".")
        while rest[0] == "module" and len(rest) > 2:
            called = self.modules[folder].calls.get(rest[1]) if folder in self.modules else None
            if called is None:
                return None
            folder, rest = called, rest[2:]
        return self.nodes.get(f"{folder}:{'.'.join(rest)}")


def _grouped(each_one: Iterable[_T], of: Callable[[_T], str]) -> Mapping[str, list[_T]]:
    found: defaultdict[str, list[_T]] = defaultdict(list)
    for each in each_one:
        found[of(each)].append(each)
    return found
