"""The JSON API of environments' states."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from butai.environments.api import By
from butai.environments.service import Started
from butai.environments.state import VERSIONS_SHOWN, EnvironmentStates
from butai.environments.state_views import (
    DifferenceShape,
    ImportRequest,
    ReleaseRequest,
    RollBackRequest,
    StateReport,
)

router = APIRouter(prefix="/api/v1/environments/{name}/state", tags=["states"])


def environment_states(request: Request) -> EnvironmentStates:
    """The service of this server."""
    found: EnvironmentStates = request.app.state.butai.environment_states
    return found


Service = Annotated[EnvironmentStates, Depends(environment_states)]
Number = Annotated[int | None, Query(ge=1)]


@router.get("")
def show_state(
    service: Service,
    name: str,
    blueprint: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = VERSIONS_SHOWN,
) -> StateReport:
    """The versions of an environment's state, who works on it, and what an engine has locked."""
    return service.report(name, blueprint=blueprint, limit=limit)


@router.get("/diff")
def compare_versions(
    service: Service, name: str, before: Number = None, after: Number = None, blueprint: str | None = None
) -> DifferenceShape:
    """What differs between two versions: addresses and names, no values that are secret."""
    return service.diff(name, before, after, blueprint=blueprint)


@router.get("/document", response_class=Response)
def export_state(service: Service, name: str, by: By, version: Number = None, blueprint: str | None = None) -> Response:
    """The whole document of a version, as the engine wrote it. It holds secrets."""
    content = service.export(name, version, by=by, blueprint=blueprint)
    return Response(content, media_type="application/json")


@router.post("/import", status_code=202)
def import_state(service: Service, name: str, body: ImportRequest, by: By, blueprint: str | None = None) -> Started:
    """Make a document the newest version, by a run; `confirm` repeats the environment's name."""
    return service.import_(name, body, by=by, blueprint=blueprint)


@router.post("/roll-back", status_code=202)
def roll_back(service: Service, name: str, body: RollBackRequest, by: By, blueprint: str | None = None) -> Started:
    """Make an old version's content the newest version, by a run; `confirm` repeats the environment's name."""
    return service.roll_back(name, body, by=by, blueprint=blueprint)


@router.post("/release-lock")
def release_lock(
    service: Service, name: str, body: ReleaseRequest, by: By, blueprint: str | None = None
) -> StateReport:
    """Release what a dead engine left locked."""
    return service.release(name, body, by=by, blueprint=blueprint)
