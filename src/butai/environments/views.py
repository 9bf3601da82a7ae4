"""Environments as people and programs see them: the shapes of the public API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from butai.blueprints.service import Behind, Fetched
from butai.environments.hold import held_now
from butai.environments.migrations import MigrationsShape, shape
from butai.environments.model import Health, Kind, LastRun, StateView, state_of
from butai.environments.store import Environment
from butai.runs.model import NextAction
from butai.runs.service import RunView, Shown, Standing
from butai.terraform.state import StateSummary
from butai.text import restored, text


class StateShape(BaseModel):
    """The headline state: one of five kinds, a word, and the one thing to do next."""

    kind: Kind
    word: str
    next_action: NextAction
    reason: Shown


class ServiceShape(BaseModel):
    """What of a service runs here. `differs`: it is not on the service's default branch."""

    name: str
    branch: str
    commit: str
    image: str
    differs: bool
    database: MigrationsShape | None = None


class OutputShape(BaseModel):
    """An output of the root. A sensitive one is masked."""

    name: str
    sensitive: bool
    value: Any


class LeftOverShape(BaseModel):
    """Something that a destroy could not account for: look for it in AWS."""

    address: str
    type: Shown
    id: str


class OrphanShape(BaseModel):
    """Something that a run made, or may have made (no `id`), and no state knows. `run` began it.

    `found`: the id of a thing that has its name; it cannot be told who made that.
    """

    address: str
    type: str
    id: str
    run: int = 0
    found: str = ""


class TaintedShape(BaseModel):
    """Something whose making was interrupted: the next apply destroys it and makes it again.

    `complete`: whether it came up all the same, as far as the last look could tell; then it can be untainted.
    """

    address: str
    type: str
    id: str
    complete: bool | None = None


class AttributeShape(BaseModel):
    """One attribute that differs. Values are JSON, shortened where they are long; or `(sensitive)`, or `known after apply`."""

    path: str
    before: str = Field(description="What it is now.")
    after: str = Field(description="What an update would make of it; where nobody asked that, what the state has.")
    forces: bool = Field(default=False, description="It is why the thing would be made anew.")
    in_code: bool = Field(default=True, description="The code decides it; else it leaves it to the provider.")


class DifferenceShape(BaseModel):
    """One thing that is not as the code says: what happened to it outside, and what an update would do about it."""

    address: str
    action: str = Field(description="create, update, delete, replace; empty where only the world was asked.")
    outside: str = Field(description="update or delete, where that was seen in the world; else empty.")
    attributes: list[AttributeShape] = Field(
        default_factory=list, description="Of what would be changed or replaced: the first that differ."
    )
    more: int = Field(default=0, description="How many attributes more differ.")
    in_code: bool = Field(default=True, description="It differs in something that its code decides.")


class DriftShape(BaseModel):
    """What the newest drift check found; its run has the log."""

    run: int
    at: datetime
    count: int = Field(description="Those that differ in something that their code decides.")
    items: list[DifferenceShape] = Field(description="The first of all; `/runs/{id}/differences` has all.")


class BehindShape(BaseModel):
    """What the branch has that the environment has not, as of `fetched`."""

    ref: str
    commits: int
    head: str = Field(description="The branch's newest commit.")
    subject: str = Field(description="First line of that commit's message.")
    root_changed: bool = Field(description="Whether files of the root differ; else only others of the repository do.")


class HoldShape(BaseModel):
    """Who has the environment: changes by anybody else are refused until the end."""

    by: str
    reason: str
    since: datetime
    until: datetime


class EcsShape(BaseModel):
    """An ECS service."""

    cluster: str
    service: str


class AdoptedShape(BaseModel):
    """An environment that was made elsewhere: Butai never plans, applies or destroys it."""

    state: str = Field(description="Where its state lies; empty where that was not said.")
    cluster: str
    found: dict[str, EcsShape] = Field(description="Where the newest look saw each service.")


class FetchedShape(BaseModel):
    """As of when Butai knows the branches of the blueprint's repository; `failure`: why it could not be fetched since."""

    at: datetime | None
    failure: Shown


class EnvironmentView(BaseModel):
    """An environment. Times are UTC."""

    id: int
    name: str
    blueprint: str
    owner: str
    purpose: str
    created_at: datetime
    destroyed_at: datetime | None
    state: StateShape
    urls: dict[str, str]
    services: list[ServiceShape]
    outputs: list[OutputShape]
    leases: dict[str, str]
    variables: dict[str, Any]
    ref: str
    commit: str
    engine: str
    left_over: list[LeftOverShape]
    orphans: list[OrphanShape]
    tainted: list[TaintedShape]
    drift: DriftShape | None
    behind: BehindShape | None = None
    hold: HoldShape | None = None
    adopted: AdoptedShape | None = None
    fetched: FetchedShape | None = None
    last_run: RunView

    @property
    def settled(self) -> bool:
        """Whether nothing is going on: the last run's end is known and what followed it too."""
        return self.state.kind is not Kind.BUSY


class ServiceChoice(BaseModel):
    """Which version of a service is wanted: a branch (its newest commit) or a commit."""

    branch: str = ""
    commit: str = ""


class CreateRequest(BaseModel):
    """What is needed to create an environment. A service that is not named comes from its default branch."""

    name: str = Field(description="2 to 20 lower-case letters, digits and hyphens.")
    blueprint: str = ""
    services: dict[str, ServiceChoice] = Field(default_factory=dict)
    purpose: str = Field(default="", max_length=200)
    owner: str = Field(default="", max_length=100)
    ref: str = Field(default="", description="Branch, tag or commit of the blueprint; empty: the blueprint's own.")
    variables: dict[str, str] = Field(default_factory=dict)
    engine: str = Field(default="", description="terraform, tofu or a path; empty: chosen by Butai.")


