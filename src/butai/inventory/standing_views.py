"""How code stands in one state, as pages, API and commands show it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from butai.environments.service import RootLook
from butai.inventory.words import Words
from butai.runs.model import RunEnd, RunStatus
from butai.terraform.state_index import StateInstance


class InstanceView(BaseModel):
    """Something that a state holds."""

    address: str
    id: str
    arn: str
    region: str
    account: str
    tainted: bool


class DriftView(BaseModel):
    """What the newest drift check found about one address. `node`: where that is written, if it is in this repository."""

    address: str
    node: str
    action: str = Field(
        description="What an update would do: create, update, delete, replace; empty where only the world was asked."
    )
    attributes: list[str] = Field(default=[], description="Those that differ, as far as they were told.")
    outside: str = Field(description="update or delete, where that was seen in the world; else empty.")
    in_code: bool = Field(default=True, description="It differs in something that its code decides.")


class Whose(BaseModel):
    """Whose state it is: an environment's, or a root's of which somebody told where its state lies."""

    environment: str = Field(default="", description="Its name; empty for a state that somebody told of.")
    blueprint: str = Field(default="", description="What the environment is made from.")
    place: str = Field(default="", description="Where a state lies that somebody told of; empty for an environment's.")
    root: str = Field(description="The folder whose state it is; empty where that is not known.")


class CheckView(BaseModel):
    """The newest look for drift of a state that somebody told of. `looked`: how many things it has begun to look at."""

    run: int
    status: RunStatus
    end: RunEnd | None
    lost: bool = Field(description="Nobody can say how it stands: its worker cannot be heard.")
    looked: int
    what: Words = Field(default="", description="Why it came to nothing.")
    why: Words = ""
    next: Words = ""


class StandingView(Whose):
    """One state against the newest code of its root."""

    commit: str = Field(default="", description="The blueprint's commit that an environment is on.")
    read_at: datetime | None = Field(
        default=None, description="When a state that somebody told of was read; an environment's is always the newest."
    )
    instances: int = Field(description="What it holds; data sources left out.")
    accounts: list[str] = Field(default=[], description="In which accounts that is, as far as the state tells.")
    regions: list[str] = []
    failure: Words = Field(default="", description="Why it cannot be read.")
    why: Words = ""
    next: Words = ""
    missing: list[str] = Field(default=[], description="In code and not in the state.")
    perhaps_missing: list[str] = Field(
        default=[], description="The same of what `count` or `for_each` may make none of."
    )
    undeclared: list[InstanceView] = Field(default=[], description="In the state and not in code.")
    elsewhere: int = Field(default=0, description="Instances of modules whose code is in no folder of this repository.")
    drift_at: datetime | None = Field(default=None, description="When drift was last looked for.")
    drift_run: int | None = None
    drift: list[DriftView] = []
    check: CheckView | None = Field(default=None, description="An environment's own page tells of its checks.")


class NodeStanding(Whose):
    """What one state holds of a node, and the drift of that."""

    instances: list[InstanceView]
    drift: list[DriftView]


def instance_view(each: StateInstance) -> InstanceView:
    """One instance as others see it."""
    return InstanceView(
        address=each.address, id=each.id, arn=each.arn, region=each.region, account=each.account, tainted=each.tainted
    )


def check_view(look: RootLook) -> CheckView:
    """How a check stands."""
    run, error = look.run, look.run.error or {}
    said = {name: error.get(name, "") for name in ("what", "why", "next")}
    return CheckView(run=run.id, status=run.status, end=run.end, lost=run.lost, looked=look.looked, **said)
