"""The table of prices: those of AWS's Price List that figures are made of, each with its dates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import String, delete, func, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from butai.aws.price_list import Price, Rate
from butai.db import Base, UtcDateTime

# Databases take only so many parameters in a query.
AT_ONCE = 500


class PriceRow(Base):
    """One price. `region`: empty for what belongs to none; `amount`: a decimal number, as the Price List writes it."""

    __tablename__ = "prices"

    region: Mapped[str] = mapped_column(String(40), primary_key=True)
    service: Mapped[str] = mapped_column(String(40), primary_key=True)
    usage: Mapped[str] = mapped_column(String(100), primary_key=True)
    variant: Mapped[str] = mapped_column(String(60), primary_key=True)
    sku: Mapped[str] = mapped_column(String(40))
    unit: Mapped[str] = mapped_column(String(40))
    currency: Mapped[str] = mapped_column(String(3))
    amount: Mapped[str] = mapped_column(String(40))
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class Kept:
    """How many prices of a service there are in a region, when they were read, and how old what was read is."""

    region: str
    service: str
    count: int
    read_at: datetime
    published_at: datetime


def put(session: Session, prices: Iterable[Price], whole: Iterable[tuple[str, str]]) -> None:
    """Keep prices. `whole`: regions and services of which these are all that there are."""
    for region, service in whole:
        session.execute(delete(PriceRow).where(PriceRow.region == region, PriceRow.service == service))
    rows = [{**each.flat(), "amount": str(each.amount)} for each in prices]
    if rows:
        session.execute(insert(PriceRow), rows)


def find(session: Session, rates: Iterable[Rate]) -> list[Price]:
    """The prices of these rates, in all regions."""
    wanted = set(rates)
    usages = sorted({each.usage for each in wanted})
    found: list[Price] = []
    for start in range(0, len(usages), AT_ONCE):
        query = select(PriceRow).where(PriceRow.usage.in_(usages[start : start + AT_ONCE]))
        found += [_price(row) for row in session.scalars(query)]
    return [each for each in found if each.rate in wanted]


def all_of(session: Session, service: str, region: str) -> list[Price]:
    """A service's prices in a region."""
    query = select(PriceRow).where(PriceRow.region == region, PriceRow.service == service)
    return [_price(row) for row in session.scalars(query.order_by(PriceRow.usage, PriceRow.variant))]


def kept(session: Session) -> Sequence[Kept]:
    """What there is, by region and service."""
    counted = func.count(), func.min(PriceRow.read_at), func.min(PriceRow.published_at)
    query = select(PriceRow.region, PriceRow.service, *counted).group_by(PriceRow.region, PriceRow.service)
    return [Kept(*row) for row in session.execute(query.order_by(PriceRow.region, PriceRow.service))]


def regions(session: Session) -> list[str]:
    """Those of which prices are kept."""
    return [each for each in session.scalars(select(PriceRow.region).distinct().order_by(PriceRow.region)) if each]


def _price(row: PriceRow) -> Price:
    return Price(
        row.region,
        Rate(row.service, row.usage, row.variant),
        row.sku,
        row.unit,
        Decimal(row.amount),
        row.published_at,
        row.read_at,
        row.currency,
    )
