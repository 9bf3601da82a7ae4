"""`butai engine ...`: comparing the fast way with the plain one, and what the fast way keeps on this machine. Thin."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from butai.client import Api, connect
from butai.environments.drift_commands import wait_for_finding
from butai.errors import Exit, NotFoundError
from butai.settings import Settings
from butai.terminal import JsonFlag, data_out, print_json, say, table
from butai.terraform.accelerator.client import HostClient

app = typer.Typer(no_args_is_help=True, help="Engines: the fast way, in which runs share providers.")


@app.command()
def check(
    blueprint: Annotated[str, typer.Argument(help="The blueprint's name.")],
    environment: Annotated[str, typer.Option("--env", help="With what this environment has; else the newest.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Plan on both ways and compare: with `engine.acceleration: applies` changes go the fast way then. 1: they differ."""
    server = connect(Settings())
    name = environment or _newest(server, blueprint)
    started = server.post(f"/api/v1/environments/{name}/engine-check", blueprint=blueprint)
    run = started["run"]["id"]
    wait_for_finding(server, run, "comparison")
    equal = server.get(f"/api/v1/runs/{run}/engine-check")["equal"]
    if as_json:
        print_json({"blueprint": blueprint, "environment": name, "run": run, "equal": equal})
    else:
        data_out.print(f"{blueprint}: both ways {'are equal' if equal else 'differ'} (with {name}, run {run})")
    if not equal:
        say(f"`butai env logs --run {run}` says where.")
        raise typer.Exit(Exit.FAILED)


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """The providers that runs share on this machine, with the data folder that is set."""
    found = HostClient(Settings().data / "providers").status()
    if as_json:
        print_json(found or {"pid": None, "runs": [], "providers": []})
    elif found is None:
        say("No provider is shared now: the host starts with the first run that needs it.")
    else:
        rows = [_row(each) for each in found["providers"]]
        table(["provider", "version", "process", "configured", "calls"], rows)
        say(f"The provider host is process {found['pid']}; runs: {', '.join(found['runs']) or 'none'}.")


def _row(provider: Any) -> list[str]:
    configured = "yes" if provider["configured"] else "no"
    return [provider["source"], provider["version"], str(provider["pid"]), configured, str(provider["calls"])]


def _newest(server: Api, blueprint: str) -> str:
    """The environment of a blueprint that was made last, and is there."""
    known = [each for each in server.get("/api/v1/environments") if each["blueprint"] == blueprint]
    if not known:
        raise NotFoundError(
            f"The blueprint `{blueprint}` has no environment to compare with.",
            next="Make one: `butai env create NAME --blueprint " + blueprint + "`.",
            code="no-environment",
        )
    return str(max(known, key=lambda each: str(each["created_at"]))["name"])
