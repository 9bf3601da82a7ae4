"""`butai hold` and `butai release`: over the public API alone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from butai.client import blueprint_of, connect, path_to
from butai.settings import Settings
from butai.terminal import JsonFlag, NameArgument, print_json, say


def hold(
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="Why; others see it.")],
    until: Annotated[str, typer.Option(help="How long (2h, 90m) or until when today (17:30); ten hours at most.")],
    holder: Annotated[str, typer.Option(help="Hand it over to somebody.")] = "",
    json: JsonFlag = False,
) -> None:
    """Hold an environment: deploys, updates and everything else by others are refused until then (exit code 3)."""
    body = {"reason": reason, "until": until, "holder": holder}
    found = connect(Settings()).post(f"{path_to(name)}/hold", body, blueprint=blueprint_of(name))
    if json:
        print_json(found)
        return
    say(f"{found['name']} is {held(found)}.")


def release(name: NameArgument, json: JsonFlag = False) -> None:
    """Give an environment back that you hold."""
    found = connect(Settings()).post(f"{path_to(name)}/release", blueprint=blueprint_of(name))
    if json:
        print_json(found)
        return
    say(f"{found['name']} is free.")


def held(environment: Any) -> str:
    """Who has it until when, on this machine's clock; empty when nobody has."""
    hold = environment["hold"]
    if not hold:
        return ""
    until = datetime.fromisoformat(hold["until"]).astimezone()
    return f"held by {hold['by']} until {until:%H:%M}"
