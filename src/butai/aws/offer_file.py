"""A Price List's offer file (`https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/SERVICE/current/REGION/index.json`).

The one of EC2 has half a gigabyte for a region, nearly all of it nothing that Butai asks for: it is walked through value by
value, and what is not wanted is let go of at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from butai.aws.price_list import SERVICES, Document, Price, mapping, moment, price_of, rate_of, settled
from butai.errors import WrongUseError
from butai.text import text

MOST_BYTES: Final = 2 * 1024**3
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()
_HEAD: Final = frozenset({"formatVersion", "offerCode", "publicationDate", "version"})


def wanted(path: Path) -> dict[str, Any]:
    """The offer with the products that Butai understands, in the same shape. Raises WrongUseError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise WrongUseError(
                text("`{file}` is too large to be an offer of one region.", file=str(path)),
                next=text("Take the file of one region: `.../current/REGION/index.json`."),
                where="--file",
            )
        return _Wanted(path.read_text(encoding="utf-8")).found
    except (OSError, ValueError, RecursionError) as error:
        raise WrongUseError(
            text("`{file}` cannot be read as an offer of the Price List.", file=str(path)),
            why=str(error),
            where="--file",
            code="bad-offer",
        ) from error


def prices_of(offer: Document, read_at: datetime) -> list[Price]:
    """What an offer says that Butai understands. Raises WrongUseError where that is nothing, or it has no date."""
    service, published_at = offer.get("offerCode"), moment(offer.get("publicationDate"))
    if service not in SERVICES or published_at is None:
        raise WrongUseError(
            text("This is no offer of a service whose prices Butai knows to read."),
            why=text(
                "It has to have `offerCode`, one of {services}, and `publicationDate`.", services=", ".join(SERVICES)
            ),
            where="offer",
            code="bad-offer",
        )
    products, on_demand = mapping(offer, "products"), mapping(mapping(offer, "terms"), "OnDemand")
    found = (
        price_of(str(service), mapping(products, sku), mapping(on_demand, sku), published_at, read_at)
        for sku in products
    )
    prices = settled(each for each in found if each is not None)
    if not prices:
        raise WrongUseError(
            text("No price in this offer is one that Butai understands."),
            next=text("Take the file of one region: `.../current/REGION/index.json`."),
            where="offer",
            code="no-prices",
        )
    return prices


class _Wanted:
    """Walks through an offer and keeps of it what is asked for."""

    def __init__(self, content: str) -> None:
        self._content = content
        self.found: dict[str, Any] = {"products": {}, "terms": {"OnDemand": {}}}
        self._terms: list[int] = []
        self._walk(0, self._of_offer)
        # In what order products and terms stand is nowhere promised.
        for at in self._terms:
            self._walk(at, self._of_terms)

    def _of_offer(self, name: str, at: int) -> int:
        if name == "products":
            return self._walk(at, self._product)
        if name == "terms":
            self._terms += [] if self.found["products"] else [at]
            return self._walk(at, self._of_terms)
        value, end = _DECODER.raw_decode(self._content, at)
        if name in _HEAD:
            self.found[name] = value
        return end

    def _product(self, sku: str, at: int) -> int:
        product, end = _DECODER.raw_decode(self._content, at)
        if isinstance(product, dict) and rate_of(str(self.found.get("offerCode", "")), product):
            self.found["products"][sku] = product
        return end

    def _of_terms(self, name: str, at: int) -> int:
        return self._walk(at, self._on_demand if name == "OnDemand" else self._other)

    def _on_demand(self, sku: str, at: int) -> int:
        terms, end = _DECODER.raw_decode(self._content, at)
        if sku in self.found["products"]:
            self.found["terms"]["OnDemand"][sku] = terms
        return end

    def _other(self, _: str, at: int) -> int:
        return _DECODER.raw_decode(self._content, at)[1]

    def _walk(self, at: int, member: Callable[[str, int], int]) -> int:
        """Hand each name of an object, and where its value begins, to `member`, which tells its end. The object's own end."""
        at = self._sign(at, "{")
        while not self._content.startswith("}", at):
            name, at = _DECODER.raw_decode(self._content, at)
            at = self._space(member(str(name), self._sign(self._space(at), ":")))
            if not self._content.startswith("}", at):
                at = self._sign(at, ",")
        return at + 1

    def _sign(self, at: int, sign: str) -> int:
        """Behind a sign and the space around it."""
        at = self._space(at)
        if not self._content.startswith(sign, at):
            raise ValueError(f"`{sign}` is missing at character {at}")
        return self._space(at + 1)

    def _space(self, at: int) -> int:
        match = _SPACE.match(self._content, at)
        return match.end() if match else at
