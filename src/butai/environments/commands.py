"""`butai env ...`: the environments' commands. Thin: they say what is wanted to the public API and show the answer."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from butai.client import Api, blueprint_of, connect, path_to
from butai.environments import following
from butai.environments.drift_commands import fetched_lines, show_drift, state_of_code
from butai.environments.hold_commands import held
from butai.environments.state_commands import app as state_app
from butai.environments.update_all import check_update, rollout, update_all
from butai.environments.watch import finish
from butai.settings import Settings
from butai.terminal import JsonFlag, NameArgument, WaitFlag, data_out, print_json, say, table
from butai.terminal import pairs as _pairs
from butai.terraform.text import plain

app = typer.Typer(no_args_is_help=True, help="Environments: create, look, update, destroy.")
app.add_typer(state_app, name="state")

ServiceOption = Annotated[
    list[str], typer.Option("--service", "-s", metavar="SERVICE=BRANCH", help="Branch (or commit) of a service.")
]
VarOption = Annotated[list[str], typer.Option("--var", metavar="NAME=VALUE", help="Value of a variable of the root.")]


def api() -> Api:
    """The server that this command talks to."""
    return connect(Settings())


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="2 to 20 lower-case letters, digits and hyphens.")],
    blueprint: Annotated[str, typer.Option(help="Which blueprint; not needed when there is only one.")] = "",
    service: ServiceOption = [],  # noqa: B006 - Typer reads it, nobody changes it
    var: VarOption = [],  # noqa: B006
    purpose: Annotated[str, typer.Option(help="What it is for; others see it.")] = "",
    owner: Annotated[str, typer.Option(help="Whose it is; you, if not given.")] = "",
    ref: Annotated[str, typer.Option(help="Branch, tag or commit of the blueprint.")] = "",
    engine: Annotated[str, typer.Option(help="terraform, tofu or a path.")] = "",
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Create an environment."""
    body = {
        "name": name,
        "blueprint": blueprint,
        "services": _choices(service),
        "variables": _pairs(var, "--var"),
        "purpose": purpose,
        "owner": owner,
        "ref": ref,
        "engine": engine,
    }
    server = api()
    finish(server, server.post("/api/v1/environments", body), wait=wait, as_json=json)


@app.command(name="list")
def list_(json: JsonFlag = False) -> None:
    """Every environment with its state, versions and address."""
    found = api().get("/api/v1/environments")
    if json:
        print_json(found)
        return
    if not found:
        say("There is no environment yet. `butai env create NAME` makes one.")
        return
    table(["NAME", "STATE", "RUNS", "OWNER", "URL", "BEHIND", "DRIFT"], [_row(each) for each in found])


@app.command()
def show(name: NameArgument, json: JsonFlag = False) -> None:
    """One environment: state, URLs, services, outputs, leases, runs."""
    server = api()
    environment = server.get(path_to(name), blueprint=blueprint_of(name))
    runs = server.get(f"{path_to(name)}/runs", blueprint=blueprint_of(name))
    if json:
        print_json({**environment, "runs": runs})
        return
    for line in _lines(environment):
        data_out.print(plain(line))
    table(["RUN", "KIND", "END", "BY", "STARTED"], [_run_row(run) for run in runs])


app.command()(following.logs)
app.command()(following.wait)
app.command()(rollout)


