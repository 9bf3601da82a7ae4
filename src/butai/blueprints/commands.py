"""`butai blueprint ...`: thin: they say what is wanted to the public API and show the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from butai.client import Api, connect
from butai.datafolder import write_private
from butai.git.locations import is_url
from butai.settings import Settings
from butai.terminal import JsonFlag, data_out, print_json, say, table
from butai.terraform.text import plain

app = typer.Typer(no_args_is_help=True, help="Blueprints: repositories that environments are made of.")

NameArgument = Annotated[str, typer.Argument(help="The blueprint's name.")]
PATH = "/api/v1/blueprints"


def api() -> Api:
    """The server that this command talks to."""
    return connect(Settings())


@app.command()
def add(
    repository: Annotated[str, typer.Argument(metavar="PATH-OR-GIT-URL", help="Repository, or a folder in one.")],
    ref: Annotated[str | None, typer.Option(help="Branch, tag or commit; else the default branch.")] = None,
    root: Annotated[str | None, typer.Option(help="Folder of the root, where there are several.")] = None,
    name: Annotated[str | None, typer.Option(help="Name here; else that in butai.yaml.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Add a blueprint: a repository with a root module and butai.yaml beside it."""
    # The server's own working folder is another one.
    location = repository if is_url(repository) else str(Path(repository).expanduser().absolute())
    added = api().post(PATH, {"repository": location, "ref": ref, "root": root, "name": name})
    _show(added, as_json=as_json)
    say(f"Added. `butai env create NAME --blueprint {added['name']}` makes an environment of it.")


@app.command(name="list")
def list_(as_json: JsonFlag = False) -> None:
    """Every blueprint with its repository and commit."""
    found = api().get(PATH)
    if as_json:
        print_json(found)
        return
    if not found:
        say("There is no blueprint yet. `butai blueprint add PATH-OR-GIT-URL` adds one.")
        return
    rows = [[each["name"], each["ref"], each["commit"][:7], each["repository"], each["root"] or "."] for each in found]
    table(["NAME", "REF", "COMMIT", "REPOSITORY", "ROOT"], rows)


@app.command()
def show(name: NameArgument, as_json: JsonFlag = False) -> None:
    """One blueprint: repository, services, URLs, pools."""
    server = api()
    blueprint, pools = server.get(f"{PATH}/{name}"), server.get(f"{PATH}/{name}/pools")
    if as_json:
        print_json({**blueprint, "pools": pools})
        return
    _show(blueprint, as_json=False)
    for pool in pools:
        total = f" of {pool['capacity']}" if pool["capacity"] is not None else ""
        held = ", ".join(f"{each['environment_name']} {each['value']}" for each in pool["held"])
        data_out.print(
            plain(f"pool        {pool['name']}: {len(pool['held'])}{total} lent{': ' if held else ''}{held}")
        )


@app.command()
def refresh(name: NameArgument, as_json: JsonFlag = False) -> None:
    """Fetch, and read the newest commit. Environments stay on theirs."""
    _show(api().post(f"{PATH}/{name}/refresh"), as_json=as_json)


@app.command()
def remove(name: NameArgument) -> None:
    """Forget a blueprint; refused while environments of it live. The repository stays as it is."""
    api().delete(f"{PATH}/{name}")
    say(f"Removed. The repository of {name} is untouched.")


@app.command()
def schema(
    write: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it to a file instead.")] = None,
) -> None:
    """Print the JSON Schema of butai.yaml, for editors."""
    if write is None:
        print_json(_schema())
        return
    write_schema(write)
    say(f"Written to {write}.")


def write_schema(path: Path) -> None:
    """Write the published schema."""
    write_private(path, (json.dumps(_schema(), indent=2, ensure_ascii=False) + "\n").encode())
    path.chmod(0o644)


def _show(blueprint: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(blueprint)
        return
    lines = [
        f"name        {blueprint['name']}",
        f"repository  {blueprint['repository']}",
        f"root        {blueprint['root'] or '.'}",
        f"commit      {blueprint['commit'][:7]} ({blueprint['ref']})",
        f"region      {blueprint['region']}",
    ]
    lines += [
        f"service     {name}: {each['repository']} ({each['branch']})" for name, each in blueprint["services"].items()
    ]
    lines += [f"url         {label}: output {output}" for label, output in blueprint["urls"].items()]
    data_out.print(plain("\n".join(lines)))


def _schema() -> Any:
    # Loaded here alone: it brings the tables along, and every other command would wait for them.
    from butai.blueprints.model import json_schema

    return json_schema()
