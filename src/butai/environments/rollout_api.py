"""The JSON API of rollouts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from butai.environments.api import By
from butai.environments.model import Kind
from butai.environments.rollout_model import Line, Phase, Progress
from butai.environments.rollouts import Rollouts
from butai.environments.views import DifferenceShape
from butai.runs.service import Shown

router = APIRouter(prefix="/api/v1/rollouts", tags=["environments"])


class RolloutRequest(BaseModel):
    """Which environments are to be brought to which ref, and how many at a time after a first one."""

    ref: str = Field(min_length=1, description="Branch, tag or commit of the blueprint.")
    blueprint: str = Field(default="", description="Empty: the environments of all blueprints.")
    at_once: int = Field(default=3, ge=1, le=50)


class RolloutLineShape(BaseModel):
    """One environment: what its plan would do, and how far it is. `plan` and `run` are numbers of runs."""

    environment_id: int
    name: str = Field(description="BLUEPRINT/NAME.")
    kind: Kind
    word: Shown
    reason: Shown
    plan: int | None
    run: int | None
    before: str = Field(description="The commit that it has.")
    after: str = Field(description="The commit that it was planned with; empty where it was not.")
    does: Shown
    differences: list[DifferenceShape]


class RolloutShape(BaseModel):
    """A rollout. `stopped_by`: who wants no further wave."""

    id: int
    blueprint: str
    ref: str
    at_once: int
    phase: Phase
    wave: int = Field(description="How many waves were begun.")
    requested_by: str
    requested_at: datetime
    begun_by: str
    begun_at: datetime | None
    stopped_by: str
    stopped_at: datetime | None
    ended_at: datetime | None
    lines: list[RolloutLineShape]


class RolloutNameShape(BaseModel):
    """A rollout among others."""

    id: int
    blueprint: str
    ref: str
    requested_by: str
    requested_at: datetime
    begun_at: datetime | None
    stopped_at: datetime | None
    ended_at: datetime | None


def rollouts(request: Request) -> Rollouts:
    """The service of this server."""
    found: Rollouts = request.app.state.butai.rollouts
    return found


Service = Annotated[Rollouts, Depends(rollouts)]


@router.get("")
def list_rollouts(service: Service) -> list[RolloutNameShape]:
    """The newest rollouts, newest first."""
    return [RolloutNameShape.model_validate(each, from_attributes=True) for each in service.newest()]


@router.post("", status_code=202)
def plan_rollout(service: Service, body: RolloutRequest, by: By) -> RolloutShape:
    """Plan all environments of a blueprint on a ref. Nothing changes until somebody begins it."""
    return shape(service.plan(body.blueprint, body.ref, by=by, at_once=body.at_once))


@router.get("/{rollout_id}")
def show_rollout(service: Service, rollout_id: int) -> RolloutShape:
    """How far a rollout is."""
    return shape(service.look(rollout_id))


@router.post("/{rollout_id}/begin", status_code=202)
def begin_rollout(service: Service, rollout_id: int, by: By) -> RolloutShape:
    """Say yes to its plans: one environment is updated first, then several at a time, until one fails."""
    return shape(service.begin(rollout_id, by=by))


@router.post("/{rollout_id}/stop", status_code=202)
def stop_rollout(service: Service, rollout_id: int, by: By) -> RolloutShape:
    """Begin no further wave. What was begun goes on."""
    return shape(service.stop(rollout_id, by=by))


@router.post("/{rollout_id}/go-on", status_code=202)
def go_on_with_rollout(service: Service, rollout_id: int, by: By) -> RolloutShape:
    """Let a rollout that was stopped begin its next waves."""
    return shape(service.go_on(rollout_id, by=by))


def shape(progress: Progress) -> RolloutShape:
    """A rollout as programs see it."""
    row = progress.rollout
    facts: dict[str, Any] = {name: getattr(row, name) for name in RolloutShape.model_fields if hasattr(row, name)}
    return RolloutShape(**facts, phase=progress.phase, lines=[_line(each) for each in progress.lines])


def _line(line: Line) -> RolloutLineShape:
    environment, plan = line.environment, line.plan
    return RolloutLineShape(
        environment_id=environment.id,
        name=f"{environment.blueprint}/{environment.name}",
        kind=line.kind,
        word=line.word,
        reason=line.reason,
        plan=plan.id if plan else None,
        run=line.run.id if line.run else None,
        before=environment.commit,
        after=plan.params["commit"] if plan else "",
        does=line.does,
        differences=[DifferenceShape(**each) for each in line.differences],
    )
