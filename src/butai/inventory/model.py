"""A repository of Terraform as a graph: what is written where, and what uses what. Pure.

A module's folder is in it once, however often it is called: a node is something that is written, not something that runs.
`expand` gives the addresses under which it runs.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from butai.terraform.hcl_blocks import Block, Comment, Expression

# A module that calls two others twice each, twenty levels deep, has a million addresses.
MOST_CALLS = 100_000


class Kind(StrEnum):
    """What a node is."""

    REPOSITORY = "repository"
    ROOT = "root"
    MODULE = "module"
    EXTERNAL = "external-module"
    CALL = "module-call"
    RESOURCE = "resource"
    DATA = "data"
    EPHEMERAL = "ephemeral"
    VARIABLE = "variable"
    LOCAL = "local"
    OUTPUT = "output"
    PROVIDER = "provider"
    BACKEND = "backend"
    SETTINGS = "settings"
    MOVED = "moved"
    IMPORT = "import"
    REMOVED = "removed"
    CHECK = "check"
    OTHER = "other"


FOLDERS = frozenset({Kind.ROOT, Kind.MODULE})


class Uses(StrEnum):
    """Why one node needs another."""

    REFERENCE = "reference"
    DEPENDS_ON = "depends-on"
    PROVIDER = "provider"
    SOURCE = "source"
    INPUT = "input"
    OUTPUT = "output"
    REMOTE_STATE = "remote-state"


@dataclass(slots=True)
class Node:
    """Something that is written. `id` is `FOLDER:ADDRESS`; a folder's own id is its path (`.` for the top).

    `file` is relative to the repository; lines and columns count from 1, columns in characters, the end one behind the last;
    in JSON and for folders columns are 0. `comments`: those inside it, and those that stand right above it.
    """

    id: str
    kind: Kind
    module: str
    address: str
    name: str
    type: str = ""
    file: str = ""
    line: int = 0
    end_line: int = 0
    column: int = 0
    end_column: int = 0
    comments: tuple[Comment, ...] = ()
    block: Block | None = None
    expression: Expression | None = None
    overridden_in: tuple[str, ...] = ()

    def expressions(self) -> Iterator[tuple[str, Expression]]:
        """Every expression as written, with its dotted name inside the block."""
        if self.expression is not None:
            yield "value", self.expression
        if self.block is not None:
            yield from _named(self.block, "")


@dataclass(frozen=True, slots=True)
class Edge:
    """`source` needs `target`, because of what is written in `attribute` at `line` of the source's file."""

    source: str
    target: str
    uses: Uses
    attribute: str = ""
    line: int = 0


@dataclass(frozen=True)
class Problem:
    """What could not be read or understood, and where. `line` is 0 for a whole file or folder."""

    file: str
    line: int
    what: str


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
    """The whole of a repository. Nodes are in the order of folders, files and lines."""

    repository: str
    # Written out, a graph is as long as its repository: no error and no log needs that.
    nodes: dict[str, Node] = field(default_factory=dict, repr=False)
    edges: list[Edge] = field(default_factory=list, repr=False)
    modules: dict[str, Module] = field(default_factory=dict, repr=False)
    problems: list[Problem] = field(default_factory=list, repr=False)

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
        return [each for each in self.nodes.values() if each.module == folder and each.kind not in FOLDERS]

    def needs(self, start: str) -> set[str]:
        """Everything that a node needs, directly or not."""
        return _reached(start, lambda at: (edge.target for edge in self.uses.get(at, ())))

    def impact(self, start: str) -> set[str]:
        """Everything that needs a node, directly or not: what a change of it may reach."""
        return _reached(start, lambda at: (edge.source for edge in self.used_by.get(at, ())))

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
        folder, rest = root, without_keys(address).split(".")
        while rest[0] == "module" and len(rest) > 2:
            called = self.modules[folder].calls.get(rest[1]) if folder in self.modules else None
            if called is None:
                return None
            folder, rest = called, rest[2:]
        return self.nodes.get(f"{folder}:{'.'.join(rest)}")


def without_keys(address: str) -> str:
    """An address without the keys of `count` and `for_each`: `a.b["x.y"].c[0]` is `a.b.c`."""
    said, quoted, depth = [], False, 0
    before = ""
    for letter in address:
        if letter == '"' and before != "\\":
            quoted = not quoted
        depth += (letter == "[") if not quoted else 0
        if depth == 0:
            said.append(letter)
        depth -= (letter == "]") if not quoted and depth else 0
        before = "" if before == "\\" else letter
    return "".join(said)


def _named(block: Block, prefix: str) -> Iterator[tuple[str, Expression]]:
    for name, expression in block.attributes.items():
        yield prefix + name, expression
    for inner in block.blocks:
        # A dynamic block is named by what it makes.
        name = inner.labels[0] if inner.type == "dynamic" and inner.labels else inner.type
        yield from _named(inner, f"{prefix}{name}.")


def _grouped(edges: Iterable[Edge], of: Callable[[Edge], str]) -> Mapping[str, list[Edge]]:
    found: defaultdict[str, list[Edge]] = defaultdict(list)
    for each in edges:
        found[of(each)].append(each)
    return found


def _reached(start: str, beside: Callable[[str], Iterable[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for each in beside(waiting.pop()):
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return seen - {start}
