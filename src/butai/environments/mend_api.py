"""The JSON API of stopping a run and of mending what it left (part of the public API)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from butai.environments.api import By, environments, runs
from butai.environments.mends import (
    AdoptRequest,
    DeleteOrphanRequest,
    ForgetRequest,
    Mends,
    UntaintRequest,
)
from butai.environments.service import EnvironmentView, Started
from butai.environments.stopping import CancelRequest, Stopping
from butai.runs.flight import InFlight
from butai.runs.service import RunView

router = APIRouter(prefix="/api/v1", tags=["environments"])


def stopping(request: Request) -> Stopping:
    """The service of this server."""
    return Stopping(environments(request), runs(request))


def mends(request: Request) -> Mends:
    """The service of this server."""
    return Mends(request.app.state.butai.database, environments(request))


Stops = Annotated[Stopping, Depends(stopping)]
Mending = Annotated[Mends, Depends(mends)]


@router.get("/runs/{run_id}/in-flight")
def show_in_flight(service: Stops, run_id: int) -> InFlight:
    """What a stop would meet: changes that are under way, and which of them would end tainted."""
    return service.in_flight(run_id)


@router.post("/runs/{run_id}/cancel", status_code=202)
def cancel_run(service: Stops, run_id: int, body: CancelRequest | None = None) -> RunView:
    """Stop a run: a queued one at once, a running one by one interrupt to its engine; `hard`, by a second one."""
    return service.stop(run_id, body or CancelRequest())


@router.post("/environments/{name}/untaint", status_code=202)
def untaint(service: Mending, name: str, body: UntaintRequest, by: By, blueprint: str | None = None) -> Started:
    """Keep a tainted resource that turned out complete."""
    return service.untaint(name, body, by=by, blueprint=blueprint)


@router.post("/environments/{name}/orphans/adopt", status_code=202)
def adopt(service: Mending, name: str, body: AdoptRequest, by: By, blueprint: str | None = None) -> Started:
    """Take an orphan into the state."""
    return service.adopt(name, body, by=by, blueprint=blueprint)


@router.post("/environments/{name}/orphans/delete", status_code=202)
def delete_orphan(
    service: Mending, name: str, body: DeleteOrphanRequest, by: By, blueprint: str | None = None
) -> Started:
    """Delete an orphan; `confirm` repeats the environment's name. The environment's state is not touched."""
    return service.delete(name, body, by=by, blueprint=blueprint)


@router.post("/environments/{name}/orphans/forget")
def forget(service: Mending, name: str, body: ForgetRequest, by: By, blueprint: str | None = None) -> EnvironmentView:
    """Somebody looked and an orphan is not there; `confirm` repeats the environment's name."""
    return service.forget(name, body, by=by, blueprint=blueprint)
