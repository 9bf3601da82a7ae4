"""What things cost a month, out of what is paid for them and the prices that are kept. Pure.

A figure is whole or it is not there: where one price is missing, the thing has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final

from butai.aws.billing import Billing, Part
from butai.aws.price_list import ANY, FAMILIES, Price, Rate

CENT: Final = Decimal("0.01")
# In what region a price of these stands does not matter: it stands in none.
_GLOBAL: Final = frozenset(each.service for each in FAMILIES if each.is_global)


class Paid(StrEnum):
    """How a thing is paid, as far as that is known. `unpriced`: by the hour or month, of which no price is kept."""

    MONTHLY = "monthly"
    BY_USE = "by-use"
    FREE = "free"
    UNPRICED = "unpriced"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Book:
    """Prices by region and rate."""

    prices: Mapping[tuple[str, Rate], Price]

    def find(self, region: str, rate: Rate) -> Price | None:
        """A rate's price in a region; where the Price List has one for every variant, that."""
        where = "" if rate.service in _GLOBAL else region
        return self.prices.get((where, rate)) or self.prices.get((where, replace(rate, variant=ANY)))


def book(prices: Iterable[Price]) -> Book:
    """Of these."""
    return Book({(each.region, each.rate): each for each in prices})


@dataclass(frozen=True)
class Line:
    """One part of a figure: unit price x hours x number."""

    price: Price
    number: Decimal

    @property
    def month(self) -> Decimal:
        """US dollars a month, not rounded."""
        return self.price.amount * self.price.hours * self.number


@dataclass(frozen=True)
class Cost:
    """What a thing costs. `month`: US dollars, in whole cents; none where it has no figure. `by_use`: something beside it."""

    paid: Paid
    month: Decimal | None = None
    lines: tuple[Line, ...] = ()
    by_use: bool = False

    @property
    def read_at(self) -> datetime | None:
        """When the oldest of its prices was read."""
        return min((each.price.read_at for each in self.lines), default=None)


def cost(billing: Billing, region: str, known: Book) -> Cost:
    """What is paid for a thing in a region (empty: it is not known, or the thing belongs to none)."""
    is_somewhere = bool(region) or all(each.rate.service in _GLOBAL for each in billing.parts)
    if not billing.is_known or not is_somewhere:
        return Cost(Paid.UNKNOWN)
    if not billing.parts:
        return Cost(Paid.BY_USE, by_use=True) if billing.by_use else Cost(Paid.FREE, Decimal(0).quantize(CENT))
    lines = tuple(each for each in (_line(part, region, known) for part in billing.parts) if each)
    if len(lines) < len(billing.parts):
        return Cost(Paid.UNPRICED, by_use=billing.by_use)
    month = sum((each.month for each in lines), Decimal(0)).quantize(CENT, ROUND_HALF_UP)
    return Cost(Paid.MONTHLY, month, lines, billing.by_use)


def rates_of(billings: Iterable[Billing]) -> set[Rate]:
    """What has to be looked up for these, those that stand for any variant too."""
    found = {part.rate for each in billings for part in each.parts}
    return found | {replace(each, variant=ANY) for each in found if each.variant}


@dataclass(frozen=True)
class Total:
    """Of several things: what those with a figure cost together, and how many have none, by how they are paid."""

    month: Decimal
    figures: int
    by_use: int
    unpriced: int
    unknown: int
    read_at: datetime | None


def total(costs: Iterable[Cost]) -> Total:
    """The sum is that of the cents that are shown."""
    every = list(costs)
    figures = [each.month for each in every if each.month is not None]
    read = [each.read_at for each in every if each.read_at]
    counted = [each.paid for each in every]
    return Total(
        month=sum(figures, Decimal(0)).quantize(CENT),
        figures=len(figures),
        by_use=counted.count(Paid.BY_USE),
        unpriced=counted.count(Paid.UNPRICED),
        unknown=counted.count(Paid.UNKNOWN),
        read_at=min(read, default=None),
    )


def _line(part: Part, region: str, known: Book) -> Line | None:
    price = known.find(region, part.rate)
    return Line(price, part.number) if price else None
