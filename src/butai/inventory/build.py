"""The graph of a repository, from its parsed files. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from butai.inventory.declared import Declared, declarations
from butai.inventory.links import links, missing
from butai.inventory.model import Edge, Graph, Kind, Module, Node, Problem, Uses
from butai.inventory.providers import provider_edges
from butai.terraform.hcl_blocks import Block, Expression, Parsed
from butai.terraform.hcl_literals import UNKNOWN
from butai.text import text

# A link to a link to a link.
_MOST_LINKS: Final = 10
NO_LINKS: Final[Mapping[str, str]] = {}


@dataclass
class Folder:
    """What one folder holds, in the order of names. `files`: its configuration. Paths are relative to the repository."""

    files: list[tuple[str, Parsed]] = field(default_factory=list)
    overrides: list[tuple[str, Parsed]] = field(default_factory=list)
    tfvars: list[tuple[str, Parsed]] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)


def build(
    repository: str, folders: Mapping[str, Folder], linked: Mapping[str, str] = NO_LINKS, *, terragrunt: bool = False
) -> Graph:
    """The whole graph. What could not be read costs its own blocks only, and is said in `problems`.

    `linked`: folders that are links, with the folder that each leads to. `terragrunt`: whether it runs the engine here.
    """
    graph = Graph(repository, terragrunt=terragrunt)
    graph.nodes[""] = Node("", Kind.REPOSITORY, "", "", repository)
    declared: dict[str, dict[str, Declared]] = {}
    for path in sorted(each for each in folders if folders[each].files or folders[each].overrides):
        declared[path], problems = declarations(folders[path].files, folders[path].overrides)
        graph.problems += [*_unread(folders[path]), *problems]
        graph.modules[path] = _module(path, folders[path], declared[path])
        _add_nodes(graph, path, declared[path])
    for path, addresses in declared.items():
        _resolve_calls(graph, path, addresses, linked)
    _tell_roots(graph)
    for path, addresses in declared.items():
        graph.edges += links(graph, path, addresses)
        graph.problems += missing(path, addresses, terragrunt=terragrunt)
    found, graph.handed = provider_edges(graph)
    graph.edges += found
    graph.edges += _remote_states(graph)
    graph.problems += _circles(graph)
    return graph


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


def _add_nodes(graph: Graph, path: str, declared: Mapping[str, Declared]) -> None:
    name = path.rpartition("/")[2] if path != "." else graph.repository
    graph.nodes[path] = Node(path, Kind.MODULE, path, path, name)
    for address, each in declared.items():
        block = each.block
        graph.nodes[f"{path}:{address}"] = Node(
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
            comments=each.above + block.comments,
            block=block,
            expression=each.expression,
            overridden_in=tuple(each.overridden_in),
        )


def _resolve_calls(graph: Graph, path: str, declared: Mapping[str, Declared], linked: Mapping[str, str]) -> None:
    module = graph.modules[path]
    for each in declared.values():
        if each.kind is not Kind.CALL:
            continue
        expression = each.block.attributes.get("source")
        source = expression.value if expression else UNKNOWN
        call = graph.nodes[f"{path}:{each.address}"]
        if not isinstance(source, str):
            graph.problems.append(Problem(each.file, each.block.line, text("this module's source cannot be read")))
            module.calls[each.name] = None
            continue
        module.calls[each.name] = target = _called(graph, path, source, each, linked)
        graph.edges.append(Edge(call.id, target or source, Uses.SOURCE, "source", expression.line if expression else 0))
        if target is None:
            version = each.block.value("version", "")
            graph.nodes.setdefault(source, Node(source, Kind.EXTERNAL, "", source, source, type=_known(version)))


def _called(graph: Graph, path: str, source: str, call: Declared, linked: Mapping[str, str]) -> str | None:
    """The folder that a call reads; none where it is elsewhere. What is wrong with it is told."""
    if not source.startswith(("./", "../")):
        return None
    folder = _real(posixpath.normpath(posixpath.join(path, source)), linked)
    if folder == ".." or folder.startswith(("../", "/")):
        words = text("the module `{source}` lies outside of this repository", source=source)
    elif folder not in graph.modules:
        words = text(
            "the module `{source}` is not there: `{folder}` holds no configuration", source=source, folder=folder
        )
    else:
        return folder
    graph.problems.append(Problem(call.file, call.block.line, words))
    return None


def _real(folder: str, linked: Mapping[str, str]) -> str:
    """Where a folder is whose path may lead over links. One that never ends is nowhere."""
    for _ in range(_MOST_LINKS):
        parts = folder.split("/")
        paths = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        link = next((each for each in paths if each in linked), None)
        if link is None:
            break
        folder = posixpath.normpath(linked[link] + folder[len(link) :])
    return folder


def _tell_roots(graph: Graph) -> None:
    """A folder that nothing calls is one that the engine is run in, and so is one that says where its state lies."""
    called = {folder for each in graph.modules.values() for folder in each.calls.values()}
    keeping = {each.module for each in graph.nodes.values() if each.kind is Kind.BACKEND}
    for path, module in graph.modules.items():
        if path not in called or path in keeping:
            module.is_root = True
            graph.nodes[path].kind = Kind.ROOT


def _remote_states(graph: Graph) -> Iterator[Edge]:
    """From each `terraform_remote_state` to the backend of the root it reads, where both say enough to tell."""
    backends = [each for each in graph.nodes.values() if each.kind is Kind.BACKEND and each.block]
    for reader in graph.nodes.values():
        if reader.type != "terraform_remote_state" or reader.block is None:
            continue
        config = reader.block.value("config")
        kind = reader.block.value("backend", "")
        for backend in backends:
            if isinstance(config, dict) and backend.name == kind and _same_place(config, backend.block):
                yield Edge(reader.id, backend.id, Uses.REMOTE_STATE, "config", reader.line)


def _same_place(config: Mapping[str, object], backend: Block | None) -> bool:
    place = {name for name in ("bucket", "key", "path", "address", "workspaces") if name in config}
    return bool(place) and backend is not None and all(backend.value(name) == config[name] for name in place)


def _circles(graph: Graph) -> Iterator[Problem]:
    """Modules that call each other in a circle: the engine would never end, and refuses them."""
    done: set[str] = set()
    for start in graph.modules:
        way: list[tuple[str, Iterator[str | None]]] = []
        if start not in done:
            way = [(start, iter(graph.modules[start].calls.values()))]
        while way:
            at, calls = way[-1]
            called = next(calls, "")
            if called == "":
                done.add(at)
                way.pop()
            elif called in [each for each, _ in way]:
                words = text("modules call each other in a circle, from here to `{folder}`", folder=called)
                yield Problem(graph.modules[at].files[0], 0, words)
            elif called is not None and called not in done:
                way.append((called, iter(graph.modules[called].calls.values())))
