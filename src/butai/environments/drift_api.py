"""The JSON API of drift: look for it, and what a plan found. Included by the environments' router."""

from __future__ import annotations

from fastapi import APIRouter

from butai.environments.api import By, Service
from butai.environments.service import Started, UpdateRequest
from butai.environments.views import DifferenceShape

router = APIRouter(prefix="/api/v1", tags=["environments"])


@router.post("/environments/{name}/drift-check", status_code=202)
def check_drift(service: Service, name: str, by: By, blueprint: str | None = None) -> Started:
    """Look for drift: a plan that changes nothing. What it finds stands in the environment's `drift`."""
    return service.check(name, by=by, blueprint=blueprint)


@router.post("/environments/{name}/preview", status_code=202)
def preview_update(service: Service, name: str, body: UpdateRequest, by: By, blueprint: str | None = None) -> Started:
    """Plan an update without doing it; `/runs/{id}/differences` then says what it would do."""
    return service.check(name, by=by, blueprint=blueprint, preview=body)


@router.get("/runs/{run_id}/differences")
def list_differences(service: Service, run_id: int) -> list[DifferenceShape]:
    """What the plan of a run found."""
    return list(service.differences_of(run_id))
