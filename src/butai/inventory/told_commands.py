"""`butai inventory states` and `drift`: states that Butai does not keep. Thin: the public API does everything."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from butai.client import ApiError
from butai.errors import Exit, NotFoundError, WrongUseError
from butai.inventory.commands import RepositoryArgument, api
from butai.patience import Patient
from butai.terminal import JsonFlag, WaitFlag, pairs, print_json, say, table
from butai.terraform.text import plain

LOOK_EVERY_S = 0.5
_OUTSIDE = {"update": "changed outside", "delete": "deleted outside"}


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
    secret: Annotated[
        list[str],
        typer.Option(metavar="NAME=REFERENCE", help="A secret variable: ssm:/path, or env:NAME of the worker."),
    ] = [],  # noqa: B006
    read: Annotated[bool, typer.Option("--read", help="Read all of them again.")] = False,
    remove: Annotated[str, typer.Option(metavar="PLACE", help="Forget this one.")] = "",
    json: JsonFlag = False,
) -> None:
    """States that Butai does not keep: coverage counts them, and they stand beside the code as environments' do."""
    more: dict[str, object] = {"root": root, "region": region, "profile": profile, "role": role}
    more |= {"var_files": var_file, "secrets": pairs(secret, "--secret")}
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


def drift(
    name: RepositoryArgument,
    place: Annotated[
        str, typer.Argument(help="Where the state lies, as `states` lists it; not needed where there is one alone.")
    ] = "",
    wait: WaitFlag = True,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the look that goes on.")] = False,
    json: JsonFlag = False,
) -> None:
    """Look what has changed in the world since a state was written: a plan of its root that writes and locks nothing."""
    place = place or _only_place(name)
    path = f"/api/v1/inventory/{name}/states/drift-check"
    if stop:
        run = api().post(f"{path}/stop", place=place)
        say(f"Run {run['id']} is asked to stop.")
        return
    run = api().post(path, place=place)
    if not wait:
        print_json(run) if json else say(f"Run {run['id']} is queued. `butai inventory environments {name}` shows it.")
        return
    found = _found(Patient(api), run["id"])
    if json:
        print_json({"place": place, "run": run["id"], "items": found})
    else:
        _show(found)
    if any(each["in_code"] for each in found):
        raise typer.Exit(Exit.HALF_DONE)


def _show(found: Any) -> None:
    """What the code decides, and then the rest."""
    outside, apart = ([each for each in found if each["in_code"] is which] for which in (True, False))
    for each in outside:
        say(_line(each, _OUTSIDE.get(each["outside"], each["outside"])))
    say(f"{len(outside)} changed outside." if outside else "Nothing was changed outside.")
    if apart:
        say("\nOnly in what the code does not set (the provider found it out, or somebody set it by hand):")
    for each in apart:
        say(_line(each, "differs"))


def _line(each: Any, what: str) -> str:
    changed = ", ".join(one["path"] for one in each["attributes"])
    return plain(f"{each['address']}: {what}{f' ({changed})' if changed else ''}")


def _only_place(name: str) -> str:
    known = [each["place"] for each in api().get(f"/api/v1/inventory/{name}/states")]
    if len(known) == 1:
        return str(known[0])
    if not known:
        raise NotFoundError(
            "Nobody told where a state lies.", next=f"`butai inventory states {name} --add PLACE` tells of one."
        )
    raise WrongUseError("There are several states.", next=f"Say which: {', '.join(known)}.", where="PLACE")


def _found(server: Patient, run: int) -> Any:
    """Wait until a look has ended; what it found. Raises ApiError where it came to nothing."""
    while (seen := server.get(f"/api/v1/runs/{run}"))["settled_at"] is None:
        time.sleep(LOOK_EVERY_S)
    if seen["end"] != "succeeded":
        nothing = {"what": f"The look (run {run}) ended as {seen['end'].replace('-', ' ')}."}
        raise ApiError(500, seen["error"] or nothing)
    return server.get(f"/api/v1/runs/{run}/differences")


def _row(each: Any) -> list[str]:
    count = str(each["instances"]) if each["read_at"] else "?"
    return [each["place"], each["root"] or "?", count, (each["read_at"] or "never")[:19]]
