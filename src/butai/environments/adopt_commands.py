"""`butai adopt`, `butai look`, `butai take-over`, `butai forget`: over the public API alone."""

from __future__ import annotations

from typing import Annotated

import typer

from butai.client import blueprint_of, connect
from butai.environments.drift_commands import show_check
from butai.environments.watch import finish
from butai.settings import Settings
from butai.terminal import JsonFlag, NameArgument, WaitFlag, pairs, print_json, say

ServiceOption = Annotated[
    list[str],
    typer.Option(
        "--service", "-s", metavar="SERVICE=ECS-SERVICE", help="Its ECS service, where the name does not tell."
    ),
]


def adopt(
    name: Annotated[
        str, typer.Argument(help="What it is called here: 2 to 20 lower-case letters, digits and hyphens.")
    ],
    state: Annotated[str, typer.Option(metavar="s3://BUCKET/KEY", help="Where its state lies. It is only read.")] = "",
    cluster: Annotated[str, typer.Option(help="ECS cluster in which services are looked for.")] = "",
    service: ServiceOption = [],  # noqa: B006 - Typer reads it, nobody changes it
    workspace: Annotated[str, typer.Option(help="Which of the key's workspaces it is.")] = "",
    region: Annotated[str, typer.Option(help="The bucket's region, where it is not the blueprint's.")] = "",
    dynamodb_table: Annotated[str, typer.Option(help="What locks the state; for a take-over.")] = "",
    use_lockfile: Annotated[
        bool, typer.Option("--use-lockfile", help="A file locks the state; for a take-over.")
    ] = False,
    blueprint: Annotated[str, typer.Option(help="Which blueprint; not needed when there is only one.")] = "",
    purpose: Annotated[str, typer.Option(help="What it is for; others see it.")] = "",
    owner: Annotated[str, typer.Option(help="Whose it is; you, if not given.")] = "",
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Register an environment that Terraform made elsewhere: seen, deployed to, held and compared; never planned or changed."""
    body = {
        "name": name,
        "blueprint": blueprint,
        "state": state,
        "workspace": workspace,
        "region": region,
        "dynamodb_table": dynamodb_table,
        "use_lockfile": use_lockfile,
        "cluster": cluster,
        "services": pairs(service, "--service"),
        "purpose": purpose,
        "owner": owner,
    }
    server = connect(Settings())
    finish(server, server.post("/api/v1/adopted", body), wait=wait, as_json=json)


def look(name: NameArgument, wait: WaitFlag = True, json: JsonFlag = False) -> None:
    """Look again at an adopted environment: its state, its services, what they run."""
    server = connect(Settings())
    started = server.post(f"{_path(name)}/look", blueprint=blueprint_of(name))
    finish(server, started, wait=wait, as_json=json)


def take_over(
    name: NameArgument,
    confirm: Annotated[str, typer.Option(metavar="NAME", help="Its name again: from then on updates change it.")] = "",
    var: Annotated[
        list[str], typer.Option("--var", metavar="NAME=VALUE", help="Value of a variable of the root.")
    ] = [],  # noqa: B006
    lease: Annotated[
        list[str], typer.Option("--lease", metavar="POOL=VALUE", help="What it has already out of a pool.")
    ] = [],  # noqa: B006
    ref: Annotated[str, typer.Option(help="Branch, tag or commit of the blueprint.")] = "",
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Hand an adopted environment over to Butai. Shows what an update would do; nothing is changed yet."""
    body = {"confirm": confirm, "variables": pairs(var, "--var"), "leases": pairs(lease, "--lease"), "ref": ref}
    server = connect(Settings())
    started = server.post(f"{_path(name)}/take-over", body, blueprint=blueprint_of(name))
    show_check(server, started, wait=wait, as_json=json)


def forget(name: NameArgument, json: JsonFlag = False) -> None:
    """Forget an adopted environment. It stays as it is; `butai adopt` brings it back."""
    found = connect(Settings()).post(f"{_path(name)}/forget", blueprint=blueprint_of(name))
    if json:
        print_json(found)
        return
    say(f"{found['name']} is forgotten. Nothing was changed where it runs.")


def _path(name: str) -> str:
    return f"/api/v1/adopted/{name.rpartition('/')[2]}"
