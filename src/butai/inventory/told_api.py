"""The JSON API of states that Butai does not keep."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from butai.asking import by
from butai.inventory.root_drift import RootDrift
from butai.inventory.told import Told
from butai.inventory.told_views import PlaceRequest, ToldView
from butai.runs.service import RunView

router = APIRouter(prefix="/api/v1/inventory", tags=["inventory"])


def told(request: Request) -> Told:
    """The service of this server."""
    found: Told = request.app.state.butai.told
    return found


def root_drift(request: Request) -> RootDrift:
    """The service of this server."""
    found: RootDrift = request.app.state.butai.root_drift
    return found


Service = Annotated[Told, Depends(told)]
Drift = Annotated[RootDrift, Depends(root_drift)]
By = Annotated[str, Depends(by)]


@router.get("/{name}/states")
def list_states(service: Service, name: str) -> list[ToldView]:
    """States that Butai does not keep and somebody told of, as they were read last."""
    return list(service.list(name))


@router.post("/{name}/states", status_code=201)
def add_state(service: Service, name: str, body: PlaceRequest) -> list[ToldView]:
    """Tell where another state lies, which is read now, or more of one that is known; all that are known then."""
    return list(service.add(name, body))


@router.post("/{name}/states/read")
def read_states(service: Service, name: str) -> list[ToldView]:
    """Read them again."""
    return list(service.read(name))


@router.delete("/{name}/states")
def remove_state(service: Service, name: str, place: str) -> list[ToldView]:
    """Forget one that somebody told of; those that are left."""
    return list(service.remove(name, place))


@router.post("/{name}/states/drift-check", status_code=202)
def check_drift(service: Drift, name: str, place: str, by: By) -> RunView:
    """Look what has changed in the world since a state was written. The run is like any other; nothing is written or locked."""
    return service.check(name, place, by=by)


@router.post("/{name}/states/drift-check/stop", status_code=202)
def stop_check(service: Drift, name: str, place: str) -> RunView:
    """Stop that."""
    return service.stop(name, place)
