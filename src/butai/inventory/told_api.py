"""The JSON API of states that Butai does not keep."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from butai.inventory.told import Told
from butai.inventory.told_views import PlaceRequest, ToldView

router = APIRouter(prefix="/api/v1/inventory", tags=["inventory"])


def told(request: Request) -> Told:
    """The service of this server."""
    found: Told = request.app.state.butai.told
    return found


Service = Annotated[Told, Depends(told)]


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
