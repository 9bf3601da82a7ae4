"""`butai queue` and `butai workers`: thin: they say what is wanted to the public API and show the answer."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from butai.client import Api, connect
from butai.settings import Settings
from butai.terminal import JsonFlag, print_json, say, table

workers_app = typer.Typer(invoke_without_command=True, help="Workers: who is alive, and what they hold.")


def api() -> Api:
    """The server that this command talks to."""
    return connect(Settings())


def queue(json: JsonFlag = False) -> None:
    """What goes on now, and what waits for what."""
    found = api().get("/api/v1/queue")
    if json:
        print_json(found)
        return
    if not found["going"] and not found["queued"]:
        say("Nothing goes on, and nothing waits.")
        return
    rows = [_going(each) for each in found["going"]] + [_queued(each) for each in found["queued"]]
    table(["RUN", "ENVIRONMENT", "KIND", "BY", "SINCE", "WHERE"], rows)


@workers_app.callback()
def workers(context: typer.Context, json: JsonFlag = False) -> None:
    """Every worker with its state, load and labels."""
    if context.invoked_subcommand is not None:
        return
    found = api().get("/api/v1/workers")
    if json:
        print_json(found)
        return
    if not found:
        say("There is no worker yet. `butai worker` starts one.")
        return
    table(["ID", "HOST", "STATE", "LOAD", "ROOM", "RUNS", "LABELS", "VERSION"], [_row(each) for each in found])


@workers_app.command(name="declare-dead")
def declare_dead(
    worker: Annotated[str, typer.Argument(help="The worker's id.")],
    confirm: Annotated[str, typer.Option(metavar="ID", help="The id again: this cannot be taken back.")] = "",
    json: JsonFlag = False,
) -> None:
    """Say that a worker's machine is gone for good: its runs end as lost, and what it still does is shut out."""
    found = api().post(f"/api/v1/workers/{worker}/declare-dead", {"confirm": confirm})
    if json:
        print_json(found)
        return
    held = ", ".join(f"run {run['run']} ({run['environment']})" for run in found["runs"])
    say(
        f"{worker} is declared dead." + (f" The next look of another worker ends what it held: {held}." if held else "")
    )


def _going(each: Any) -> list[str]:
    where = "out of sight" if each["lost"] else "its worker is not there" if not each["alive"] else "going on"
    count = f", {each['done']} of {each['planned']}" if each["planned"] else ""
    return [*_about(each), _minute(each["started_at"] or each["requested_at"]), f"{where} on {each['worker']}{count}"]


def _queued(each: Any) -> list[str]:
    return [*_about(each), _minute(each["requested_at"]), each["place"]["words"]]


def _about(each: Any) -> list[str]:
    return [str(each["run"]), each["environment"], each["kind"], each["requested_by"]]


def _row(each: Any) -> list[str]:
    state = each["state"] + (f" since {_minute(each['since'])}" if each["since"] else "")
    runs = " ".join(f"{run['environment']}:{run['run']}" for run in each["runs"])
    labels = " ".join(f"{name}={value}" for name, value in each["labels"].items())
    load = f"{len(each['runs'])}/{each['slots']}"
    return [each["id"], each["host"], state, load, _room(each), runs, labels, each["version"]]


def _room(each: Any) -> str:
    room = each["room"]
    if room is None or each["state"] != "alive":
        return ""
    return f"{room['words']} ({room['working']} of {room['cores']} cores at work, {room['free_mib']} MiB free)"


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")
