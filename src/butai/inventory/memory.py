"""What one folder comes to by itself, and what was worked out of it before: a commit changes a few folders of many. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from butai.inventory.declared import Declared, declarations
from butai.inventory.links import links, undeclared
from butai.inventory.model import Edge, Graph, Kind, Module, Node, Problem
from butai.inventory.providers import ProvidersOfFolder, providers_of
from butai.terraform.hcl_blocks import Block, Expression, Parsed


@dataclass
class Folder:
    """What one folder holds, in the order of names. `files`: its configuration. Paths are relative to the repository."""

    files: list[tuple[str, Parsed]] = field(default_factory=list)
    overrides: list[tuple[str, Parsed]] = field(default_factory=list)
    tfvars: list[tuple[str, Parsed]] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Piece:
    """A folder by itself. `module` has no calls yet; `missing`: file, line and name of what is declared nowhere in it."""

    folder: Folder
    declared: dict[str, Declared]
    problems: Sequence[Problem]
    module: Module
    nodes: Mapping[str, Node]
    calls: Sequence[Declared]
    missing: Sequence[tuple[str, int, str]]
    providers: ProvidersOfFolder


@dataclass(frozen=True)
class _Links:
    """A folder's edges, and what they follow from: it, and what its calls read. Pieces are compared by what they are."""

    piece: Piece
    called: Mapping[str, tuple[str | None, Piece | None]]
    edges: Sequence[Edge]


class Memory:
    """Of one repository. What is in it is only replaced, never changed: a copy may be used beside it."""

    def __init__(self) -> None:
        self._pieces: dict[str, Piece] = {}
        self._links: dict[str, _Links] = {}

    def copy(self) -> Memory:
        """Another one that knows the same."""
        made = Memory()
        made._pieces, made._links = dict(self._pieces), dict(self._links)
        return made

    def piece(self, path: str, folder: Folder) -> Piece:
        """A folder by itself; the one of before where its files are the same."""
        known = self._pieces.get(path)
        if known is None or known.folder != folder:
            self._pieces[path] = known = _piece(path, folder)
        return known

    def links(self, graph: Graph, path: str, pieces: Mapping[str, Piece]) -> Sequence[Edge]:
        """A folder's edges, once the calls of all are resolved."""
        calls = graph.modules[path].calls
        called = {name: (folder, pieces.get(folder) if folder else None) for name, folder in calls.items()}
        known = self._links.get(path)
        if known is None or known.piece is not pieces[path] or known.called != called:
            edges = list(links(graph, path, pieces[path].declared))
            self._links[path] = known = _Links(pieces[path], called, edges)
        return known.edges

    def forget_others(self, folders: Collection[str]) -> None:
        """Keep only these."""
        self._pieces = {path: each for path, each in self._pieces.items() if path in folders}
        self._links = {path: each for path, each in self._links.items() if path in folders}


def _piece(path: str, folder: Folder) -> Piece:
    declared, problems = declarations(folder.files, folder.overrides)
    nodes = {each.id: each for each in _nodes(path, declared)}
    return Piece(
        folder,
        declared,
        [*_unread(folder), *problems],
        _module(path, folder, declared),
        nodes,
        [each for each in declared.values() if each.kind is Kind.CALL],
        list(undeclared(declared)),
        providers_of(nodes),
    )


def _unread(folder: Folder) -> Iterator[Problem]:
    for _, parsed in [*folder.files, *folder.overrides, *folder.tfvars]:
        if parsed.problem:
            yield Problem(parsed.problem.file, parsed.problem.line, parsed.problem.what)


def _module(path: str, folder: Folder, declared: Mapping[str, Declared]) -> Module:
    settings = [each.block for each in declared.values() if each.kind is Kind.SETTINGS]
    versions = [each.value("required_version") or each.text("required_version") for each in settings]
    return Module(
        path,
        requirements={name: each for block in settings for name, each in _requirements(block)},
        required_version=", ".join(each for each in versions if each),
        tfvars={file: dict(parsed.body.attributes) for file, parsed in folder.tfvars},
        files=tuple(file for file, _ in [*folder.files, *folder.overrides]),
        tests=tuple(folder.tests),
    )


def _requirements(settings: Block) -> Iterator[tuple[str, tuple[str, str]]]:
    for block in settings.of_type("required_providers"):
        for name, expression in block.attributes.items():
            wanted = expression.value
            if isinstance(wanted, dict):
                yield name, (_known(wanted.get("source")) or f"hashicorp/{name}", _known(wanted.get("version")))
            else:
                # Before Terraform 0.13 it was the version alone; with `configuration_aliases` it is no literal.
                yield name, _written(name, expression)


def _known(value: object) -> str:
    return value if isinstance(value, str) else ""


def _written(name: str, expression: Expression) -> tuple[str, str]:
    if isinstance(expression.value, str):
        return f"hashicorp/{name}", expression.value
    found = {"source": f"hashicorp/{name}", "version": ""}
    for line in expression.text.splitlines():
        key, _, value = line.partition("=")
        if key.strip() in found and value.strip().startswith('"'):
            found[key.strip()] = value.strip().split('"')[1]
    return found["source"], found["version"]


def _nodes(path: str, declared: Mapping[str, Declared]) -> Iterator[Node]:
    for address, each in declared.items():
        block = each.block
        yield Node(
            id=f"{path}:{address}",
            kind=each.kind,
            module=path,
            address=address,
            name=each.name,
            type=each.type,
            file=each.file,
            line=block.line,
            end_line=block.end_line,
            column=block.column,
            end_column=block.end_column,
            comments=tuple(sorted({*each.around, *block.comments}, key=lambda note: note.line)),
            block=block,
            expression=each.expression,
            overridden_in=tuple(each.overridden_in),
        )
