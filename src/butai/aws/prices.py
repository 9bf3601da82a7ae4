"""Prices as AWS's Price List Query API tells them, which needs `pricing:GetProducts` and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from butai.aws.clients import Clients
from butai.aws.lookup import code_of
from butai.aws.price_list import FAMILIES, Family, Price, mapping, moment, price_of, settled

WHERE: Final = "us-east-1"
"""The Price List of all regions is asked here."""
# AWS takes some ten calls a second.
AT_ONCE: Final = 4
PAGE: Final = 100


@dataclass(frozen=True)
class Unread:
    """Prices of a service in a region (empty: of none) that could not be read, with AWS's code and words."""

    region: str
    service: str
    code: str
    why: str


@dataclass(frozen=True)
class Reading:
    """What was read. `asked`: region and service of what was read in whole."""

    prices: tuple[Price, ...]
    unread: tuple[Unread, ...]
    asked: frozenset[tuple[str, str]]


def read_prices(session: boto3.Session, regions: Sequence[str], read_at: datetime) -> Reading:
    """Every price that Butai understands, in these regions and in none.

    Where the first question has no answer no other is asked: whoever may ask about one service may ask about all.
    """
    client = Clients(session)("pricing", WHERE)
    asks = [
        (region, family, variant)
        for family in sorted(FAMILIES, key=lambda each: not each.is_global)
        for variant in family.variants
        for region in ([""] if family.is_global else regions)
    ]
    answers = [_answer(client, read_at, *asks[0])]
    if isinstance(answers[0], Unread):
        return Reading((), (answers[0],), frozenset())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers += pool.map(partial(_answer, client, read_at), *zip(*asks[1:], strict=True))
    unread = {(each.region, each.service): each for each in answers if isinstance(each, Unread)}
    asked = {(region, family.service) for region, family, _ in asks} - unread.keys()
    prices = settled(price for each in answers if not isinstance(each, Unread) for price in each)
    kept = tuple(each for each in prices if (each.region, each.rate.service) in asked)
    return Reading(kept, tuple(unread.values()), frozenset(asked))


def _answer(client: Any, read_at: datetime, region: str, family: Family, variant: str) -> list[Price] | Unread:
    try:
        return list(_of_family(client, read_at, region, family, variant))
    except ClientError as error:
        return Unread(region, family.service, code_of(error), str(error))
    except BotoCoreError as error:
        return Unread(region, family.service, type(error).__name__, str(error))


def _of_family(client: Any, read_at: datetime, region: str, family: Family, variant: str) -> Iterator[Price]:
    asked = {
        **family.asked,
        **({"regionCode": region} if region else {}),
        **({family.variant: variant} if variant else {}),
    }
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in asked.items()]
    pages = client.get_paginator("get_products").paginate(
        ServiceCode=family.service, Filters=filters, FormatVersion="aws_v1", PaginationConfig={"PageSize": PAGE}
    )
    for page in pages:
        for each in page["PriceList"]:
            found = _price(json.loads(each), family.service, read_at)
            if found is not None:
                yield found


def _price(document: dict[str, Any], service: str, read_at: datetime) -> Price | None:
    """Without a date of its own a price is not taken: nobody could tell how old it is."""
    published_at = moment(document.get("publicationDate"))
    if published_at is None:
        return None
    on_demand = mapping(mapping(document, "terms"), "OnDemand")
    return price_of(service, mapping(document, "product"), on_demand, published_at, read_at)
