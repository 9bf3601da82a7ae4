"""`butai env cancel`, and what mends after it: untaint, orphans, adopt, delete-orphan, forget. Thin, as the others."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from butai.client import Api, blueprint_of, path_to
from butai.environments.commands import api
from butai.errors import Exit
from butai.terminal import JsonFlag, NameArgument, WaitFlag, data_out, print_json, say, table
from butai.terraform.text import plain

app = typer.Typer()
LOOK_EVERY_S = 0.4
ConfirmOption = Annotated[
    str, typer.Option(metavar="NAME", help="The environment's name again: this cannot come back.")
]
AddressArgument = Annotated[str, typer.Argument(help="The resource's address, as Terraform writes it.")]
IdOption = Annotated[str, typer.Option("--id", help="Its id, where that is not known or several have this address.")]


@app.command()
def cancel(
    name: NameArgument,
    hard: Annotated[
        bool, typer.Option("--hard", help="A second time, for an engine that does not end: it leaves as it is.")
    ] = False,
    confirm: ConfirmOption = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: JsonFlag = False,
) -> None:
    """Stop the environment's run: one interrupt to its engine, which then writes its state. Says first what it meets."""
    server = api()
    run = server.get(path_to(name), blueprint=blueprint_of(name))["last_run"]
    for line in stop_lines(server.get(f"/api/v1/runs/{run['id']}/in-flight")):
        say(plain(line))
    if sys.stdin.isatty() and not (yes or json or hard) and not typer.confirm("Stop it?", err=True):
        raise typer.Exit(Exit.REFUSED)
    stopped = server.post(f"/api/v1/runs/{run['id']}/cancel", {"hard": hard, "confirm": confirm})
    if json:
        print_json(stopped)
    elif stopped["end"] == "cancelled-before-any-change":
        say(f"Run {run['id']} is cancelled; it had not started.")
    else:
        say(f"Run {run['id']} is asked to stop. `butai env logs {name} -f` shows how it ends.")


def stop_lines(flight: Any) -> list[str]:
    """What a stop meets, in words."""
    lines = []
    for each in flight["changes"]:
        then = ": it ends tainted, the next apply destroys it and makes it again" if each["taints"] else ""
        lines.append(f"under way: {each['action']} {each['address']}{then}")
    if flight["going"] and not lines:
        lines.append("Nothing is being made at this moment." if flight["begun"] else "Nothing was changed yet.")
    return lines


@app.command()
def untaint(name: NameArgument, address: AddressArgument, wait: WaitFlag = True, json: JsonFlag = False) -> None:
    """Keep a tainted resource that turned out complete, instead of having it made again."""
    server = api()
    started = server.post(f"{path_to(name)}/untaint", {"address": address}, blueprint=blueprint_of(name))
    finish_run(server, started, wait=wait, as_json=json)


@app.command()
def orphans(name: NameArgument, json: JsonFlag = False) -> None:
    """What runs made, or may have made, and no state knows; and what is tainted. The next run adopts what it can."""
    shown = api().get(path_to(name), blueprint=blueprint_of(name))
    if json:
        print_json({"orphans": shown["orphans"], "tainted": shown["tainted"]})
        return
    rows = [["orphan", each["address"], each["type"], _id_words(each), str(each["run"])] for each in shown["orphans"]]
    complete = {True: "complete", False: "not complete", None: ""}
    rows += [
        ["tainted", each["address"], each["type"], each["id"], complete[each["complete"]]] for each in shown["tainted"]
    ]
    if rows:
        table(["WHAT", "ADDRESS", "TYPE", "ID", "RUN"], rows)
    else:
        say("Nothing: the state knows everything that runs made.")


@app.command()
def adopt(
    name: NameArgument, address: AddressArgument, id_: IdOption = "", wait: WaitFlag = True, json: JsonFlag = False
) -> None:
    """Take an orphan into the environment's state."""
    server = api()
    body = {"address": address, "id": id_}
    started = server.post(f"{path_to(name)}/orphans/adopt", body, blueprint=blueprint_of(name))
    finish_run(server, started, wait=wait, as_json=json)


@app.command(name="delete-orphan")
def delete_orphan(
    name: NameArgument,
    address: AddressArgument,
    confirm: ConfirmOption = "",
    id_: IdOption = "",
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Delete an orphan; the environment's state is not touched."""
    server = api()
    body = {"address": address, "id": id_, "confirm": confirm}
    started = server.post(f"{path_to(name)}/orphans/delete", body, blueprint=blueprint_of(name))
    finish_run(server, started, wait=wait, as_json=json)


@app.command()
def forget(
    name: NameArgument,
    address: AddressArgument,
    confirm: ConfirmOption = "",
    id_: IdOption = "",
    json: JsonFlag = False,
) -> None:
    """Say that you looked for an orphan and it is not there: nobody looks for it any more."""
    body = {"address": address, "id": id_, "confirm": confirm}
    shown = api().post(f"{path_to(name)}/orphans/forget", body, blueprint=blueprint_of(name))
    if json:
        print_json(shown)
    else:
        say(f"{address} is not looked for any more.")


def finish_run(server: Api, started: Any, *, wait: bool, as_json: bool) -> None:
    """Wait for the end of this very run, show it, and leave with the exit code that it stands for."""
    run = started["run"]
    while wait and run["settled_at"] is None:
        time.sleep(LOOK_EVERY_S)
        run = server.get(f"/api/v1/runs/{run['id']}")
    if as_json:
        print_json(run)
    elif not wait:
        say(f"Run {run['id']} is queued. `butai env logs --run {run['id']} -f` shows it.")
    else:
        say(f"Run {run['id']} ({run['kind']}): {run['end'].replace('-', ' ')}")
        for line in _why(run["error"]):
            say(plain(line))
        data_out.print(run["end"])
    if wait and run["end"] != "succeeded":
        raise typer.Exit(Exit.FAILED if "before-any-change" in run["end"] else Exit.HALF_DONE)


def _why(error: Any) -> list[str]:
    return [error[part] for part in ("what", "why", "next") if error and error.get(part)]


def _id_words(orphan: Any) -> str:
    if orphan["id"]:
        return str(orphan["id"])
    return f"may be {orphan['found']}" if orphan["found"] else "may exist"
