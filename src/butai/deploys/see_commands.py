"""`butai env report`, `butai env compare` and `butai logs`: over the public API alone."""

from __future__ import annotations

import time
from datetime import datetime
from json import dumps
from typing import Annotated, Any

import typer

from butai.client import blueprint_of, connect, path_to
from butai.deploys.tail import Tail
from butai.patience import Patient
from butai.settings import Settings
from butai.terminal import JsonFlag, NameArgument, data_out, print_json, say, table
from butai.terraform.text import plain

LOOK_EVERY_S = 1.0


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


def logs(
    name: NameArgument,
    service: Annotated[str, typer.Argument(help="The service whose tasks are listened to.")],
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="Lines of so many minutes.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    json: JsonFlag = False,
) -> None:
    """What all tasks of a service print, in the order of time. With --json one object a line."""
    server, path = Patient(lambda: connect(Settings())), f"{path_to(name)}/services/{service}/logs"
    asked: dict[str, Any] = {"minutes": minutes, "blueprint": blueprint_of(name)}
    tail = Tail()
    while True:
        for each in tail.take(server.get(path, after=tail.after and tail.after.isoformat(), **asked)):
            _print_line(each, as_json=json)
        if tail.more:
            continue
        if not follow:
            return
        time.sleep(LOOK_EVERY_S)


def _print_line(line: Any, *, as_json: bool) -> None:
    if as_json:
        data_out.print(dumps(line, ensure_ascii=False))
        return
    at = datetime.fromisoformat(line["at"]).astimezone()
    data_out.print(f"{at:%H:%M:%S}  {line['task'][:8]}  {plain(line['message'])}")
