"""`butai inventory past` and `environments`: what git and states say of a repository. Thin: the public API does everything."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from butai.inventory.commands import RepositoryArgument, api
from butai.terminal import JsonFlag, print_json, say, table

NodeOption = Annotated[str, typer.Option("--node", metavar="NODE", help="One node alone, by its id.")]


def past(name: RepositoryArgument, node: NodeOption = "", json: JsonFlag = False) -> None:
    """What git tells: who knows what today, what changes most, what changes together."""
    path = f"/api/v1/inventory/{name}/past"
    found = api().get(f"{path}/node", id=node, wait=True) if node else api().get(path, wait=True)
    if json:
        print_json(found)
    elif node:
        _show_people(found)
    else:
        _show_past(found)


def environments(name: RepositoryArgument, node: NodeOption = "", json: JsonFlag = False) -> None:
    """What states hold against the newest code, those of environments and told ones, and what drifted."""
    path = f"/api/v1/inventory/{name}/environments"
    found = api().get(f"{path}/node", id=node) if node else api().get(path)
    if json:
        print_json(found)
    elif not found:
        say("No state holds it." if node else f"None. `butai inventory states {name} --add PLACE` tells of a state.")
    elif node:
        rows = [
            [_whose(each), *(one[key] for key in ("address", "id", "region", "account"))]
            for each in found
            for one in each["instances"]
        ]
        table(["STATE", "ADDRESS", "ID", "REGION", "ACCOUNT"], rows)
    else:
        table(["STATE", "ROOT", "IN STATE", "MISSING", "NOT IN CODE", "DRIFT"], [_standing(each) for each in found])
    for each in found if not json and not node else ():
        if each["failure"]:
            say(" ".join(filter(None, (each["failure"], each["why"], each["next"]))))


def _standing(each: Any) -> list[str]:
    drift = "?" if each["drift_at"] is None else str(sum(one["in_code"] for one in each["drift"]))
    counts = [str(each["instances"]), str(len(each["missing"])), str(len(each["undeclared"])), drift]
    return [_whose(each), each["root"] or "?", *counts]


def _whose(each: Any) -> str:
    return str(each["environment"] or each["place"])


def _show_past(found: Any) -> None:
    whole = found["whole"]
    if whole is None:
        say("Git's history of this repository could not be read; the server's log says why.")
        return
    say(f"{whole['changes']} changes, {whole['changes_in_365_days']} in a year; bus factor {whole['bus_factor']}")
    for title, things in (("Folders", found["folders"]), ("Changed most", found["most_changed"])):
        if things:
            say(f"\n{title}")
            table(["WHAT", "CHANGES IN A YEAR", "LAST CHANGE", "WHO TO ASK"], [_thing(each) for each in things])
    if found["pairs"]:
        say("\nChange together, and no reference joins them")
        table(
            ["ONE", "OTHER", "TIMES"], [[each["one"], each["other"], str(each["commits"])] for each in found["pairs"]]
        )


def _thing(each: Any) -> list[str]:
    asked = ", ".join(one["name"] for one in each["people"] if one["knows"]) or "nobody for certain"
    return [each["id"], str(each["changes_in_365_days"]), (each["last_at"] or "")[:10], asked]


def _show_people(found: Any) -> None:
    say(f"{found['id']}: {found['changes']} changes, first {(found['first_at'] or '?')[:10]}")
    rows = [[each["name"], str(each["changes"]), each["last_at"][:10], _said(each)] for each in found["people"]]
    table(["WHO", "CHANGES", "LAST", ""], rows)


def _said(each: Any) -> str:
    return "left" if each["gone"] else "knows it" if each["knows"] else ""
