"""`butai deploy`, `butai rollback`, `butai deploys`: over the public API alone."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from butai.client import Api, blueprint_of, connect, path_to
from butai.errors import Exit
from butai.runs.model import HALF_DONE
from butai.settings import Settings
from butai.terminal import JsonFlag, NameArgument, WaitFlag, pairs, print_json, say, table

LOOK_EVERY_S = 0.4
_TOLD = ("note", "diagnostic", "done", "failed")


def deploy(
    name: NameArgument,
    services: Annotated[list[str], typer.Argument(metavar="SERVICE=VERSION...", help="A branch, tag or commit each.")],
    wait_for_image: Annotated[
        int, typer.Option(metavar="MINUTES", min=0, max=60, help="Wait so long for an image that is not built yet.")
    ] = 0,
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Put another version on services of an environment, in seconds, past Terraform; the next update keeps it."""
    chosen = {service: {"branch": version} for service, version in pairs(services, "SERVICE=VERSION").items()}
    server = connect(Settings())
    body = {"services": chosen, "wait_for_image_minutes": wait_for_image}
    _finish(server, server.post(_path(name), body, blueprint=blueprint_of(name)), wait=wait, as_json=json)


def rollback(
    name: NameArgument,
    service: Annotated[str, typer.Argument(help="The service that goes back.")],
    to: Annotated[int, typer.Option(metavar="RUN", min=0, help="To the version of this run; else the one before.")] = 0,
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Put a version on a service that it had before (`butai deploys NAME` lists them)."""
    server = connect(Settings())
    body = {"service": service, "to": to}
    started = server.post(f"{_path(name)}/roll-back", body, blueprint=blueprint_of(name))
    _finish(server, started, wait=wait, as_json=json)


def deploys(
    name: Annotated[str, typer.Argument(help="The environment's name; none: what runs where, everywhere.")] = "",
    json: JsonFlag = False,
) -> None:
    """What runs put on an environment's services, newest first; or, without a name, what runs where."""
    server = connect(Settings())
    found = server.get(_path(name), blueprint=blueprint_of(name)) if name else server.get("/api/v1/deploys/where")
    if json:
        print_json(found)
    elif name:
        table(["RUN", "KIND", "SERVICE", "BRANCH", "COMMIT", "BY", "AT", "END"], [_row(each) for each in found])
    else:
        table(
            ["ENVIRONMENT", "SERVICE", "BRANCH", "COMMIT", "COMMITTED", "AHEAD", "BEHIND"],
            [_where(each) for each in found],
        )


def _where(each: Any) -> list[str]:
    at = (each["committed_at"] or "")[:16].replace("T", " ")
    named = [each[name] for name in ("environment", "service", "branch")]
    counts = ["?" if each[name] is None else str(each[name]) for name in ("ahead", "behind")]
    return [*named, each["commit"][:7], at, *counts]


def _row(each: Any) -> list[str]:
    at = each["at"][:16].replace("T", " ")
    named = [each[name] for name in ("kind", "service", "branch")]
    return [str(each["run"]), *named, each["commit"][:7], each["by"], at, each["end"] or "in progress"]


def _finish(server: Api, started: Any, *, wait: bool, as_json: bool) -> None:
    """Show how it goes, and leave with the exit code of its end."""
    run = started["run"]
    if not wait:
        if as_json:
            print_json(started)
        say(f"Run {run['id']} is queued. `butai env logs --run {run['id']} -f` shows it.")
        return
    run = _followed(server, run["id"])
    if as_json:
        print_json(run)
    say(f"run {run['id']}: {run['end'].replace('-', ' ')}")
    if run["end"] != "succeeded":
        raise typer.Exit(Exit.HALF_DONE if run["end"] in HALF_DONE else Exit.FAILED)


def _followed(server: Api, run_id: int) -> Any:
    after = 0
    while True:
        # The run is read first: what was written before its end is then surely among the lines.
        run = server.get(f"/api/v1/runs/{run_id}")
        for event in server.get(f"/api/v1/runs/{run_id}/events", after=after):
            after = event["seq"]
            if event["kind"] in _TOLD:
                say(event["message"])
        if run["settled_at"]:
            return run
        time.sleep(LOOK_EVERY_S)


def _path(name: str) -> str:
    return f"{path_to(name)}/deploys"
