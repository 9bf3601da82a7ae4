"""What a look at accounts found, in the shapes that are kept and that pages, API and commands show."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, Field, ValidationError

from butai.aws.existing import Existing, Gap, Survey
from butai.inventory.cost_views import BillingView, CostView, TotalView, billing_view, cost_view
from butai.inventory.costs import Cost
from butai.inventory.coverage import Coverage, Item, Share
from butai.inventory.words import KEPT, FailureView, Words


class ShareView(BaseModel):
    """How many things of a kind or a region states know. `percent`: rounded down; none where there is nothing."""

    name: str
    managed: int
    unmanaged: int
    percent: int | None


class ItemView(BaseModel):
    """A thing that no known state holds."""

    account: str
    region: str = Field(description="Empty for what belongs to none.")
    kind: str = Field(description="Terraform's type; service and kind of thing where only its tags told of it.")
    id: str
    arn: str
    name: str
    created: datetime | None
    billing: BillingView = Field(default=BillingView(), description="What is paid for it, prices apart.")
    cost_month: Decimal | None = Field(default=None, description="US dollars a month; none where it has no figure.")
    cost: CostView | None = Field(default=None, description="How it is paid, and what the figure is made of.")

    @property
    def existing(self) -> Existing:
        """As the account told of it."""
        named = self.account, self.region, self.kind, self.id, self.arn, self.name
        return Existing(*named, created=self.created, billing=self.billing.as_known)


class GoneView(BaseModel):
    """What a state holds and does not exist any more."""

    state: str
    address: str
    type: str
    id: str


class GapView(BaseModel):
    """What could not be listed in whole: nothing is known of what is missing."""

    account: str
    region: str
    kind: str = Field(description="Terraform's type; `tagged` where the tagging API did not answer; empty: all of it.")
    denied: bool
    code: str
    what: Words = ""
    why: Words


class StateView(BaseModel):
    """A state that the account was held against. `problem`: why it was not."""

    name: str
    own: bool = Field(description="Butai's own; otherwise somebody told where it lies.")
    instances: int
    problem: Words = ""
    why: Words = ""
    next: Words = ""


class Result(BaseModel):
    """What a look found."""

    accounts: list[str] = []
    regions: list[str] = []
    total: ShareView = ShareView(name="", managed=0, unmanaged=0, percent=None)
    by_kind: list[ShareView] = []
    by_region: list[ShareView] = Field(default=[], description="What belongs to no region is under an empty name.")
    by_aws: int = Field(default=0, description="Things that AWS made by itself; they are not counted.")
    unmanaged: list[ItemView] = []
    gone: list[GoneView] = []
    gaps: list[GapView] = []
    states: list[StateView] = []


class CoverageView(Result):
    """The last look at what exists. `looking`: another is under way; `at`: none before the first.

    `cost`: of what is unmanaged, with the prices that are kept now.
    """

    repository: str
    looking: bool
    at: datetime | None = None
    failure: FailureView | None = None
    cost: TotalView = TotalView()


class ImportBlock(BaseModel):
    """A block: the address that a thing gets, and the id by which the provider finds it."""

    to: str
    id: str
    arn: str


class ImportsView(BaseModel):
    """`import` blocks. `left`: the ARNs of what cannot be had by one, since its Terraform type is not known."""

    hcl: str
    blocks: list[ImportBlock]
    left: list[str]


class LookRequest(BaseModel):
    """`regions`: those of the blueprints if none is named."""

    regions: list[str] = []


class ImportRequest(BaseModel):
    """What to write blocks for. `providers`: the provider's configuration for a region that is not the root's own."""

    arns: list[str]
    providers: dict[str, str] = Field(default={}, description="Region: `aws.ALIAS`.")


def result(
    found: Coverage, surveys: Sequence[Survey], more: Sequence[GapView], states: list[StateView], regions: Sequence[str]
) -> Result:
    """A look as it is kept. `more`: gaps that are no survey's."""
    return Result(
        accounts=sorted({each.account for each in surveys}),
        regions=sorted(regions),
        total=_share("", found.total),
        by_kind=_shares(found.by_kind),
        by_region=_shares(found.by_region),
        by_aws=len(found.by_aws),
        unmanaged=[_item(each) for each in sorted(found.unmanaged, key=_order)],
        gone=[
            GoneView(state=each.state, address=each.instance.address, type=each.instance.type, id=each.instance.id)
            for each in found.gone
        ],
        gaps=[*more, *(_gap(each) for survey in surveys for each in survey.gaps)],
        states=states,
    )


def packed(found: Result) -> bytes:
    """As it lies in the database."""
    return zlib.compress(found.model_dump_json(context=KEPT).encode())


def unpacked(kept: bytes | None) -> Result | None:
    """What was kept; none where there is nothing, or another version wrote it in another shape."""
    try:
        return Result.model_validate_json(zlib.decompress(kept)) if kept else None
    except (zlib.error, ValidationError):
        return None


def _shares(found: Mapping[str, Share]) -> list[ShareView]:
    return [_share(name, each) for name, each in found.items()]


def _share(name: str, share: Share) -> ShareView:
    return ShareView(name=name, managed=share.managed, unmanaged=share.unmanaged, percent=share.percent)


def _order(item: Item) -> tuple[str, str, str]:
    return item.kind, item.existing.region, item.existing.name


def _item(item: Item) -> ItemView:
    one = item.existing
    return ItemView(
        account=one.account,
        region=one.region,
        kind=one.kind,
        id=one.id,
        arn=one.arn,
        name=one.name,
        created=one.created,
        billing=billing_view(one.billing),
    )


def with_cost(item: ItemView, cost: Cost) -> ItemView:
    """With what it costs."""
    return item.model_copy(update={"cost_month": cost.month, "cost": cost_view(cost)})


def _gap(gap: Gap) -> GapView:
    return GapView(account=gap.account, region=gap.region, kind=gap.kind, denied=gap.denied, code=gap.code, why=gap.why)
