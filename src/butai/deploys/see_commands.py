"""`butai env report` and `butai env compare`: over the public API alone."""

from __future__ import annotations

from typing import Annotated

import typer

from butai.client import blueprint_of, connect, path_to
from butai.settings import Settings
from butai.terminal import JsonFlag, NameArgument, data_out, print_json, say, table


def report(
    name: NameArgument,
    at: Annotated[str, typer.Option(help="When: 14:05 (the newest one), or 2026-11-26 14:05; else now.")] = "",
    json: JsonFlag = False,
) -> None:
    """What runs, or ran, on an environment, as Markdown for a ticket: addresses, exact commits, the run and its log."""
    found = connect(Settings()).get(f"{path_to(name)}/report", at=at, blueprint=blueprint_of(name))
    if json:
        print_json(found)
        return
    data_out.print(found["markdown"])


def compare(
    name: NameArgument,
    other: Annotated[str, typer.Argument(help="The other environment, or BLUEPRINT/NAME.")],
    json: JsonFlag = False,
) -> None:
    """In what two environments differ: versions, variables, what their containers are given, drift."""
    asked = {"blueprint": blueprint_of(name), "other_blueprint": blueprint_of(other)}
    found = connect(Settings()).get(f"{path_to(name)}/compare/{other.split('/')[-1]}", **asked)
    if json:
        print_json(found)
        return
    table(
        ["WHAT", "NAME", found["left"], found["right"]],
        [[each["part"], each["name"], each["left"] or "-", each["right"] or "-"] for each in found["lines"]],
    )
    say(f"{len(found['lines'])} differ, {found['same']} are the same.")
