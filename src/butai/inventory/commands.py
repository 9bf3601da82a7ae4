"""`butai map` of a folder, and `butai inventory` of what the server knows. Thin: `map_here` and the public API do everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from butai.client import Api, connect
from butai.errors import WrongUseError
from butai.settings import Settings
from butai.terminal import JsonFlag, print_json, say, table

app = typer.Typer(no_args_is_help=True, help="Inventory: the repositories that the server knows, and what is in them.")
RepositoryArgument = Annotated[str, typer.Argument(help="The repository's name in the inventory.")]


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
    if not repository.strip():
        raise WrongUseError("Which repository?", next="Give a git URL or a path.", where="REPOSITORY")
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
    # What it takes would make every other command start later.
    from butai.inventory.map_here import Asked, show

    asked = Asked(
        impact, needs, engine, workspace, state, root, html,
        keeps=cache, history=history, lines=lines, as_json=json,
    )  # fmt: skip
    show(path, asked)
