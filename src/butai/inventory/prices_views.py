"""Which prices are kept, as pages, API and commands show it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import AwareDatetime, BaseModel, Field

from butai.inventory.words import FailureView


class KeptView(BaseModel):
    """Prices of a service in a region. Dates are those of the oldest."""

    region: str = Field(description="Empty for what belongs to none.")
    service: str = Field(description="AWS's code of it, such as AmazonElastiCache.")
    count: int
    read_at: datetime
    published_at: datetime = Field(description="When AWS published what was read.")


class UnreadView(BaseModel):
    """Prices that AWS did not tell. Those of an earlier reading are still kept."""

    region: str
    service: str
    code: str
    why: str


class PricesView(BaseModel):
    """What is kept. `reading`: the Price List is being asked; `regions`: those that it is asked about if none is named."""

    kept: list[KeptView]
    regions: list[str]
    reading: bool = False
    unread: list[UnreadView] = []
    failure: FailureView | None = Field(default=None, description="Why the last reading came to nothing.")


class ReadRequest(BaseModel):
    """`regions`: those of the known accounts if none is named."""

    regions: list[str] = []


class RowRequest(BaseModel):
    """A price of an offer, as `show_service` has it."""

    usage: str = Field(max_length=100)
    variant: str = Field(default="", max_length=60)
    sku: str = Field(max_length=40)
    unit: str = Field(max_length=40)
    amount: Decimal = Field(gt=0, allow_inf_nan=False, max_digits=30)


class OfferRequest(BaseModel):
    """All prices of a service in a region (empty: in none) that an offer file of the Price List has."""

    service: str
    region: str = Field(default="", max_length=40)
    published_at: AwareDatetime = Field(description="The offer's `publicationDate`.")
    prices: list[RowRequest] = Field(min_length=1)
