"""AWS's Price List: the families of prices that Butai understands, and what one of its documents says. Pure.

Only list prices on demand are taken. A document has many that look alike (extended support, reserved nodes, dedicated hosts,
the free tier): a row counts only if its usage type is exactly the one that is meant, behind the mark of its region.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

HOURS: Final = 730
"""Hours of a month, as AWS's own calculator has them."""
ANY: Final = "Any"
"""A variant of the Price List's that stands for each that has no price of its own."""
CURRENCY: Final = "USD"
# `APN1-`, `EU-`, `ap-northeast-1-`; nothing in us-east-1. What else stands in front is another price: `TS-`, `Global-`.
_REGION: Final = r"(?:EU-|[A-Z]{3}[0-9]{1,2}-|[a-z]{2}(?:-[a-z]+)+-[0-9]-)?"
_HOURLY: Final = frozenset({"hrs", "hours", "gb-hours", "vcpu-hours"})
_RESERVED: Final = "reserved instance applied"


@dataclass(frozen=True, order=True)
class Rate:
    """What is paid for, in whatever region. `usage`: the usage type without its region, sizes written in full.

    `variant`: what tells prices of the same usage type apart, such as an engine.
    """

    service: str
    usage: str
    variant: str = ""


@dataclass(frozen=True)
class Price:
    """One price on demand. `region`: empty for what belongs to none. `amount`: for one `unit`.

    `published_at`: what the document says of itself; `read_at`: when Butai took it.
    """

    region: str
    rate: Rate
    sku: str
    unit: str
    amount: Decimal
    published_at: datetime
    read_at: datetime
    currency: str = CURRENCY

    @property
    def hours(self) -> int:
        """By how many units each thing is paid in a month: an hourly price by 730."""
        return HOURS if self.unit.lower() in _HOURLY else 1

    def flat(self) -> dict[str, Any]:
        """All of it by name, its rate's fields beside its own."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "rate"}
        return {**asdict(self.rate), **own}


@dataclass(frozen=True)
class Family:
    """Prices that are asked for together, one query for each of `variants`.

    `usage`: what their usage types look like without region and size. `sized`: the attribute that has the size in full
    (`db.r7g.4xlarge`; the usage type may say `4xl`). `asked`: attributes that all of them have, in GetProducts' names.
    `variant`: the attribute that tells them apart. `is_global`: their prices belong to no region.
    """

    service: str
    usage: str
    asked: Mapping[str, str] = field(default_factory=dict, hash=False)
    sized: str = ""
    variant: str = ""
    variants: tuple[str, ...] = ("",)
    is_hourly: bool = False
    is_global: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """Of a whole usage type."""
        return re.compile(f"{_REGION}(?P<usage>{self.usage}){':.+' if self.sized else ''}")


ENGINES: Final = ("PostgreSQL", "MySQL", "MariaDB")
AURORAS: Final = ("Aurora PostgreSQL", "Aurora MySQL")
CACHES: Final = ("Redis", "Valkey", "Memcached")
BALANCERS: Final = ("LoadBalancing:Application", "LoadBalancing:Network", "LoadBalancing:Gateway")
LINUX: Final = {
    "productFamily": "Compute Instance",
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}

FAMILIES: Final = (
    Family(
        "AmazonElastiCache",
        "NodeUsage",
        {"productFamily": "Cache Instance"},
        "instanceType",
        "cacheEngine",
        CACHES,
        is_hourly=True,
    ),
    Family(
        "AmazonRDS",
        "InstanceUsage|Multi-AZUsage",
        {"productFamily": "Database Instance", "licenseModel": "No license required"},
        "instanceType",
        "databaseEngine",
        (*ENGINES, *AURORAS),
        is_hourly=True,
    ),
    Family(
        "AmazonRDS",
        "RDS:(?:Multi-AZ-)?(?:GP2-Storage|GP3-Storage|StorageUsage)",
        {"productFamily": "Database Storage"},
        variant="databaseEngine",
        variants=(*ENGINES, ANY),
    ),
    Family("AmazonEC2", "BoxUsage", LINUX, "instanceType", is_hourly=True),
    Family("AmazonEC2", r"EBS:VolumeUsage(?:\.(?:gp2|gp3|piops|st1|sc1))?", {"productFamily": "Storage"}),
    Family("AmazonEC2", r"EBS:VolumeP-IOPS\.(?:gp3|piops)", {"productFamily": "System Operation"}),
    Family("AmazonEC2", r"EBS:VolumeP-Throughput\.gp3", {"productFamily": "Provisioned Throughput"}),
    Family("AmazonEC2", "NatGateway-Hours", {"productFamily": "NAT Gateway"}, is_hourly=True),
    Family("AWSELB", "LoadBalancerUsage", variant="operation", variants=BALANCERS, is_hourly=True),
    Family("AmazonVPC", "PublicIPv4:(?:InUseAddress|IdleAddress)", {"group": "VPCPublicIPv4Address"}, is_hourly=True),
    Family("AmazonVPC", "VpcEndpoint-Hours", {"productFamily": "VpcEndpoint"}, is_hourly=True),
    Family(
        "AmazonECS",
        "Fargate-(?:ARM-)?(?:vCPU-Hours:perCPU|GB-Hours)|Fargate-EphemeralStorage-GB-Hours",
        {"productFamily": "Compute"},
        is_hourly=True,
    ),
    Family("awskms", "KMS-Keys"),
    Family("AWSSecretsManager", "AWSSecretsManager-Secrets"),
    Family("AmazonCloudWatch", "CW:(?:HighRes|Composite)?AlarmMonitorUsage"),
    Family("AmazonRoute53", "HostedZone", {"usagetype": "HostedZone"}, is_global=True),
)
SERVICES: Final = tuple(dict.fromkeys(each.service for each in FAMILIES))

Document = Mapping[str, Any]


def rate_of(service: str, product: Document) -> tuple[Family, Rate] | None:
    """What a product is the price of; none where it is nothing that Butai understands."""
    told = mapping(product, "attributes")
    attributes = {name: value for name, value in told.items() if isinstance(value, str)}
    for family in FAMILIES:
        if family.service != service or not _is_meant(family, product, attributes):
            continue
        match = family.pattern.fullmatch(attributes.get("usagetype", ""))
        variant = attributes.get(family.variant, "")
        if match and variant in family.variants:
            size = f":{attributes[family.sized]}" if family.sized else ""
            return family, Rate(service, f"{match['usage']}{size}", variant)
    return None


def is_understood(rate: Rate) -> bool:
    """Whether it is one that a family has."""
    return any(
        each.service == rate.service
        and re.fullmatch(f"(?:{each.usage}){':.+' if each.sized else ''}", rate.usage)
        and rate.variant in each.variants
        for each in FAMILIES
    )


def price_of(
    service: str, product: Document, on_demand: Document, published_at: datetime, read_at: datetime
) -> Price | None:
    """The price of a product; none where it is not understood or not plain. `on_demand`: its terms of that kind, by code."""
    found = rate_of(service, product)
    dimension = _dimension([each for each in on_demand.values() if isinstance(each, dict)])
    if found is None or dimension is None:
        return None
    family, rate = found
    unit, amount = str(dimension.get("unit", "")), _amount(dimension)
    region = "" if family.is_global else str(mapping(product, "attributes").get("regionCode") or "")
    is_hourly = unit.lower() in _HOURLY
    if amount is None or is_hourly is not family.is_hourly or bool(region) is family.is_global:
        return None
    return Price(region, rate, str(product.get("sku", "")), unit, amount, published_at, read_at)


def settled(prices: Iterable[Price]) -> list[Price]:
    """One for each region and rate. Where two differ neither is taken: it is not known which of them is paid."""
    found: defaultdict[tuple[str, Rate], list[Price]] = defaultdict(list)
    for each in prices:
        found[each.region, each.rate].append(each)
    agreed = (same for same in found.values() if len({each.amount for each in same}) == 1)
    return [min(same, key=lambda each: each.sku) for same in agreed]


def mapping(document: Document, name: str) -> Document:
    """What stands under a name, if it has names itself."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def moment(told: object) -> datetime | None:
    """A time of the Price List's (`2026-09-25T17:45:21Z`); none for anything else."""
    try:
        found = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_meant(family: Family, product: Document, attributes: Mapping[str, str]) -> bool:
    known = {**attributes, "productFamily": product.get("productFamily", "")}
    is_region = family.is_global or attributes.get("locationType", "AWS Region") == "AWS Region"
    has_size = not family.sized or bool(attributes.get(family.sized))
    return is_region and has_size and all(known.get(name) == value for name, value in family.asked.items())


def _dimension(terms: Iterable[Document]) -> Document | None:
    """What the first unit of a month costs: the only price there is, or the first of several steps.

    A term that is reserved names how long and how it is paid.
    """
    plain = [each for each in terms if not any(mapping(each, "termAttributes").values())]
    found = [each for term in plain for each in _paid(term)]
    if len(found) > 1:
        found = [each for each in found if each.get("beginRange") == "0"]
    return found[0] if len(found) == 1 else None


def _paid(term: Document) -> Iterator[Document]:
    for each in mapping(term, "priceDimensions").values():
        if not isinstance(each, dict):
            continue
        is_once = each.get("unit") == "Quantity" or _RESERVED in str(each.get("description", ""))
        if not is_once and _amount(each):
            yield each


def _amount(dimension: Document) -> Decimal | None:
    try:
        found = Decimal(str(mapping(dimension, "pricePerUnit").get(CURRENCY)))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found > 0 else None
