"""Watching runs in the terminal: one line each that moves, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from typing import Any, Protocol

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from butai.errors import Exit
from butai.runs.model import HALF_DONE
from butai.terminal import data_out, print_json, say, talk
from butai.terraform.events import CHANGES
from butai.terraform.text import plain

LOOK_EVERY_S = 0.4
_ENDS = frozenset({"done", "failed"})


class Reads(Protocol):
    """The part of the API that watching needs."""

    def get(self, path: str, **params: Any) -> Any:
        """Read."""


class Watch:
    """Follows environments until nothing goes on in them any more, or until a (monotonic) moment."""

    def __init__(self, api: Reads, environment_ids: list[int], deadline: float = float("inf")) -> None:
        self._api, self._ids, self._deadline = api, environment_ids, deadline
        self._after: dict[int, int] = {}
        self._queued: dict[int, str] = {}

    def until_settled(self) -> list[dict[str, Any]]:
        """The environments as they are at the end, in the order they were given."""
        if talk.is_terminal:
            return self._with_bars()
        return self._look_until_settled(None, {})

    def _with_bars(self) -> list[dict[str, Any]]:
        columns = (
            TextColumn("{task.fields[name]}", style="bold"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}", style="dim"),
        )
        with Progress(*columns, console=talk) as bars:
            tasks = {key: bars.add_task("", name="", count="", now="", total=None) for key in self._ids}
            return self._look_until_settled(bars, tasks)

    def _look_until_settled(self, bars: Progress | None, tasks: dict[int, TaskID]) -> list[dict[str, Any]]:
        while True:
            shown = [self._api.get(f"/api/v1/environments/by-id/{key}") for key in self._ids]
            for environment in shown:
                self._tell(environment, bars is None)
                if bars:
                    _draw(bars, tasks[environment["id"]], environment)
            if not any(map(goes_on, shown)):
                return shown
            if time.monotonic() >= self._deadline:
                return shown
            time.sleep(LOOK_EVERY_S)

    def _tell(self, environment: dict[str, Any], aloud: bool) -> None:
        """New log lines, where nothing else moves."""
        run = environment["last_run"]["id"]
        if not aloud or (run not in self._after and environment["state"]["kind"] != "busy"):
            return
        reason = environment["state"]["reason"]
        if environment["last_run"]["status"] == "queued" and reason and self._queued.get(run) != reason:
            self._queued[run] = reason
            say(f"{environment['name']}: {reason}")
        for event in self._api.get(f"/api/v1/runs/{run}/events", after=self._after.get(run, 0)):
            self._after[run] = event["seq"]
            if event["kind"] in ("note", "adopted", "gone", "found") or (
                event["kind"] in _ENDS and event["action"] in CHANGES
            ):
                say(f"{environment['name']}: {event['message']}")


def _draw(bars: Progress, task: TaskID, environment: dict[str, Any]) -> None:
    run, state = environment["last_run"], environment["state"]
    settled = state["kind"] != "busy"
    total = run["planned"] or None
    bars.update(
        task,
        total=total if not settled else total or 1,
        completed=run["done"] if not settled else total or 1,
        name=plain(environment["name"]),
        count=f"{run['done']} of {run['planned']}" if run["planned"] else "",
        now=plain(state["word"] + (f": {state['reason']}" if state["reason"] else "")),
    )
    if settled:
        bars.stop_task(task)


def goes_on(environment: dict[str, Any]) -> bool:
    """Whether something is still to come. It is up a moment before its run is over."""
    run = environment["last_run"]
    return environment["state"]["kind"] == "busy" or not (run["settled_at"] or run["lost"])


def exit_of(environment: dict[str, Any]) -> Exit:
    """The exit code that an environment's state stands for."""
    run, kind = environment["last_run"], environment["state"]["kind"]
    if kind == "busy":
        return Exit.STILL_RUNNING
    if run["end"] == "succeeded" and kind not in ("up", "off"):
        return Exit.HALF_DONE
    return exit_of_run(run)


def exit_of_run(run: dict[str, Any]) -> Exit:
    """The exit code that a run's end stands for."""
    if run["lost"] or run["end"] in HALF_DONE:
        return Exit.HALF_DONE
    if not run["settled_at"]:
        return Exit.STILL_RUNNING
    return Exit.DONE if run["end"] == "succeeded" else Exit.FAILED


def finish(server: Reads, started: Any, *, wait: bool, as_json: bool) -> None:
    """Wait for the end, show what it is, and leave with the exit code that it stands for."""
    environment = started["environment"]
    if not wait:
        if as_json:
            print_json(started)
        else:
            say(f"Run {started['run']['id']} is queued. `butai env logs {environment['name']} -f` shows it.")
        return
    environment = Watch(server, [environment["id"]]).until_settled()[0]
    if as_json:
        print_json(environment)
    else:
        for line in _end_lines(environment):
            say(line)
        for url in environment["urls"].values():
            data_out.print(url)
    code = exit_of(environment)
    if code is not Exit.DONE:
        raise typer.Exit(code)


def _end_lines(environment: Any) -> list[str]:
    state, run = environment["state"], environment["last_run"]
    lines = [f"{environment['name']}: {state['word']}" + (f" - {state['reason']}" if state["reason"] else "")]
    if run["error"] and run["error"]["where"]:
        lines.append(f"at {run['error']['where']}")
    if run["error"] and run["error"]["why"]:
        lines.append(run["error"]["why"])
    lines += [f"Look for {each['address']} ({each['type']} {each['id']})." for each in environment["left_over"]]
    if environment["left_over"]:
        lines.append(
            f"Nothing there? `butai env destroy {environment['name']} --confirm {environment['name']} --looked`"
        )
    lines += [f"No state knows {each['address']}: `butai env orphans`." for each in environment["orphans"]]
    lines += [f"Tainted: {each['address']}." for each in environment["tainted"]]
    if state["next_action"] != "none":
        lines.append(f"hint: `butai env next {environment['name']}` does: {state['next_action'].replace('-', ' ')}")
    return lines
