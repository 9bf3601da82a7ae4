"""The JSON API of comparing both ways of running."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from butai.environments import engine_checks
from butai.environments.api import By, Service
from butai.environments.service import Started
from butai.runs.model import RunKind

router = APIRouter(prefix="/api/v1", tags=["environments"])


class ComparisonShape(BaseModel):
    """What a comparison found; `equal` is none while its run has not ended, or when it found nothing out."""

    run: int
    equal: bool | None


@router.post("/environments/{name}/engine-check", status_code=202)
def check_engine(service: Service, name: str, by: By, blueprint: str | None = None) -> Started:
    """Plan on both ways, with a provider of the run's own and with a shared one, and compare. It changes nothing."""
    return service.check(name, by=by, blueprint=blueprint, kind=RunKind.ENGINE_CHECK)


@router.get("/runs/{run_id}/engine-check")
def show_comparison(request: Request, run_id: int) -> ComparisonShape:
    """What the comparison of a run found."""
    return ComparisonShape(run=run_id, equal=engine_checks.found_by(request.app.state.butai.database, run_id))
