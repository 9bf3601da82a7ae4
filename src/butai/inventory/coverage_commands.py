"""`butai inventory coverage` and what follows from it: import blocks, and code that takes what exists into a state."""

from __future__ import annotations

import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from butai.client import ApiError
from butai.errors import RefusedError, WrongUseError
from butai.inventory.commands import RepositoryArgument, api
from butai.inventory.prices_commands import made_of, month
from butai.patience import Patient
from butai.terminal import JsonFlag, WaitFlag, data_out, pairs, print_json, say, table

LOOK_EVERY_S = 0.5
ORDERS = ("kind", "cost")
# What Terraform and OpenTofu begin such a file with.
GENERATED = "# __generated__ by "


def coverage(
    name: RepositoryArgument,
    region: Annotated[list[str], typer.Option(help="Look here; else where the blueprints say.")] = [],  # noqa: B006
    wait: WaitFlag = True,
    last: Annotated[bool, typer.Option("--last", help="Show what the last look found, without another.")] = False,
    sort: Annotated[str, typer.Option(help="Order of what is unmanaged: `kind` or `cost`.")] = "kind",
    json: JsonFlag = False,
) -> None:
    """What exists in the accounts against all known states: how much is in Terraform, and what is not."""
    if sort not in ORDERS:
        raise WrongUseError(f"`{sort}` is no order.", next="Say `kind` or `cost`.", where="--sort")
    server, path = Patient(api), f"/api/v1/inventory/{name}/coverage"
    found = server.get(path) if last else api().post(path, {"regions": region})
    if not last and wait:
        found = _when_over(server, path, found)
        if found["failure"]:
            raise ApiError(500, found["failure"])
    if json:
        print_json(found)
    elif found["looking"]:
        say(f"Looking at the accounts. `butai inventory coverage {name} --last` shows what was found.")
    elif found["at"] is None:
        say(f"Nobody has looked yet. `butai inventory coverage {name}` looks.")
    else:
        _show(found, sort)


