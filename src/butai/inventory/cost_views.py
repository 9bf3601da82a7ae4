"""What is paid for things, what that costs, and of what each figure is made, as it is kept and shown."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, Field

from butai.aws.billing import Billing, Part
from butai.aws.price_list import Price, Rate
from butai.inventory.costs import Cost, Line, Paid, Total


class PartView(BaseModel):
    """So many units of what the Price List calls by this usage type."""

    service: str
    usage: str
    variant: str = ""
    number: Decimal


class BillingView(BaseModel):
    """What is paid each hour or month. Not known as a whole where anything of it is not."""

    parts: list[PartView] = []
    by_use: bool = False
    is_known: bool = False

    @property
    def as_known(self) -> Billing:
        """As the rules have it."""
        parts = (Part(Rate(each.service, each.usage, each.variant), each.number) for each in self.parts)
        return Billing(tuple(parts), self.by_use, self.is_known)


class TotalView(BaseModel):
    """What unmanaged things cost together, US dollars a month, and how many of them have no figure, by the reason."""

    month: Decimal = Decimal(0)
    figures: int = 0
    by_use: int = Field(default=0, description="Paid by use alone.")
    unpriced: int = Field(default=0, description="Paid by the hour or month, and no price of it is kept.")
    unknown: int = 0
    read_at: datetime | None = Field(default=None, description="When the oldest price was read.")


class PriceView(BaseModel):
    """One price on demand, without taxes, discounts and the free tier."""

    region: str
    service: str
    usage: str = Field(description="The usage type without the mark of its region.")
    variant: str = Field(description="What tells prices of one usage type apart, such as an engine.")
    sku: str
    unit: str
    currency: str
    amount: Decimal
    published_at: datetime
    read_at: datetime


class LineView(PriceView):
    """A price with how often it is paid: `amount` x `hours` (1 where it is paid by the month) x `number`."""

    hours: int
    number: Decimal
    month: Decimal = Field(description="US dollars a month, not rounded.")


class CostView(BaseModel):
    """What a thing costs a month. `month` is none where that is not known, or only its use decides."""

    paid: Paid
    month: Decimal | None
    by_use: bool = Field(description="Something is paid by use, beside the figure if there is one.")
    lines: list[LineView]


class NodeCostView(BaseModel):
    """What a resource of the code costs: as often as `count` and `for_each` make it in one call of its module."""

    id: str
    region: str = Field(description="Empty where the code does not tell it.")
    cost: CostView


def billing_view(billing: Billing) -> BillingView:
    """As it is kept."""
    parts = [PartView(**vars(each.rate), number=each.number) for each in billing.parts]
    return BillingView(parts=parts, by_use=billing.by_use, is_known=billing.is_known)


def total_view(total: Total) -> TotalView:
    """A sum as it is shown."""
    return TotalView(**vars(total))


def price_view(price: Price) -> PriceView:
    """A price as it is shown."""
    return PriceView(**price.flat())


def cost_view(cost: Cost) -> CostView:
    """A cost as it is shown."""
    return CostView(paid=cost.paid, month=cost.month, by_use=cost.by_use, lines=[_line(each) for each in cost.lines])


def node_cost_view(id_: str, region: str, cost: Cost) -> NodeCostView:
    """A node's cost as it is shown."""
    return NodeCostView(id=id_, region=region, cost=cost_view(cost))


def _line(line: Line) -> LineView:
    return LineView(**line.price.flat(), hours=line.price.hours, number=line.number, month=line.month)
