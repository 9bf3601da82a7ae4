"""AWS's Price List as a small server: moto has no pricing service. Its documents have the shape of AWS's own.

Its amounts are examples and no prices to rely on.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32

REGION = "ap-northeast-1"
PUBLISHED = "2026-11-20T10:00:00Z"
DEMAND, YEAR, LISTED = "JRTCKXETXF", "4NA7Y494T4", "6YS6EN2CT7"

Document = dict[str, Any]


def term(sku: str, *prices: tuple[str, str], code: str = DEMAND, **attributes: str) -> Document:
    """One term. `prices`: beginning and US dollars of each step; a price that is paid once has the unit Quantity."""
    dimensions = {
        f"{sku}.{code}.{number}": {
            "unit": "Hrs",
            "beginRange": begin,
            "endRange": "Inf",
            "description": f"${dollars} per unit",
            "appliesTo": [],
            "rateCode": f"{sku}.{code}.{number}",
            "pricePerUnit": {"USD": dollars},
        }
        for number, (begin, dollars) in enumerate(prices)
    }
    return {
        "priceDimensions": dimensions,
        "sku": sku,
        "effectiveDate": "2026-11-01T00:00:00Z",
        "offerTermCode": code,
        "termAttributes": attributes,
    }


def document(
    service: str,
    usage: str,
    dollars: str,
    *,
    family: str = "",
    unit: str = "Hrs",
    region: str = REGION,
    **attributes: str,
) -> Document:
    """A product as GetProducts answers with it, on demand and reserved."""
    sku = f"{crc32(json.dumps([service, usage, region, attributes]).encode()):08X}"
    told = {"servicecode": service, "usagetype": usage, "locationType": "AWS Region", **attributes}
    demand = term(sku, ("0", dollars))
    for each in demand["priceDimensions"].values():
        each["unit"] = unit
    year = term(sku, ("0", "0.0001"), code=YEAR, LeaseContractLength="1yr", PurchaseOption="No Upfront")
    return {
        "product": {
            "productFamily": family,
            "attributes": {**told, **({"regionCode": region} if region else {})},
            "sku": sku,
        },
        "serviceCode": service,
        "terms": {"OnDemand": {f"{sku}.{DEMAND}": demand}, "Reserved": {f"{sku}.{YEAR}": year}},
        "version": "20261120100000",
        "publicationDate": PUBLISHED,
    }


def cache(usage: str, dollars: str, engine: str = "Redis", size: str = "cache.t4g.micro") -> Document:
    """A node of ElastiCache."""
    more = {"instanceType": size, "cacheEngine": engine}
    return document("AmazonElastiCache", f"{usage}:{size}", dollars, family="Cache Instance", **more)


def fargate(usage: str, dollars: str) -> Document:
    """What a task on Fargate is paid by."""
    return document("AmazonECS", usage, dollars, family="Compute", unit="hours", tenancy="Shared")


TOKYO: Sequence[Document] = (
    cache("APN1-NodeUsage", "0.0250"),
    cache("APN1-NodeUsage", "0.0200", "Valkey"),
    cache("APN1-ExtendedSupportYr3-NodeUsage", "0.0420"),
    cache("APN1-SyncDurability-NodeUsage", "0.0900", "Valkey"),
    document("AmazonEC2", "APN1-NatGateway-Hours", "0.0620", family="NAT Gateway", operation="NatGateway"),
    document("AmazonEC2", "APN1-NatGateway-Bytes", "0.0620", family="NAT Gateway", unit="GB", operation="NatGateway"),
    document("AmazonEC2", "APN1-RegionalNatGateway-Hours", "0.0870", family="NAT Gateway"),
    fargate("APN1-Fargate-vCPU-Hours:perCPU", "0.05056"),
    fargate("APN1-Fargate-GB-Hours", "0.00553"),
    fargate("APN1-Fargate-Windows-OS-Hours:perCPU", "0.0460"),
    document("AmazonVPC", "APN1-PublicIPv4:InUseAddress", "0.0050", group="VPCPublicIPv4Address"),
    document("AWSELB", "APN1-LoadBalancerUsage", "0.0243", operation="LoadBalancing:Application"),
    document("AWSELB", "APN1-TS-LoadBalancerUsage", "0.0060", operation="LoadBalancing:Application"),
    document("awskms", "ap-northeast-1-KMS-Keys", "1.0000", family="Encryption Key", unit="Keys"),
    document("AmazonRoute53", "HostedZone", "0.5000", family="DNS Zone", unit="HostedZone", region=""),
)


def offer(service: str, documents: Sequence[Document], published: str = PUBLISHED) -> Document:
    """The same as an offer file has them."""
    every = [each for each in documents if each["serviceCode"] == service]
    by_sku = {each["product"]["sku"]: each for each in every}
    return {
        "formatVersion": "v1.0",
        "disclaimer": "For information only.",
        "offerCode": service,
        "version": "20261120100000",
        "publicationDate": published,
        "products": {sku: each["product"] for sku, each in by_sku.items()},
        "terms": {
            kind: {sku: each["terms"][kind] for sku, each in by_sku.items()} for kind in ("OnDemand", "Reserved")
        },
        "attributesList": {},
    }


class PriceList:
    """Answers GetProducts, a page of two at a time. `refused`: services that may not be asked about."""

    def __init__(self, documents: Sequence[Document] = TOKYO) -> None:
        self.documents, self.refused, self.asked = [*documents], set[str](), list[Document]()
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, told = answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                body = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Keep silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> PriceList:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, asked: Document) -> tuple[int, Document]:
        self.asked.append(asked)
        if asked["ServiceCode"] in self.refused:
            words = "User is not authorized to perform: pricing:GetProducts"
            return 400, {"__type": "AccessDeniedException", "message": words}
        filters = {each["Field"]: each["Value"] for each in asked["Filters"]}
        found = [each for each in self.documents if _matches(each, asked["ServiceCode"], filters)]
        start = int(asked.get("NextToken", 0))
        more = {"NextToken": str(start + 2)} if len(found) > start + 2 else {}
        page = [json.dumps(each) for each in found[start : start + 2]]
        return 200, {"FormatVersion": "aws_v1", "PriceList": page, **more}


def _matches(each: Document, service: str, filters: Mapping[str, str]) -> bool:
    product = each["product"]
    told = {**product["attributes"], "productFamily": product["productFamily"]}
    return each["serviceCode"] == service and all(told.get(name) == value for name, value in filters.items())
