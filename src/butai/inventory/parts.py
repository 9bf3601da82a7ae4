"""What a graph is made of: nodes, edges and problems. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from butai.terraform.hcl_blocks import Block, Comment, Expression


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
# Arguments of a call that everything in the called module waits for.
WAITED_FOR: Final = frozenset({"count", "for_each", "depends_on"})


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
    """`source` needs `target`, because of what is written in `attribute` at `line`.

    `call`: the module call that it goes through, into the called folder or out of it. A called folder as the target is all
    that is in it; as the source of a `depends-on` it is each of its nodes, and what its own calls hold.
    """

    source: str
    target: str
    uses: Uses
    attribute: str = ""
    line: int = 0
    call: str = ""


@dataclass(frozen=True)
class Problem:
    """What could not be read or understood, and where. `line` is 0 for a whole file or folder."""

    file: str
    line: int
    what: str


def _named(block: Block, prefix: str) -> Iterator[tuple[str, Expression]]:
    for name, expression in block.attributes.items():
        yield prefix + name, expression
    for inner in block.blocks:
        # A dynamic block is named by what it makes.
        name = inner.labels[0] if inner.type == "dynamic" and inner.labels else inner.type
        yield from _named(inner, f"{prefix}{name}.")