def import_(
    name: RepositoryArgument,
    arn: Annotated[list[str], typer.Argument(help="ARNs of unmanaged things, as `coverage` lists them.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="A new file for the blocks.")] = None,
    provider: Annotated[
        list[str], typer.Option(metavar="REGION=PROVIDER", help="A region's provider, such as aws.virginia.")
    ] = [],  # noqa: B006
    json: JsonFlag = False,
) -> None:
    """Import blocks for unmanaged things, which take them into a state with the next apply."""
    body = {"arns": arn, "providers": pairs(provider, "--provider")}
    found = api().post(f"/api/v1/inventory/{name}/imports", body)
    if json:
        print_json(found)
    elif out is None:
        data_out.print(found["hcl"], end="")
    else:
        _write_new(out, found["hcl"])
    for each in found["left"]:
        say(f"{each}: its Terraform type is not known, write the block by hand.")
    if found["blocks"] and not json:
        say("Beside the root's code: `terraform plan -generate-config-out=generated.tf`,")
        say("then `butai inventory mend generated.tf`, and plan again.")


def mend(
    file: Annotated[Path, typer.Argument(help="What `terraform plan -generate-config-out=FILE` wrote.")],
) -> None:
    """Make generated code such that the next plan takes it: without what stands for nothing or is said twice."""
    try:
        written = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUseError(f"`{file}` cannot be read.", why=str(error), where="FILE") from error
    if not written.startswith(GENERATED):
        raise RefusedError(
            f"`{file}` is not what `plan -generate-config-out` wrote.",
            why="Its first line does not say so, and everything but resources would be lost.",
            next="If it was mended already, there is nothing to do.",
        )
    # What it takes would make every other command start later.
    from butai.inventory.generated import mended

    made = mended(written)
    if made.problem:
        raise WrongUseError(f"`{file}` cannot be read.", why=str(made.problem.what), where=f"line {made.problem.line}")
    _replace(file, made.hcl)
    say(f"{file} is mended: plan again.")
    for address, attribute in made.unfinished.items():
        say(f"{address} needs `{attribute}`, which AWS does not give back: write it.")


def _when_over(server: Patient, path: str, found: dict[str, Any]) -> dict[str, Any]:
    if found["looking"]:
        say("Looking at the accounts...")
    while found["looking"]:
        time.sleep(LOOK_EVERY_S)
        found = server.get(path)
    return found


def _show(found: dict[str, Any], sort: str) -> None:
    total, unmanaged = found["total"], found["unmanaged"]
    known = sum(not each["problem"] for each in found["states"])
    accounts, regions = ", ".join(found["accounts"]), ", ".join(found["regions"])
    say(f"{_percent(total)} of {total['managed'] + total['unmanaged']} things are in one of {known} states")
    say(f"account {accounts}, {regions}; AWS made {found['by_aws']} more by itself")
    for title, column, shares in (("By kind", "KIND", found["by_kind"]), ("By region", "REGION", found["by_region"])):
        say(f"\n{title}")
        rows = [
            [each["name"] or "global", _percent(each), str(each["managed"]), str(each["unmanaged"])] for each in shares
        ]
        table([column, "COVERED", "IN A STATE", "UNMANAGED"], rows)
    if unmanaged:
        _show_unmanaged(unmanaged, found["cost"], sort)
    if found["gone"]:
        say("\nIn a state, and gone")
        table(["STATE", "ADDRESS", "ID"], [[each[key] for key in ("state", "address", "id")] for each in found["gone"]])
    _show_gaps(found)


def _show_unmanaged(unmanaged: list[dict[str, Any]], cost: dict[str, Any], sort: str) -> None:
    say(f"\nUnmanaged: {cost['month']} USD a month for {cost['figures']}, as list prices on demand{_read(cost)}")
    say(f"without a figure: {cost['by_use']} by use, {cost['unpriced']} without a price, {cost['unknown']} not known")
    if cost["unpriced"]:
        say("`butai inventory prices --read` reads prices.")
    if sort == "cost":
        unmanaged = sorted(unmanaged, key=lambda each: -Decimal(each["cost_month"] or 0))
    table(
        ["KIND", "NAME", "REGION", "USD A MONTH", "MADE OF", "ARN"],
        [
            [each["kind"], each["name"], each["region"], month(each["cost"]), made_of(each["cost"]), each["arn"]]
            for each in unmanaged
        ],
    )


def _read(cost: dict[str, Any]) -> str:
    return f" read {cost['read_at'][:10]}" if cost["read_at"] else ""


def _show_gaps(found: dict[str, Any]) -> None:
    unread = [each for each in found["states"] if each["problem"]]
    if found["gaps"] or unread:
        say("\nNot known")
    for each in found["gaps"]:
        where = " ".join(filter(None, (each["account"], each["region"], each["kind"])))
        say(f"{where}: {each['what'] or ('not allowed' if each['denied'] else 'failed')} ({each['why']})")
    for each in unread:
        say(" ".join(filter(None, (each["problem"], each["why"], each["next"]))))


def _percent(share: dict[str, Any]) -> str:
    return "-" if share["percent"] is None else f"{share['percent']} %"


def _write_new(file: Path, content: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(content)
    except OSError as error:
        raise WrongUseError(f"`{file}` cannot be written ({error.strerror}).", where="--out") from error
    say(f"{file} is written.")


def _replace(file: Path, content: str) -> None:
    """All of it or nothing."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=file.parent, suffix=".tmp", encoding="utf-8", delete=False) as new:
            new.write(content)
        Path(new.name).chmod(file.stat().st_mode & 0o777)
        Path(new.name).replace(file)
    except OSError as error:
        raise WrongUseError(f"`{file}` cannot be written ({error.strerror}).", where="FILE") from error
