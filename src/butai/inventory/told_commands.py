"""`butai inventory states`: states that Butai does not keep. Thin: the public API does everything."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from butai.errors import WrongUseError
from butai.inventory.commands import RepositoryArgument, api
from butai.terminal import JsonFlag, print_json, say, table


def states(
    name: RepositoryArgument,
    add: Annotated[
        str, typer.Option(metavar="PLACE", help="s3://BUCKET/KEY, https://HOST/PATH, or a file on the server.")
    ] = "",
    root: Annotated[
        str,
        typer.Option(
            metavar="FOLDER", help="The root whose state it is; without --add the one that its backend names."
        ),
    ] = "",
    region: Annotated[str, typer.Option(help="Where to work, if that is not as the blueprints say.")] = "",
    profile: Annotated[str, typer.Option(help="As whom, if that is not as the blueprints say.")] = "",
    role: Annotated[str, typer.Option(metavar="ARN", help="A role to take on, instead of a profile.")] = "",
    var_file: Annotated[
        list[str], typer.Option(metavar="FILE", help="What sets the root's variables: a path from its folder.")
    ] = [],  # noqa: B006
    read: Annotated[bool, typer.Option("--read", help="Read all of them again.")] = False,
    remove: Annotated[str, typer.Option(metavar="PLACE", help="Forget this one.")] = "",
    json: JsonFlag = False,
) -> None:
    """States that Butai does not keep: coverage counts them, and they stand beside the code as environments' do."""
    more = {"root": root, "region": region, "profile": profile, "role": role, "var_files": var_file}
    telling = bool(add) or any(more.values())
    if telling + bool(remove) + read > 1:
        raise WrongUseError("One at a time: `--add` (or `--root`), `--remove`, `--read`.", where="--add")
    server, path = api(), f"/api/v1/inventory/{name}/states"
    if telling:
        found = server.post(path, {"place": add, **more})
    elif remove:
        found = server.delete(path, place=remove)
    elif read:
        found = server.post(f"{path}/read")
    else:
        found = server.get(path)
    if json:
        print_json(found)
        return
    if not found:
        say(f"None. `butai inventory states {name} --add PLACE` tells of one; those of environments are known.")
        return
    table(["PLACE", "ROOT", "IN STATE", "READ"], [_row(each) for each in found])
    for each in found:
        if each["problem"]:
            say(" ".join(filter(None, (each["problem"], each["why"], each["next"]))))


def _row(each: Any) -> list[str]:
    count = str(each["instances"]) if each["read_at"] else "?"
    return [each["place"], each["root"] or "?", count, (each["read_at"] or "never")[:19]]
