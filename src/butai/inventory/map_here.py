"""What `butai map` does: a repository in a folder, read and shown. No server, no network, no engine."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from butai.errors import NotFoundError, WrongUseError, nearest
from butai.inventory.beside import age_and_churn_of, show_most_changed, show_state
from butai.inventory.document import document, node_document
from butai.inventory.kept import kept
from butai.inventory.model import Graph, Kind, Node
from butai.inventory.read_by_code import FolderFiles
from butai.inventory.reading import Cache, WorkingFolder, read_graph
from butai.inventory.summary import Summary, summarise
from butai.inventory.values import Values
from butai.settings import Settings
from butai.terminal import print_json, say, table
from butai.text import text

_COUNTED = {
    Kind.ROOT: "roots",
    Kind.MODULE: "modules",
    Kind.EXTERNAL: "modules from elsewhere",
    Kind.CALL: "module calls",
    Kind.RESOURCE: "resources",
    Kind.DATA: "data sources",
    Kind.VARIABLE: "variables",
    Kind.LOCAL: "locals",
    Kind.OUTPUT: "outputs",
}
_SHOWN = 12
_ENGINES = ("terraform", "tofu")


@dataclass(frozen=True)
class Asked:
    """What is wanted, as the command's options name it. `keeps`: what is read is kept for the next time."""

    impact: str
    needs: str
    engine: str
    workspace: str
    state: Path | None
    root: str
    html: Path | None
    keeps: bool
    history: bool
    lines: bool
    as_json: bool


def show(path: Path, asked: Asked) -> None:
    """Read the folder and print, or write, what was asked for. Raises NotFoundError and WrongUseError."""
    _check(asked)
    source = WorkingFolder(path)
    graph, files = _read(source, asked.engine, cache=asked.keeps)
    # None of its half a million objects is garbage: they need not be looked at for it, now and when the process ends.
    gc.freeze()
    if asked.html is not None:
        _write(asked.html, _page(graph, source, files, asked))
    elif asked.impact or asked.needs:
        _show_reached(graph, asked.impact or asked.needs, backwards=bool(asked.impact), as_json=asked.as_json)
    elif asked.state is not None:
        show_state(graph, asked.state, asked.root, as_json=asked.as_json)
    elif asked.as_json:
        print_json(document(graph, Values(graph, FolderFiles(source.path), asked.workspace or None)))
    else:
        _show(graph, summarise(graph))
        if asked.history:
            show_most_changed(source.path, files)


def _check(asked: Asked) -> None:
    """Refuse what would be left out without a word."""
    if asked.engine not in {"", *_ENGINES}:
        raise WrongUseError(f"`{asked.engine}` is no engine.", next="Say `terraform` or `tofu`.", where="--engine")
    wanted = {"--html": asked.html, "--impact": asked.impact, "--needs": asked.needs, "--state": asked.state}
    named = [flag for flag, each in wanted.items() if each]
    if len(named) > 1 or (asked.html and asked.as_json):
        both = ", ".join([*named, *(["--json"] if asked.as_json else [])])
        raise WrongUseError(f"One at a time: {both}.", next="Run it once for each.", where=named[-1])
    if asked.root and asked.state is None:
        raise WrongUseError("A root is named for its state alone.", next="Say `--state FILE` too.", where="--root")


def _page(graph: Graph, source: WorkingFolder, files: Cache, asked: Asked) -> str:
    # Few ask for it, and it takes longer to load than most repositories to read.
    from butai.inventory.alone_pages import page

    now = datetime.now(UTC)
    figures = age_and_churn_of(source.path, files, now) if asked.history else {}
    return page(graph, now.astimezone().date(), source.content if asked.lines else None, figures)


def _write(file: Path, content: str) -> None:
    try:
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise WrongUseError(
            text("`{file}` cannot be written ({problem}).", file=str(file), problem=str(error.strerror)),
            where="--html",
            code="not-written",
        ) from error
    say(f"{file} is written: open it in a browser.")


def _read(source: WorkingFolder, engine: str, *, cache: bool) -> tuple[Graph, Cache]:
    """The graph, and what was parsed for it."""
    files: Cache = {}
    if not cache:
        return read_graph(source, files, engine), files
    with kept(Settings().cache / "parsed", source.path) as files:
        return read_graph(source, files, engine), files


def _show_reached(graph: Graph, name: str, *, backwards: bool, as_json: bool) -> None:
    node = _node(graph, name)
    reached = graph.impact(node.id) if backwards else graph.needs(node.id)
    nodes = [graph.nodes[each] for each in sorted(reached) if each in graph.nodes]
    if as_json:
        print_json([node_document(each) for each in nodes])
        return
    if not nodes:
        say(f"Nothing needs {node.id}." if backwards else f"{node.id} needs nothing.")
        return
    table(["NODE", "KIND", "WHERE"], [[each.id, each.kind, f"{each.file}:{each.line}"] for each in nodes])


def _node(graph: Graph, name: str) -> Node:
    """By its id, or by its address where only one folder has such a one. Raises NotFoundError."""
    found = (
        [graph.nodes[name]] if name in graph.nodes else [each for each in graph.nodes.values() if each.address == name]
    )
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(each.id for each in found)
        raise NotFoundError(
            text("`{name}` is in several folders.", name=name),
            next=text("Say which: {places}.", places=places),
            code="ambiguous-node",
        )
    hint = nearest(name, {*graph.nodes, *(each.address for each in graph.nodes.values())})
    raise NotFoundError(
        text("There is no `{name}` in this repository.", name=name),
        next=hint or text("`butai map PATH --json` lists every node with its id."),
        code="no-such-node",
    )


def _show(graph: Graph, summary: Summary) -> None:
    counted = [f"{summary.counts[kind]} {word}" for kind, word in _COUNTED.items() if summary.counts.get(kind)]
    say(f"{graph.repository}: {', '.join(counted) or 'no Terraform'}, in {summary.files} files")
    roots = sorted(summary.roots, key=lambda each: -each.resources)
    _section("Roots", ["FOLDER", "RESOURCES", "MODULES", "STATE"], [[*vars(each).values()] for each in roots])
    _section("Resources", ["KIND", "COUNT"], [[*each] for each in summary.kinds])
    providers: list[list[object]] = [
        [source, " | ".join(versions) or "any"] for source, versions in summary.providers.items()
    ]
    _section("Providers", ["PROVIDER", "VERSIONS"], providers)
    needed: list[list[object]] = [
        [each.node.id, each.by, f"{each.node.file}:{each.node.line}"] for each in summary.needed
    ]
    _section("Most depended on", ["NODE", "BY", "WHERE"], needed)
    if graph.problems:
        say("\nWhat could not be read or understood")
    for each in graph.problems[:_SHOWN]:
        say(f"{each.file}{f':{each.line}' if each.line else ''}: {each.what}")
    _say_more(len(graph.problems))


def _section(title: str, columns: list[str], rows: list[list[object]]) -> None:
    if rows:
        say(f"\n{title}")
        table(columns, [[str(cell) for cell in row] for row in rows[:_SHOWN]])
        _say_more(len(rows))


def _say_more(count: int) -> None:
    if count > _SHOWN:
        say(f"and {count - _SHOWN} more (--json has all)")
