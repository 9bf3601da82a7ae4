"""`butai env drift`: look for drift now, and show what was found. Thin."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import typer

from butai.client import Api
from butai.environments.watch import LOOK_EVERY_S
from butai.errors import ButaiError, Exit
from butai.terminal import data_out, print_json, say
from butai.terraform.text import plain

OUTSIDE = {"update": "changed outside", "delete": "deleted outside"}
WOULD = {
    "create": "an update would create it",
    "update": "an update would change it",
    "delete": "an update would destroy it",
    "replace": "an update would replace it",
}


class CheckFailedError(ButaiError):
    """A plan that was asked for did not come to its end."""

    code = "check-failed"


def wait_for_plan(server: Api, run_id: int) -> list[dict[str, Any]]:
    """Wait until a plan has ended; what it found. Raises CheckFailedError where it found nothing out."""
    wait_for_finding(server, run_id, "plan")
    found: list[dict[str, Any]] = server.get(f"/api/v1/runs/{run_id}/differences")
    return found


def wait_for_finding(server: Api, run_id: int, kind: str) -> None:
    """Wait until a run that only looks has ended. Raises CheckFailedError where it found nothing out."""
    while (run := server.get(f"/api/v1/runs/{run_id}"))["settled_at"] is None:
        time.sleep(LOOK_EVERY_S)
    if run["end"] == "succeeded":
        return
    error = run["error"] or {}
    raise CheckFailedError(
        error.get("what") or f"The {kind} (run {run_id}) ended as {run['end'].replace('-', ' ')}.",
        why=error.get("why", ""),
        next=error.get("next") or f"`butai env logs --run {run_id}` shows its log.",
        where=error.get("where", ""),
    )


def show_drift(server: Api, path: str, blueprint: str | None, *, wait: bool, as_json: bool) -> None:
    """Look for drift and show it; leaves with 5 when there is some."""
    show_check(server, server.post(f"{path}/drift-check", blueprint=blueprint), wait=wait, as_json=as_json)


def show_check(server: Api, started: Any, *, wait: bool, as_json: bool) -> None:
    """What a look for drift found that was started; leaves with 5 when there is some."""
    run, name = started["run"]["id"], started["environment"]["name"]
    if not wait:
        print_json(started) if as_json else say(f"Run {run} is queued. `butai env logs --run {run} -f` shows it.")
        return
    items = wait_for_plan(server, run)
    if as_json:
        print_json({"environment": name, "run": run, "items": items})
    else:
        for each in items:
            data_out.print("\n".join(map(plain, (line_of(each), *attribute_lines(each)))))
        say(_summary(name, len(items)))
    if items:
        raise typer.Exit(Exit.HALF_DONE)


def line_of(item: dict[str, Any]) -> str:
    """One difference as a line."""
    outside = OUTSIDE.get(item["outside"], item["outside"])
    would = WOULD.get(item["action"], item["action"])
    return f"{item['address']}: " + ", ".join(part for part in (outside, would) if part)


def attribute_lines(item: dict[str, Any]) -> list[str]:
    """Its attributes that differ: what they are, what an update would make of them."""
    found = [f"    {each['path']}: {each['before']} -> {each['after']}{_forces(each)}" for each in item["attributes"]]
    return [*found, *([f"    and {item['more']} more"] if item["more"] else [])]


def _forces(attribute: dict[str, Any]) -> str:
    return " (makes it anew)" if attribute["forces"] else ""


def state_of_code(environment: dict[str, Any]) -> list[str]:
    """How far it is behind its branch, and what the newest check found; empty words where there is nothing to say."""
    behind, drift = environment["behind"], environment["drift"]
    words = ["", ""]
    if behind:
        commits = "1 commit" if behind["commits"] == 1 else f"{behind['commits']} commits"
        same = "" if behind["root_changed"] else " (the root is the same)"
        words[0] = f"{commits} behind {behind['ref']}: {behind['subject']}{same}, as of {_as_of(environment)}"
    if drift:
        words[1] = f"{drift['count']} drifted" if drift["count"] else "none"
    return words


def fetched_lines(environment: dict[str, Any]) -> list[str]:
    """As of when it was compared with its branch, and why not since."""
    fetched = environment["fetched"]
    if not fetched:
        return []
    failure = f"; not fetched since: {fetched['failure']}" if fetched["failure"] else ""
    return [f"{_as_of(environment)}{failure}"]


def _as_of(environment: dict[str, Any]) -> str:
    at = environment["fetched"]["at"]
    return ago(datetime.now(UTC) - datetime.fromisoformat(at)) if at else "never"


def ago(passed: timedelta) -> str:
    """A time that passed, roughly: `3 min ago`."""
    minutes = int(passed.total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"


def _summary(name: str, count: int) -> str:
    if not count:
        return f"{name}: no drift; everything is as the code says."
    things = "1 thing differs" if count == 1 else f"{count} things differ"
    return f"{name}: {things}.\nhint: `butai env update {name}` makes it as the code says."
