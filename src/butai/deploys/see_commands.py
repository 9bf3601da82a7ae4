"""`butai env report`, `butai env compare`, `butai logs` and `butai exec`: over the public API alone."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from datetime import datetime
from json import dumps
from typing import Annotated, Any

import typer

from butai.client import blueprint_of, connect, path_to
from butai.deploys.tail import Tail
from butai.errors import MissingPartError
from butai.patience import Patient
from butai.settings import Settings
from butai.terminal import JsonFlag, NameArgument, data_out, print_json, say, table
from butai.terraform.text import plain

LOOK_EVERY_S = 1.0
PLUGIN = "session-manager-plugin"
_SESSION = "AWS_SSM_START_SESSION_RESPONSE"  # the plugin knows it since version 1.2.497


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


def execute(
    name: NameArgument,
    service: Annotated[str, typer.Argument(help="The service in one of whose tasks it runs.")],
    command: Annotated[
        list[str] | None, typer.Argument(help="What runs; else a shell. After `--`: `-- ls -l`.")
    ] = None,
    task: Annotated[str, typer.Option(help="How the task's id begins; else the newest one.")] = "",
    container: Annotated[str, typer.Option(help="The container; else the one of the service's name.")] = "",
) -> None:
    """A program in a running container (ECS Exec), through AWS's Session Manager plugin on this machine."""
    plugin = shutil.which(PLUGIN)
    if not plugin:
        raise MissingPartError(
            f"`{PLUGIN}` is not on PATH: AWS's plugin carries the session.",
            next='Install "Session Manager plugin for the AWS CLI" from AWS\'s documentation, then try again.',
            code="no-plugin",
        )
    body: dict[str, str] = {"task": task, "container": container}
    if command:
        body["command"] = shlex.join(command)
    path = f"{path_to(name)}/services/{service}/exec"
    begun = connect(Settings()).post(path, body, blueprint=blueprint_of(name))
    say(f"{service}: task {begun['task'][:8]}, container {begun['container']}")
    # Its token goes by the environment: command lines can be read by everybody on the machine.
    environment = {**os.environ, _SESSION: dumps(begun["session"])}
    target = dumps({"Target": begun["target"]})
    argv = [plugin, _SESSION, begun["region"], "StartSession", "", target, begun["endpoint"]]
    # Ctrl-C is for the program there.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = subprocess.run(argv, env=environment, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
    raise typer.Exit(code)


def _print_line(line: Any, *, as_json: bool) -> None:
    if as_json:
        data_out.print(dumps(line, ensure_ascii=False))
        return
    at = datetime.fromisoformat(line["at"]).astimezone()
    data_out.print(f"{at:%H:%M:%S}  {line['task'][:8]}  {plain(line['message'])}")
