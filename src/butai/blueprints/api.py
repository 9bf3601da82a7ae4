"""The JSON API of blueprints (part of the public API)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from butai.blueprints.model import json_schema
from butai.blueprints.service import Blueprints, BlueprintView, Branch
from butai.blueprints.views import AddRequest
from butai.leases.service import PoolUse

router = APIRouter(prefix="/api/v1", tags=["blueprints"])


def blueprints(request: Request) -> Blueprints:
    """The service of this server."""
    found: Blueprints = request.app.state.butai.blueprints
    return found


Service = Annotated[Blueprints, Depends(blueprints)]


@router.get("/blueprints")
def list_blueprints(service: Service) -> list[BlueprintView]:
    """Every blueprint."""
    return service.list()


@router.post("/blueprints", status_code=201)
def add_blueprint(service: Service, body: AddRequest) -> BlueprintView:
    """Add the blueprint of a repository."""
    return service.add(body.repository, ref=body.ref, root=body.root, name=body.name)


@router.get("/blueprints/{name}")
def show_blueprint(service: Service, name: str) -> BlueprintView:
    """One blueprint."""
    return service.get(name)


@router.post("/blueprints/{name}/refresh")
def refresh_blueprint(service: Service, name: str) -> BlueprintView:
    """Fetch, and read the newest commit."""
    return service.refresh(name)


@router.delete("/blueprints/{name}", status_code=204)
def remove_blueprint(service: Service, name: str, request: Request) -> None:
    """Forget a blueprint; refused while environments of it live."""
    service.remove(name, used_by=request.app.state.butai.environments.using)


@router.get("/blueprints/{name}/pools")
def list_pools(service: Service, name: str) -> list[PoolUse]:
    """The pools out of which its environments get what must be unique, and who holds what."""
    return list(service.pools(name))


@router.get("/blueprints/{name}/services/{service_name}/branches")
def list_branches(
    service: Service,
    name: str,
    service_name: str,
    search: Annotated[str, Query(max_length=200, description="Words in name, author, message or commit.")] = "",
    limit: Annotated[int, Query(ge=1, le=5000)] = 200,
) -> list[Branch]:
    """A service's real branches, newest first."""
    return list(service.branches(name, service_name, search)[:limit])


@router.get("/schemas/butai.yaml")
def show_schema() -> dict[str, Any]:
    """JSON Schema of `butai.yaml`."""
    return json_schema()