class UpdateRequest(BaseModel):
    """What is to change. Services that are not named stay on their commit; so does the blueprint."""

    services: dict[str, ServiceChoice] = Field(default_factory=dict)
    variables: dict[str, str] = Field(default_factory=dict)
    latest: bool = Field(default=False, description="Go to the newest commit of the blueprint's ref.")
    commit: str = Field(default="", description="Go to this commit of the blueprint.")


class DestroyRequest(BaseModel):
    """Destroying cannot come back: the environment's name is said again."""

    confirm: str
    looked: bool = Field(
        default=False, description="Somebody looked for what could not be accounted for: it is not there."
    )
    skip_tasks: bool = Field(default=False, description="Do not run what the blueprint declares before a destroy.")


class Started(BaseModel):
    """A change was accepted: the environment as it is now, and the run that carries the change out."""

    environment: EnvironmentView
    run: RunView


NO_WORKER = text("Its worker is not there: `butai worker` starts it. An engine goes on meanwhile.")

OUT_OF_SIGHT = text(
    "Its worker has not been heard of; it goes on when that one returns. "
    "Is its machine gone for good? Say so under Workers."
)


def state_shape(row: Environment, run: RunView, *, standing: Standing | None = None) -> StateShape:
    """The headline state of a row with its newest run. `standing`: the queue, where something may stand in it."""
    gone, left_over = row.destroyed_at is not None, bool(row.left_over)
    last = LastRun(run.kind, run.status, run.end, run.lost)
    state = state_of(last, Health(row.health), gone=gone, left_over=left_over, adopted=row.adopted is not None)
    return StateShape(
        kind=state.kind, word=state.word, next_action=state.next_action, reason=_reason(state, row, run, standing)
    )


def _reason(state: StateView, row: Environment, run: RunView, standing: Standing | None) -> str:
    """One sentence why, where something is going on or wrong."""
    if state.kind in (Kind.UP, Kind.OFF):
        return ""
    if run.lost:
        return OUT_OF_SIGHT
    if standing and run.id in standing.places:
        return standing.places[run.id].words
    holder = standing.holders.get(run.id) if standing and run.end is None else None
    if standing and holder and holder not in standing.alive:
        return NO_WORKER
    if run.error:
        what: str = run.error["what"]
        return what
    if state.kind is Kind.BUSY and run.end is None:
        return run.waiting_for
    return restored(row.health_reason, row.health_text)


def view(
    row: Environment, run: RunView, leases: Mapping[str, str], *, now: datetime, standing: Standing | None = None
) -> EnvironmentView:
    """A row as others see it."""
    held = held_now(row.hold, now)
    return EnvironmentView(
        id=row.id,
        name=row.name,
        blueprint=row.blueprint,
        owner=row.owner,
        purpose=row.purpose,
        created_at=row.created_at,
        destroyed_at=row.destroyed_at,
        state=state_shape(row, run, standing=standing),
        urls=row.urls,
        services=[_service(name, each, (row.migrated or {}).get(name)) for name, each in row.services.items()],
        outputs=[OutputShape(**each) for each in row.outputs],
        leases=dict(leases),
        variables=row.variables,
        ref=row.ref,
        commit=row.commit,
        engine=f"{row.engine_name} {row.engine_version}".strip(),
        left_over=[_left(each) for each in row.left_over],
        orphans=[OrphanShape(**each) for each in row.orphans],
        tainted=[TaintedShape(**each) for each in row.tainted],
        drift=DriftShape(**row.drift) if row.drift else None,
        hold=HoldShape(**held) if held else None,
        adopted=_adopted(row),
        last_run=run,
    )


def _adopted(row: Environment) -> AdoptedShape | None:
    if row.adopted is None:
        return None
    return AdoptedShape(state=row.state_address, cluster=row.adopted["cluster"], found=row.adopted.get("found", {}))


def output_rows(state: StateSummary) -> list[dict[str, Any]]:
    """The outputs of a state as they are stored, sensitive ones masked."""
    return [{"name": each.name, "sensitive": each.sensitive, "value": each.shown} for each in state.outputs]


def urls_of(urls: Mapping[str, str], state: StateSummary) -> dict[str, str]:
    """Label and address, out of {label: output}."""
    values: dict[str, Any] = {each.name: each.value for each in state.outputs if not each.sensitive}
    return {label: str(values[output]) for label, output in urls.items() if values.get(output)}


def as_compared(behind: Behind | None, fetched: Fetched | None) -> dict[str, Any]:
    """The part of a view that git knows."""
    return {
        "behind": BehindShape(**asdict(behind)) if behind else None,
        "fetched": FetchedShape(at=fetched.at, failure=fetched.failure) if fetched else None,
    }


def _left(each: Mapping[str, Any]) -> LeftOverShape:
    kind = restored(each["type"], each.get("text"))
    return LeftOverShape(address=each["address"], type=kind, id=each["id"])


def _service(name: str, chosen: dict[str, str], told: Mapping[str, Any] | None) -> ServiceShape:
    differs = chosen["branch"] != chosen["default_branch"]
    return ServiceShape(
        name=name,
        branch=chosen["branch"],
        commit=chosen["commit"],
        image=chosen["image"],
        differs=differs,
        database=shape(told),
    )