@app.command()
def update(
    name: Annotated[str, typer.Argument(help="The environment's name, or BLUEPRINT/NAME; none with --all.")] = "",
    service: ServiceOption = [],  # noqa: B006
    var: VarOption = [],  # noqa: B006
    latest: Annotated[bool, typer.Option(help="Go to the newest commit of the blueprint's branch.")] = False,
    commit: Annotated[str, typer.Option(help="Go to this commit of the blueprint.")] = "",
    all_: Annotated[
        bool, typer.Option("--all", help="All environments: every plan first, one question, waves.")
    ] = False,
    to: Annotated[str, typer.Option(metavar="REF", help="With --all: the branch, tag or commit to go to.")] = "",
    wave: Annotated[int, typer.Option(min=1, help="With --all: how many at a time, after a first one.")] = 2,
    blueprint: Annotated[str, typer.Option(help="With --all: only environments of this blueprint.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="With --all: do not ask.")] = False,
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Put other versions or values on an environment, or bring all to a ref. Without any wish: make it as its code says."""
    check_update(name, all_=all_, to=to, others=bool(service or var or latest or commit))
    if all_:
        update_all(api(), to, at_once=wave, blueprint=blueprint, yes=yes, wait=wait, as_json=json)
        return
    body = {
        "services": _choices(service),
        "variables": _pairs(var, "--var"),
        "latest": latest,
        "commit": commit,
    }
    server = api()
    started = server.patch(path_to(name), body, blueprint=blueprint_of(name))
    finish(server, started, wait=wait, as_json=json)


@app.command()
def destroy(
    name: NameArgument,
    confirm: Annotated[str, typer.Option(metavar="NAME", help="The name again: this cannot come back.")] = "",
    looked: Annotated[
        bool, typer.Option("--looked", help="What was left over was looked for: it is not there.")
    ] = False,
    skip_tasks: Annotated[
        bool, typer.Option("--skip-tasks", help="Without the tasks that the blueprint declares before a destroy.")
    ] = False,
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Destroy an environment and everything in it."""
    server = api()
    if not confirm:
        environment = server.get(path_to(name), blueprint=blueprint_of(name))
        say(f"`{environment['name']}` goes, with its data: {', '.join(environment['urls'].values()) or 'no URL'}.")
    body = {"confirm": confirm, "looked": looked, "skip_tasks": skip_tasks}
    started = server.post(f"{path_to(name)}/destroy", body, blueprint=blueprint_of(name))
    finish(server, started, wait=wait, as_json=json)


@app.command()
def drift(name: NameArgument, wait: WaitFlag = True, json: JsonFlag = False) -> None:
    """Look for drift now: what is not as the code says (exit code 5 when something is not). Changes nothing."""
    show_drift(api(), path_to(name), blueprint_of(name), wait=wait, as_json=json)


@app.command(name="next")
def next_(name: NameArgument, wait: WaitFlag = True, json: JsonFlag = False) -> None:
    """Do the one next action that the state proposes (run again, check and go on, destroy again)."""
    server = api()
    started = server.post(f"{path_to(name)}/next", blueprint=blueprint_of(name))
    finish(server, started, wait=wait, as_json=json)


def adopted_from(environment: Any) -> str:
    """Where an environment is that was made elsewhere."""
    adopted = environment["adopted"]
    places = {f"{each['cluster']}/{each['service']}" for each in adopted["found"].values()}
    return ", ".join([*([adopted["state"]] if adopted["state"] else []), *sorted(places)]) or adopted["cluster"]


def _lines(environment: Any) -> list[str]:
    state = environment["state"]
    lines = [
        f"{environment['name']}  {state['word']}" + (f" - {state['reason']}" if state["reason"] else ""),
        f"blueprint  {environment['blueprint']} @ {environment['commit'][:7]} ({environment['ref']})",
        f"engine     {environment['engine']}"
        if not environment["adopted"]
        else f"adopted    {adopted_from(environment)}",
        f"owner      {environment['owner']}" + (f", {environment['purpose']}" if environment["purpose"] else ""),
    ]
    if environment["hold"]:
        lines.append(f"hold       {held(environment)}: {environment['hold']['reason']}")
    way = environment["last_run"]["way"]
    if way:
        lines.append(f"provider   {'shared' if way['accelerated'] else 'of its own'}: {way['why']}")
    behind, drift = state_of_code(environment)
    lines += [f"fetched    {each}" for each in fetched_lines(environment)]
    lines += [f"behind     {behind}"] * bool(behind) + [f"drift      {drift}"] * bool(drift)
    lines += [f"url        {label}: {url}" for label, url in environment["urls"].items()]
    for each in environment["services"]:
        lines.append(f"service    {each['name']}: {each['branch']} {each['commit'][:7]}")
        lines += [f"database   {each['name']}: {_database(each['database'])}"] if each["database"] else []
    lines += [f"output     {each['name']} = {each['value']}" for each in environment["outputs"]]
    lines += [f"lease      {pool}: {value}" for pool, value in environment["leases"].items()]
    lines += [f"tainted    {each['address']}" for each in environment["tainted"]]
    lines += [f"orphan     {each['address']} {each['id'] or '(may exist)'}" for each in environment["orphans"]]
    return lines


def _database(found: Any) -> str:
    return f"up to {found['had'][-1]}" + (
        f"; AHEAD of this version: {', '.join(found['ahead'])}" if found["ahead"] else ""
    )


def _row(environment: Any) -> list[str]:
    versions = " ".join(f"{each['name']}={each['branch']}" for each in environment["services"])
    url = next(iter(environment["urls"].values()), "")
    return [
        environment["name"],
        environment["state"]["word"] + (f" ({held(environment)})" if environment["hold"] else ""),
        versions,
        environment["owner"],
        url,
        *state_of_code(environment),
    ]


def _run_row(run: Any) -> list[str]:
    started = (run["started_at"] or run["requested_at"])[:16].replace("T", " ")
    end = f"superseded by {run['superseded_by']}" if run["superseded_by"] else run["end"] or run["status"]
    return [str(run["id"]), run["kind"], end, run["requested_by"], started]


def _choices(values: list[str]) -> dict[str, dict[str, str]]:
    return {name: {"branch": branch} for name, branch in _pairs(values, "--service").items()}
