"""`butai map`: a repository of Terraform at a glance. It reads files and nothing else: no server, no network, no engine."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from butai.client import Api, connect
from butai.errors import NotFoundError, WrongUseError, did_you_mean
from butai.inventory.beside import age_and_churn_of, show_most_changed, show_state
from butai.inventory.document import document, node_document
from butai.inventory.kept import kept
from butai.inventory.model import Graph, Kind, Node
from butai.inventory.reading import Cache, WorkingFolder, read_graph
from butai.inventory.summary import Summary, summarise
from butai.inventory.values import Values
from butai.settings import Settings
from butai.terminal import JsonFlag, print_json, say, table
from butai.text import text

app = typer.Typer(no_args_is_help=True, help="Inventory: the repositories that the server knows, and what is in them.")
RepositoryArgument = Annotated[str, typer.Argument(help="The repository's name in the inventory.")]

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


def api() -> Api:
    """The server that these commands talk to."""
    return connect(Settings())


@app.command(name="list")
def list_(json: JsonFlag = False) -> None:
    """Every repository of the inventory."""
    found = api().get("/api/v1/inventory")
    if json:
        print_json(found)
        return
    if not found:
        say(
            "No repository yet. `butai inventory add PATH-OR-GIT-URL` adds one; those of blueprints are here by themselves."
        )
        return
    rows = [[each["name"], each["ref"], each["commit"][:7], each["location"], each["failure"]] for each in found]
    table(["NAME", "REF", "COMMIT", "WHERE", "PROBLEM"], rows)


@app.command()
def add(
    repository: Annotated[str, typer.Argument(help="A git URL, or a path on the server's machine.")],
    ref: Annotated[str, typer.Option(help="Branch or tag; the repository's default branch if not given.")] = "",
    name: Annotated[str, typer.Option(help="Its name in the inventory; the repository's own if not given.")] = "",
    json: JsonFlag = False,
) -> None:
    """Add a repository: it is only read, and nothing in it is run."""
    path = Path(repository).expanduser()
    where = str(path.absolute()) if path.exists() else repository
    found = api().post("/api/v1/inventory", {"repository": where, "ref": ref, "name": name})
    if json:
        print_json(found)
        return
    say(f"{found['name']} is in the inventory, at {found['commit'][:7]} of {found['ref']}.")


@app.command()
def remove(name: RepositoryArgument) -> None:
    """Forget a repository that was added."""
    api().delete(f"/api/v1/inventory/{name}")
    say(f"{name} is not in the inventory any more.")


@app.command()
def show(name: RepositoryArgument, json: JsonFlag = False) -> None:
    """What is in a repository, at the newest commit that the server knows."""
    found = api().get(f"/api/v1/inventory/{name}")
    if json:
        print_json(found)
        return
    counts = found["counts"]
    say(f"{name}: {', '.join(f'{count} {what}' for what, count in counts.items())}")
    rows = [["where", found["location"]], ["ref", found["ref"]], ["commit", found["commit"]]]
    table(["WHAT", "VALUE"], [*rows, *([["problem", found["failure"]]] if found["failure"] else [])])


def show_map(
    path: Annotated[Path, typer.Argument(help="The folder of a repository with Terraform or OpenTofu in it.")],
    impact: Annotated[str, typer.Option(metavar="NODE", help="What a change of this node may reach.")] = "",
    needs: Annotated[str, typer.Option(metavar="NODE", help="Everything that this node needs.")] = "",
    engine: Annotated[str, typer.Option(help="Read as `terraform` or as `tofu` would, where files differ.")] = "",
    workspace: Annotated[str, typer.Option(help="What `terraform.workspace` is, for --json's values.")] = "",
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A root's state, to compare with its code.")
    ] = None,
    root: Annotated[str, typer.Option(metavar="FOLDER", help="The root that --state is of.")] = "",
    cache: Annotated[bool, typer.Option(help="Keep what is read: unchanged files are not parsed again.")] = True,
    history: Annotated[bool, typer.Option(help="Ask git what changes most, and how old things are.")] = True,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page that needs nothing else.")] = None,
    lines: Annotated[bool, typer.Option("--source/--no-source", help="Put source lines into the page.")] = True,
    json: JsonFlag = False,
) -> None:
    """What is written in a repository, and what hangs on what. Nothing in it is run, and nothing is asked of anybody."""
    source = WorkingFolder(path)
    graph, files = _read(source, engine, cache=cache)
    # None of its half a million objects is garbage: they need not be looked at for it, now and when the process ends.
    gc.freeze()
    if html is not None:
        _write(html, _page(graph, source, files, history=history, lines=lines))
    elif impact or needs:
        _show_reached(graph, impact or needs, backwards=bool(impact), as_json=json)
    elif state is not None:
        show_state(graph, state, root, as_json=json)
    elif json:
        print_json(document(graph, Values(graph, source.content, workspace or None)))
    else:
        _show(graph, summarise(graph))
        if history:
            show_most_changed(source.path, files)


def _page(graph: Graph, source: WorkingFolder, files: Cache, *, history: bool, lines: bool) -> str:
    # Few ask for it, and what it takes would make every command start later.
    from butai.inventory.alone_pages import page

    now = datetime.now(UTC)
    figures = age_and_churn_of(source.path, files, now) if history else {}
    return page(graph, now.astimezone().date(), source.content if lines else None, figures)


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
    hint = did_you_mean(name, [*graph.nodes, *(each.address for each in graph.nodes.values())])
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
