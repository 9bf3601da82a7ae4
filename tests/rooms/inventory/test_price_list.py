"""What of the Price List's documents is taken: prices on demand that are meant, and none of those that look like them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butai.aws.offer_file import prices_of, wanted
from butai.aws.price_list import FAMILIES, Price, Rate, is_understood, moment, price_of, settled
from butai.errors import WrongUseError
from support.price_list import PUBLISHED, REGION, TOKYO, cache, document, fargate, offer, term
from support.rows import NOW

DATED = moment(PUBLISHED)
MACHINE = {
    "instanceType": "t3.large",
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
}


def taken(each: Any) -> Price | None:
    assert DATED is not None
    return price_of(each["serviceCode"], each["product"], each["terms"]["OnDemand"], DATED, NOW)


def machine(usage: str = "APN1-BoxUsage:t3.large", **other: str) -> Any:
    return document("AmazonEC2", usage, "0.1088", family="Compute Instance", **{**MACHINE, **other})


def database(usage: str, size: str, engine: str, **other: str) -> Any:
    told = {"instanceType": size, "databaseEngine": engine, "licenseModel": "No license required", **other}
    return document("AmazonRDS", usage, "0.2260", family="Database Instance", **told)


@pytest.mark.parametrize(
    ("each", "rate"),
    [
        (cache("NodeUsage", "0.016"), Rate("AmazonElastiCache", "NodeUsage:cache.t4g.micro", "Redis")),
        (cache("USE1-NodeUsage", "0.016"), Rate("AmazonElastiCache", "NodeUsage:cache.t4g.micro", "Redis")),
        (cache("EU-NodeUsage", "0.016", "Valkey"), Rate("AmazonElastiCache", "NodeUsage:cache.t4g.micro", "Valkey")),
        (machine(), Rate("AmazonEC2", "BoxUsage:t3.large")),
        (
            # The usage type's size is cut short there.
            database("APN1-Multi-AZUsage:db.r7g.4xl", "db.r7g.4xlarge", "PostgreSQL"),
            Rate("AmazonRDS", "Multi-AZUsage:db.r7g.4xlarge", "PostgreSQL"),
        ),
        (
            document("awskms", "ap-northeast-1-KMS-Keys", "1", unit="Keys", family="Encryption Key"),
            Rate("awskms", "KMS-Keys"),
        ),
        (fargate("APN1-Fargate-ARM-GB-Hours", "0.00442"), Rate("AmazonECS", "Fargate-ARM-GB-Hours")),
    ],
)
def test_what_is_meant_is_taken(each: Any, rate: Rate) -> None:
    found = taken(each)
    assert found is not None and (found.rate, found.region) == (rate, REGION)
    assert found.sku == each["product"]["sku"] and (found.read_at, found.published_at) == (NOW, DATED)


@pytest.mark.parametrize(
    "each",
    [
        cache("APN1-ExtendedSupportYr3-NodeUsage", "0.042"),
        cache("ExtendedSupportYr1-Yr2-NodeUsage", "0.042"),
        cache("APN1-SyncDurability-NodeUsage", "0.09"),
        cache("APN1-NodeUsage", "0.02", "Something else"),
        database("APN1-InstanceUsageIOOptimized:db.r7g.large", "db.r7g.large", "Aurora MySQL"),
        database("APN1-Multi-AZClusterUsage:db.r7g.large", "db.r7g.large", "MySQL"),
        database("APN1-InstanceUsage:db.r7g.large", "db.r7g.large", "Oracle"),
        database("APN1-InstanceUsage:db.r7g.large", "db.r7g.large", "MySQL", licenseModel="License included"),
        machine(tenancy="Dedicated"),
        machine("APN1-DedicatedUsage:t3.large"),
        machine("APN1-Reservation:t3.large", capacitystatus="AllocatedCapacityReservation"),
        machine(preInstalledSw="SQL Web"),
        machine(operatingSystem="Windows"),
        machine("APN1-HostBoxUsage:t3.large"),
        machine(locationType="AWS Local Zone"),
        document("AWSELB", "TS-LoadBalancerUsage", "0.006", operation="LoadBalancing:Application"),
        document("AWSELB", "APN1-Outposts-LoadBalancerUsage", "0.006", operation="LoadBalancing:Application"),
        document("AmazonEC2", "RegionalNatGateway-Hours", "0.062", family="NAT Gateway"),
        document("AmazonEC2", "APN1-NatGateway-Hours", "0.062", family="NAT Gateway", unit="GB"),
        document("AmazonEC2", "APN1-NatGateway-Hours", "0.062", family="NAT Gateway", region=""),
        document("AmazonEC2", "APN1-NatGateway-Hours", "0", family="NAT Gateway"),
        fargate("APN1-SpotUsage-Fargate-vCPU-Hours:perCPU", "0.01"),
        fargate("APN1-Fargate-Windows-vCPU-Hours:perCPU", "0.05"),
        document("AmazonS3", "APN1-TimedStorage-ByteHrs", "0.025"),
    ],
    ids=lambda each: f"{each['serviceCode']} {each['product']['attributes']['usagetype']}",
)
def test_what_looks_like_it_is_not(each: Any) -> None:
    assert taken(each) is None


def terms(*prices: tuple[str, str], **attributes: str) -> Any:
    each = cache("APN1-NodeUsage", "1")
    each["terms"]["OnDemand"] = {"S.X": term("S", *prices, **attributes)}
    return each


def test_reserved_terms_and_what_is_paid_once_are_no_price_on_demand() -> None:
    assert taken(terms(("0", "0.02"), LeaseContractLength="1yr", OfferingClass="standard")) is None
    upfront = terms(("0", "0.02"), ("0", "1143.7056"))
    dimensions = list(upfront["terms"]["OnDemand"]["S.X"]["priceDimensions"].values())
    dimensions[1]["unit"] = "Quantity"
    assert taken(upfront) is not None
    dimensions[0]["description"] = "Redis, cache.t4g.micro reserved instance applied"
    assert taken(upfront) is None


def test_the_first_step_is_the_price_and_the_free_tier_is_not() -> None:
    stepped = taken(terms(("25", "0.10"), ("0", "0.50")))
    assert stepped is not None and stepped.amount == Decimal("0.50")
    free = taken(terms(("0", "0.0000000000"), ("10", "0.10")))
    assert free is not None and free.amount == Decimal("0.10")
    assert taken(terms(("0", "0.10"), ("0", "0.20"))) is None, "nobody knows which of them is paid"
    assert taken(terms(("0", "nonsense"))) is None


def test_two_rows_of_one_rate_that_differ_are_both_left() -> None:
    one, same, other = (
        taken(each)
        for each in (cache("APN1-NodeUsage", "0.02"), cache("NodeUsage", "0.02"), cache("EU-NodeUsage", "0.03"))
    )
    assert one and same and other
    assert len(settled([one, same])) == 1
    assert settled([one, same, other]) == []


def test_an_offer_file_says_the_same_and_only_what_is_wanted_of_it_is_held(tmp_path: Path) -> None:
    file = tmp_path / "index.json"
    for service in {each["serviceCode"] for each in TOKYO}:
        whole = offer(service, TOKYO)
        whole["products"]["OTHER"] = {"sku": "OTHER", "attributes": {"usagetype": "x", "note": 'a "{" in [it]\\'}}
        whole["terms"]["Reserved"]["OTHER"] = {}
        asked = {taken(each) for each in TOKYO if each["serviceCode"] == service} - {None}
        for content in (whole, {"terms": whole["terms"], **whole}):
            file.write_text(json.dumps(content, indent=2))
            held = wanted(file)
            assert "OTHER" not in held["products"] and set(held["terms"]) == {"OnDemand"}
            assert len(held["products"]) == len(held["terms"]["OnDemand"]) == len(asked)
            assert set(prices_of(held, NOW)) == asked


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a" 1}', '{"products": {"A": {}}', '{"products": 3}', "\xff"])
def test_what_is_no_offer_is_said(tmp_path: Path, content: str) -> None:
    file = tmp_path / "index.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(WrongUseError, match="cannot be read as an offer"):
        wanted(file)
    with pytest.raises(WrongUseError, match="cannot be read as an offer"):
        wanted(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"publicationDate": None}, "no offer of a service"),
        ({"publicationDate": "yesterday"}, "no offer of a service"),
        ({"offerCode": "AmazonS3"}, "no offer of a service"),
        ({"products": {}}, "No price in this offer"),
        ({"terms": []}, "No price in this offer"),
    ],
)
def test_an_offer_without_a_date_or_a_price_is_refused(change: dict[str, Any], what: str) -> None:
    with pytest.raises(WrongUseError, match=what):
        prices_of({**offer("AmazonElastiCache", TOKYO), **change}, NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_no_document_breaks_the_reading(attributes: Any, terms: Any) -> None:
    told = {"usagetype": "NodeUsage:x", **attributes} if isinstance(attributes, dict) else attributes
    each = {"productFamily": "Cache Instance", "attributes": told, "sku": "S"}
    assert prices_or_none(each, {"S.T": terms}) is None


def prices_or_none(product: Any, on_demand: Any) -> Price | None:
    assert DATED is not None
    return price_of("AmazonElastiCache", product, on_demand, DATED, NOW)


def test_every_rate_that_is_read_is_one_that_is_understood() -> None:
    rates = [found.rate for each in TOKYO if (found := taken(each))]
    assert len(rates) == 9 and all(is_understood(each) for each in rates)
    assert not is_understood(Rate("AmazonElastiCache", "APN1-NodeUsage:x", "Redis"))
    assert not is_understood(Rate("AmazonElastiCache", "NodeUsage", "Redis"))
    assert len({(each.service, each.usage) for each in FAMILIES}) == len(FAMILIES)
