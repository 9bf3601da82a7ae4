"""`butai env state ...`: versions of a state, what differs, and how another one is put in place."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from butai.client import Api, blueprint_of, connect, path_to
from butai.datafolder import write_private
from butai.errors import Exit, RefusedError, WrongUseError
from butai.settings import Settings
from butai.terminal import JsonFlag, NameArgument, data_out, print_json, say, table
from butai.terraform.text import plain

app = typer.Typer(
    no_args_is_help=True, help="An environment's state: versions, differences, export, import, roll back."
)

LOOK_EVERY_S = 0.4

ConfirmOption = Annotated[str, typer.Option(metavar="NAME", help="The name again: the engine then knows other things.")]
WaitFlag = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end.")]


@app.command()
def history(
    name: NameArgument,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest first.")] = 30,
    json: JsonFlag = False,
) -> None:
    """Every version with who and which run; who works on the environment, and what is locked."""
    server = connect(Settings())
    report = server.get(_path(name), blueprint=blueprint_of(name), limit=limit)
    if json:
        print_json(report)
        return
    for line in _lines(report):
        say(line)
    columns = ["VERSION", "SERIAL", "RESOURCES", "SIZE", "RUN", "KIND", "BY", "WHEN"]
    table(columns, [_row(each) for each in report["versions"]])


@app.command()
def diff(
    name: NameArgument,
    before: Annotated[int, typer.Argument(help="The earlier version; the one before the later, if not given.")] = 0,
    after: Annotated[int, typer.Argument(help="The later version; the newest, if not given.")] = 0,
    json: JsonFlag = False,
) -> None:
    """What differs between two versions: resources and the names of what changed in them. No secrets."""
    server = connect(Settings())
    found = server.get(f"{_path(name)}/diff", before=before or None, after=after or None, blueprint=blueprint_of(name))
    if json:
        print_json(found)
        return
    lines = _difference(found)
    say(f"Version {found['after']} against version {found['before']}" + ("" if lines else ": nothing differs."))
    for line in lines:
        data_out.print(plain(line))


@app.command()
def export(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help="A new file, for you alone (mode 0600); - for a pipe.")],
    version: Annotated[int, typer.Option(min=0, help="This version; the newest, if not given.")] = 0,
) -> None:
    """Write the whole state into a file. It holds secrets in the clear."""
    to_pipe = str(file) == "-"
    if to_pipe and sys.stdout.isatty():
        raise RefusedError("A state holds secrets: it is not shown on a terminal.", next="Name a file instead of -.")
    if not to_pipe and file.exists():
        raise RefusedError(f"{file} is there already.", next="Name a new file.", where="FILE", code="file-exists")
    server = connect(Settings())
    content = server.download(f"{_path(name)}/document", version=version or None, blueprint=blueprint_of(name))
    if to_pipe:
        sys.stdout.buffer.write(content)
        return
    write_private(file, content)
    say(f"{file} holds the state of {name} with its secrets in the clear: delete it when it has served.")


@app.command(name="import")
def import_(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help="A state document (format version 4); - reads a pipe.")],
    confirm: ConfirmOption = "",
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Make a document the newest version: same lineage, a higher serial. It changes nothing in the world."""
    try:
        document = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUseError(f"{file} cannot be read.", why=str(error), where="FILE", code="file-unreadable") from error
    server = connect(Settings())
    body = {"document": document, "confirm": confirm}
    started = server.post(f"{_path(name)}/import", body, blueprint=blueprint_of(name))
    _finish(server, started, wait=wait, as_json=json)


@app.command(name="roll-back")
def roll_back(
    name: NameArgument,
    version: Annotated[int, typer.Argument(min=1, help="Its content becomes the newest version.")],
    confirm: ConfirmOption = "",
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Make an old version the newest one, under the next serial. Nothing is deleted, nothing changes in the world."""
    server = connect(Settings())
    body = {"version": version, "confirm": confirm}
    started = server.post(f"{_path(name)}/roll-back", body, blueprint=blueprint_of(name))
    _finish(server, started, wait=wait, as_json=json)


@app.command(name="release-lock")
def release_lock(
    name: NameArgument,
    confirm: Annotated[str, typer.Option(metavar="NAME", help="The name again, where the holder cannot be seen.")] = "",
    json: JsonFlag = False,
) -> None:
    """Release what a dead engine left locked. Refused while its holder lives."""
    server = connect(Settings())
    report = server.post(f"{_path(name)}/release-lock", {"confirm": confirm}, blueprint=blueprint_of(name))
    if json:
        print_json(report)
        return
    say(f"The state of {name} is not locked any more.")


def _finish(server: Api, started: Any, *, wait: bool, as_json: bool) -> None:
    """Wait for the run's end, say what it did, and leave with the exit code that it stands for."""
    run = started["run"]
    while wait and run["settled_at"] is None:
        time.sleep(LOOK_EVERY_S)
        run = server.get(f"/api/v1/runs/{run['id']}")
    if as_json:
        print_json(run)
    elif not wait:
        say(f"Run {run['id']} is queued. `butai env logs --run {run['id']} -f` shows it.")
    else:
        for event in server.get(f"/api/v1/runs/{run['id']}/events"):
            say(event["message"])
        say(f"Run {run['id']}: {run['end']}")
    if wait and run["end"] != "succeeded":
        raise typer.Exit(Exit.FAILED)


def _lines(report: Any) -> list[str]:
    works, lock, kept = report["works"], report["lock"], report["kept"]
    lines = [f"it lies at {report['place']}"] if report["place"] else []
    if works:
        lost = ", which has not been heard of" if works["lost"] else ""
        lines.append(f"run {works['run']} ({works['kind']} by {works['by']}) works on it, on {works['worker']}{lost}")
    if lock:
        seen = {"lives": "lives", "dead": "is dead", "unseen": "cannot be seen from the server"}[lock["holder"]]
        run = f" for run {lock['run']}" if lock["run"] else ""
        since = f" since {_minute(lock['since'])}" if lock["since"] else ""
        lines.append(f"locked by {lock['who']} ({lock['operation']}){run}{since}, lock {lock['id']}: its holder {seen}")
    if report["lock_problem"]:
        lines.append(f"whether it is locked cannot be said: {report['lock_problem']}")
    if kept:
        lines.append(f"the state that run {kept['run']} could not save is in {kept['file']} on {kept['host']}")
    return lines


def _difference(found: Any) -> list[str]:
    lines = [f"+ {each}" for each in found["added"]] + [f"- {each}" for each in found["removed"]]
    for each in found["changed"]:
        tainted = {None: [], True: ["now tainted"], False: ["not tainted any more"]}[each["tainted"]]
        lines.append(f"~ {each['address']}: {', '.join([*each['attributes'], *tainted])}")
    for each in found["outputs"]:
        before, after = ("(none)" if each[side] is None else each[side] for side in ("before", "after"))
        lines.append(f"~ output {each['name']}: {before} -> {after}")
    return lines


def _row(each: Any) -> list[str]:
    return [
        *(str(each[name]) for name in ("number", "serial", "resources", "size", "run", "run_kind", "by")),
        _minute(each["saved_at"]),
    ]


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _path(name: str) -> str:
    return f"{path_to(name)}/state"
