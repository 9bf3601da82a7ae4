"""The graph of a repository, from its parsed files. Pure."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from butai.inventory.declared import Declared
from butai.inventory.links import missing
from butai.inventory.memory import Folder, Memory, Piece
from butai.inventory.model import Edge, Graph, Kind, Node, Problem, Uses
from butai.inventory.providers import provider_edges
from butai.terraform.hcl_literals import UNKNOWN
from butai.text import text

# What says where a state lies.
_PLACE: Final = ("bucket", "key", "path", "address", "workspaces")
# A link to a link to a link.
_MOST_LINKS: Final = 10
NO_LINKS: Final[Mapping[str, str]] = {}


def build(
    repository: str,
    folders: Mapping[str, Folder],
    linked: Mapping[str, str] = NO_LINKS,
    *,
    terragrunt: bool = False,
    memory: Memory | None = None,
) -> Graph:
    """The whole graph. What could not be read costs its own blocks only, and is said in `problems`.

    `linked`: folders that are links, with the folder that each leads to. `terragrunt`: whether it runs the engine here.
    `memory`: of the graph before it.
    """
    graph = Graph(repository, terragrunt=terragrunt)
    graph.nodes[""] = Node("", Kind.REPOSITORY, "", "", repository)
    memory = Memory() if memory is None else memory
    pieces: dict[str, Piece] = {}
    for path in sorted(each for each in folders if folders[each].files or folders[each].overrides):
        pieces[path] = piece = memory.piece(path, folders[path])
        graph.problems += piece.problems
        graph.modules[path] = replace(piece.module, calls={})
        graph.nodes[path] = Node(path, Kind.MODULE, path, path, path.rpartition("/")[2] if path != "." else repository)
        graph.nodes.update(piece.nodes)
    for path, piece in pieces.items():
        _resolve_calls(graph, path, piece.calls, linked)
    _tell_roots(graph)
    for path, piece in pieces.items():
        graph.edges += memory.links(graph, path, pieces)
        graph.problems += missing(path, piece.missing, terragrunt=terragrunt)
    found, graph.handed = provider_edges(graph, {path: piece.providers for path, piece in pieces.items()})
    graph.edges += found
    graph.edges += _remote_states(graph)
    graph.problems += _circles(graph)
    memory.forget_others(pieces)
    return graph


def _resolve_calls(graph: Graph, path: str, calls: Iterable[Declared], linked: Mapping[str, str]) -> None:
    module = graph.modules[path]
    for each in calls:
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
            known = version if isinstance(version, str) else ""
            graph.nodes.setdefault(source, Node(source, Kind.EXTERNAL, "", source, source, type=known))


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
    readers = [each for each in graph.nodes.values() if each.type == "terraform_remote_state" and each.block]
    backends = [each for each in graph.nodes.values() if each.kind is Kind.BACKEND and each.block] if readers else []
    by_names: dict[tuple[str, ...], dict[str, list[Node]]] = {}
    for reader in readers:
        kind, config = (reader.block.value(name) for name in ("backend", "config")) if reader.block else ("", None)
        said = {name: config[name] for name in _PLACE if name in config} if isinstance(config, dict) else {}
        names = tuple(said)
        if names not in by_names:
            by_names[names] = _by_place(backends, names)
        for backend in by_names[names].get(_place(kind, list(said.values())), ()):
            yield Edge(reader.id, backend.id, Uses.REMOTE_STATE, "config", reader.line)


def _by_place(backends: Iterable[Node], names: Sequence[str]) -> dict[str, list[Node]]:
    """Backends by what they say of their place: there may be hundreds, and as many that read them."""
    found: defaultdict[str, list[Node]] = defaultdict(list)
    for each in backends if names else ():
        if each.block:
            found[_place(each.name, [each.block.value(name) for name in names])].append(each)
    return found


def _place(kind: object, values: Sequence[object]) -> str:
    return repr((kind, values))


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
