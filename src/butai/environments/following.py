"""`butai env wait` and `butai env logs`: following what goes on from any machine, also across a restart of the server."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from butai.client import blueprint_of, connect, path_to
from butai.environments.watch import Watch, exit_of, exit_of_run
from butai.errors import Exit, WrongUseError
from butai.patience import Patient
from butai.settings import Settings
from butai.terminal import JsonFlag, NameArgument, print_json, say, talk
from butai.terraform.text import plain

LOOK_EVERY_S = 0.4
PAGE = 5000


def wait(
    name: NameArgument,
    run: Annotated[int, typer.Option(help="Wait for this run alone.")] = 0,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most; 0: without an end.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Wait until nothing goes on in an environment any more; leaves with the exit code of its end."""
    server = Patient(lambda: connect(Settings()))
    environment = server.get(path_to(name), blueprint=blueprint_of(name))
    deadline = time.monotonic() + timeout if timeout else float("inf")
    if run:
        if server.get(f"/api/v1/runs/{run}")["environment_id"] != environment["id"]:
            raise WrongUseError(f"Run {run} is not one of `{name}`.", next=f"`butai env show {name}` lists them.")
        shown = _until_ended(server, run, deadline)
        code, words = exit_of_run(shown), f"run {shown['id']}: {shown['end'] or shown['status']}"
    else:
        shown = Watch(server, [environment["id"]], deadline=deadline).until_settled()[0]
        state = shown["state"]
        code = exit_of(shown)
        words = f"{shown['name']}: {state['word']}" + (f" - {state['reason']}" if state["reason"] else "")
    if json:
        print_json(shown)
    say(words + (". Still running." if code is Exit.STILL_RUNNING else ""))
    if code is not Exit.DONE:
        raise typer.Exit(code)


def logs(
    name: Annotated[str, typer.Argument(help="The environment's name; its last run is shown.")] = "",
    run: Annotated[int, typer.Option(help="This run instead.")] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    json: JsonFlag = False,
) -> None:
    """The log of a run, with the engine's own messages; followed, it leaves with the exit code of the run's end."""
    if not name and not run:
        raise WrongUseError("Whose log?", next="`butai env logs NAME`, or `butai env logs --run NUMBER`.")
    server = Patient(lambda: connect(Settings()))
    if not run:
        run = server.get(path_to(name), blueprint=blueprint_of(name))["last_run"]["id"]
    ended = _print_log(server, run, follow=follow, as_json=json)
    if ended["log_removed_at"]:
        say(f"The log of run {run} was removed by retention on {ended['log_removed_at'][:10]}.")
    if follow and (code := exit_of_run(ended)) is not Exit.DONE:
        raise typer.Exit(code)


def _print_log(server: Patient, run: int, *, follow: bool, as_json: bool) -> Any:
    """Print every line, with `follow` until the run is over, or the one that took its place; the run as it was then."""
    after = 0
    while True:
        # The run is read first: what was written before its end is then surely among the lines.
        shown = server.get(f"/api/v1/runs/{run}")
        for event in _events(server, run, after):
            after = event["seq"]
            _print_event(event, as_json)
        if not follow or (shown["settled_at"] and not shown["superseded_by"]):
            return shown
        if shown["superseded_by"]:
            say(f"Run {run} was superseded by run {shown['superseded_by']}, which does its work as well.")
            run, after = shown["superseded_by"], 0
        time.sleep(LOOK_EVERY_S)


def _events(server: Patient, run: int, after: int) -> Iterator[Any]:
    while found := server.get(f"/api/v1/runs/{run}/events", after=after, limit=PAGE):
        yield from found
        after = found[-1]["seq"]
        if len(found) < PAGE:
            return


def _until_ended(server: Patient, run: int, deadline: float) -> Any:
    """Wait for one run (for the one that takes its place), and say whenever what it waits for is something else."""
    said = ""
    with talk.status("") if talk.is_terminal else contextlib.nullcontext() as status:
        while True:
            shown = server.get(f"/api/v1/runs/{run}")
            if shown["superseded_by"]:
                say(f"Run {run} was superseded by run {shown['superseded_by']}, which does its work as well.")
                run = shown["superseded_by"]
                continue
            if shown["settled_at"] or shown["lost"] or time.monotonic() >= deadline:
                return shown
            doing = _doing(server, shown)
            if status:
                status.update(plain(doing))
            elif doing != said:
                say(f"run {run}: {doing}")
            said = doing
            time.sleep(LOOK_EVERY_S)


def _doing(server: Patient, run: Any) -> str:
    if run["status"] == "queued":
        queued = server.get("/api/v1/queue")["queued"]
        return next((each["place"]["words"] for each in queued if each["run"] == run["id"]), "queued")
    if run["end"]:
        return f"{run['end']}, waiting for what follows it"
    count = f"{run['done']} of {run['planned']}" if run["planned"] else "preparing"
    return count + (f": {run['waiting_for']}" if run["waiting_for"] else "")


def _print_event(event: Any, as_json: bool) -> None:
    if as_json:
        print_json(event)
        return
    lines = [f"{event['at'][11:19]} {event['step']:<6} {event['message']}"]
    detail = event["detail"]
    if event["kind"] == "diagnostic" and detail.get("file"):
        lines.append(f"         at {detail['file']}:{detail.get('line', '')}")
    if event["kind"] == "diagnostic" and detail.get("detail"):
        lines.append(f"         {detail['detail']}")
    sys.stdout.write("".join(plain(line) + "\n" for line in lines))
    sys.stdout.flush()
