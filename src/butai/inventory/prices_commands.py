"""`butai inventory prices` and `costs`: prices that figures are made of, and what code costs. Thin: the API does everything."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from butai.aws.offer_file import prices_of, wanted
from butai.aws.price_list import Price
from butai.client import ApiError
from butai.errors import WrongUseError
from butai.inventory.commands import RepositoryArgument, api
from butai.patience import Patient
from butai.terminal import JsonFlag, WaitFlag, print_json, say, table

LOOK_EVERY_S = 0.5
PATH = "/api/v1/prices"


def prices(
    read: Annotated[
        bool, typer.Option("--read", help="Ask AWS's Price List for the regions of all known accounts.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option(metavar="OFFER", help="Take the prices of a downloaded offer file (JSON).")
    ] = None,
    region: Annotated[list[str], typer.Option(help="With --read: these regions.")] = [],  # noqa: B006
    service: Annotated[str, typer.Option(metavar="CODE", help="Show each price of a service, such as AmazonECS.")] = "",
    wait: WaitFlag = True,
    json: JsonFlag = False,
) -> None:
    """Which prices are kept, and how old they are. They come from AWS's Price List alone."""
    if sum((read, file is not None, bool(service))) > 1:
        raise WrongUseError("One of `--read`, `--file` and `--service`.", where="--read")
    if service:
        _show_service(service, region, as_json=json)
        return
    if file is not None:
        found = _take(prices_of(wanted(file), datetime.now(UTC)))
    elif read:
        found = _read(region, wait=wait)
    else:
        found = api().get(PATH)
    if json:
        print_json(found)
    else:
        _show(found)


def costs(name: RepositoryArgument, json: JsonFlag = False) -> None:
    """What the resources of the newest code cost a month, as far as the code says it and prices are kept."""
    found = api().get(f"/api/v1/inventory/{name}/costs")
    if json:
        print_json(found)
        return
    told = [each for each in found if each["cost"]["paid"] in ("monthly", "unpriced")]
    table(
        ["NODE", "REGION", "USD A MONTH", "MADE OF"],
        [[each["id"], each["region"] or "?", month(each["cost"]), made_of(each["cost"])] for each in told],
    )
    unknown = sum(each["cost"]["paid"] == "unknown" for each in found)
    say(f"{len(told)} of {len(found)} resources are paid by the hour or month; of {unknown} the code does not tell it.")
    if any(each["cost"]["paid"] == "unpriced" for each in told):
        say("Some prices are not kept. `butai inventory prices --read` reads them.")


def month(cost: dict[str, Any]) -> str:
    """A figure, or why there is none."""
    if cost["month"] is not None and cost["paid"] == "monthly":
        return f"{cost['month']}{' + use' if cost['by_use'] else ''}"
    return {"by-use": "by use", "free": "free", "unpriced": "no price"}.get(cost["paid"], "not known")


def made_of(cost: dict[str, Any]) -> str:
    """Unit price x hours x number of each part, and when the prices were read."""
    parts = [_part(each) for each in cost["lines"]]
    read = min((each["read_at"][:10] for each in cost["lines"]), default="")
    return f"{' + '.join(parts)}, read {read}" if parts else ""


def _part(line: dict[str, Any]) -> str:
    hours = f" x {line['hours']} h" if line["hours"] > 1 else ""
    return f"{line['usage']} {_short(line['amount'])}{hours} x {_short(line['number'])}"


def _short(number: str) -> str:
    """Without zeros that say nothing."""
    return f"{Decimal(number).normalize():f}"


def _read(regions: list[str], *, wait: bool) -> Any:
    server = Patient(api)
    found = api().post(PATH, {"regions": regions})
    if found["reading"] and wait:
        say("Asking the Price List...")
    while found["reading"] and wait:
        time.sleep(LOOK_EVERY_S)
        found = server.get(PATH)
    if wait and found["failure"]:
        raise ApiError(500, found["failure"])
    return found


def _take(prices: list[Price]) -> Any:
    """Region by region: the server takes no large requests."""
    server = api()
    for region in sorted({each.region for each in prices}):
        here = [each for each in prices if each.region == region]
        rows = [
            {
                "usage": each.rate.usage,
                "variant": each.rate.variant,
                "sku": each.sku,
                "unit": each.unit,
                "amount": str(each.amount),
            }
            for each in here
        ]
        head = {"service": here[0].rate.service, "region": region, "published_at": here[0].published_at.isoformat()}
        server.post(f"{PATH}/offer", {**head, "prices": rows})
    return server.get(PATH)


def _show(found: dict[str, Any]) -> None:
    if found["reading"]:
        say("The Price List is being asked. `butai inventory prices` shows what is kept.")
    if not found["kept"]:
        say(
            "No price is kept. `butai inventory prices --read` asks AWS for them, `--file OFFER.json` takes a downloaded one."
        )
    table(
        ["REGION", "SERVICE", "PRICES", "READ", "PUBLISHED"],
        [
            [
                each["region"] or "global",
                each["service"],
                str(each["count"]),
                each["read_at"][:16],
                each["published_at"][:10],
            ]
            for each in found["kept"]
        ],
    )
    for each in found["unread"]:
        say(f"Not read: {each['region'] or 'global'} {each['service']} ({each['why']})")


def _show_service(service: str, regions: list[str], *, as_json: bool) -> None:
    server = api()
    found = [each for region in regions or [""] for each in server.get(f"{PATH}/{service}", region=region)]
    if as_json:
        print_json(found)
        return
    if not found:
        say("None is kept there. Name a region: `--region REGION`.")
    shown = ("region", "usage", "variant", "amount", "unit", "sku")
    rows = [[*(each[name] for name in shown), each["read_at"][:10], each["published_at"][:10]] for each in found]
    table(["REGION", "USAGE TYPE", "VARIANT", "USD", "UNIT", "SKU", "READ", "PUBLISHED"], rows)
