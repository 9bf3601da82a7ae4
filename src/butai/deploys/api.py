"""The JSON API of deploys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from butai.asking import by
from butai.deploys.service import DeployRequest, Deploys, DeployView, RollBackRequest
from butai.environments.service import Started

router = APIRouter(prefix="/api/v1/environments/{name}/deploys", tags=["deploys"])


def deploys(request: Request) -> Deploys:
    """The service of this server."""
    found: Deploys = request.app.state.butai.deploys
    return found


Service = Annotated[Deploys, Depends(deploys)]
By = Annotated[str, Depends(by)]


@router.get("")
def list_deploys(service: Service, name: str, blueprint: str | None = None) -> list[DeployView]:
    """Every version that runs put on an environment's services, newest first."""
    return list(service.history(name, blueprint=blueprint))


@router.post("", status_code=202)
def deploy(service: Service, name: str, body: DeployRequest, by: By, blueprint: str | None = None) -> Started:
    """Put other versions on services, past Terraform; the next update keeps them."""
    return service.deploy(name, body, by=by, blueprint=blueprint)


@router.post("/roll-back", status_code=202)
def roll_back(service: Service, name: str, body: RollBackRequest, by: By, blueprint: str | None = None) -> Started:
    """Put a version on a service that it had before."""
    return service.roll_back(name, body, by=by, blueprint=blueprint)
