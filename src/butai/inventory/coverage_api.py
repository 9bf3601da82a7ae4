"""The JSON API of what exists in the accounts of the inventory's repositories."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from butai.inventory.coverage_service import Coverages
from butai.inventory.coverage_views import CoverageView, ImportRequest, ImportsView, LookRequest

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
