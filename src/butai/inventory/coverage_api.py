"""The JSON API of what exists in the accounts of the inventory's repositories."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from butai.inventory.coverage_service import Coverages
from butai.inventory.coverage_views import CoverageView, ImportRequest, ImportsView, LookRequest, PlaceRequest

router = APIRouter(prefix="/api/v1/inventory", tags=["inventory"])


def coverages(request: Request) -> Coverages:
    """The service of this server."""
    found: Coverages = request.app.state.butai.coverages
    return found


Service = Annotated[Coverages, Depends(coverages)]


@router.get("/{name}/coverage")
def show_coverage(service: Service, name: str) -> CoverageView:
    """What the last look at the accounts found, against all known states."""
    return service.get(name)


@router.post("/{name}/coverage", status_code=202)
def look_at_accounts(service: Service, name: str, body: LookRequest | None = None) -> CoverageView:
    """Begin a look; `looking` says that it is under way, and the rest is of the last one until then."""
    return service.look(name, body.regions if body else ())


@router.post("/{name}/imports")
def write_imports(service: Service, name: str, body: ImportRequest) -> ImportsView:
    """`import` blocks for things that no state holds."""
    return service.imports(name, body.arns, body.providers)


@router.get("/{name}/states")
def list_states(service: Service, name: str) -> list[str]:
    """Where states lie that Butai does not keep and somebody told of."""
    return service.states(name)


@router.post("/{name}/states", status_code=201)
def add_state(service: Service, name: str, body: PlaceRequest) -> list[str]:
    """Tell where another state lies; all that are known then."""
    return service.add_state(name, body.place)


@router.delete("/{name}/states")
def remove_state(service: Service, name: str, place: str) -> list[str]:
    """Forget one that somebody told of; those that are left."""
    return service.remove_state(name, place)
