"""The JSON API of environments and their runs (part of the public API; its OpenAPI document is at `/api/openapi.json`)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from butai.asking import by
from butai.environments.live import ENGLISH, Live, Tongue
from butai.environments.service import (
    CreateRequest,
    DestroyRequest,
    Environments,
    EnvironmentView,
    Started,
    UpdateRequest,
)
from butai.environments.views import DifferenceShape
from butai.runs.service import EventView, Runs, RunView

__all__ = ["by", "router"]

router = APIRouter(prefix="/api/v1", tags=["environments"])


def environments(request: Request) -> Environments:
    """The service of this server."""
    found: Environments = request.app.state.butai.environments
    return found


def runs(request: Request) -> Runs:
    """The service of this server."""
    found: Runs = request.app.state.butai.runs
    return found


Service = Annotated[Environments, Depends(environments)]
RunService = Annotated[Runs, Depends(runs)]
By = Annotated[str, Depends(by)]


@router.get("/environments")
def list_environments(service: Service) -> list[EnvironmentView]:
    """Every environment that is not gone."""
    return service.list()


@router.post("/environments", status_code=202)
def create_environment(service: Service, body: CreateRequest, by: By) -> Started:
    """Create an environment."""
    return service.create(body, by=by)


@router.get("/environments/{name}")
def show_environment(service: Service, name: str, blueprint: str | None = None) -> EnvironmentView:
    """One environment."""
    return service.get(name, blueprint=blueprint)


@router.patch("/environments/{name}", status_code=202)
def update_environment(
    service: Service, name: str, body: UpdateRequest, by: By, blueprint: str | None = None
) -> Started:
    """Change images, variables or the blueprint's commit."""
    return service.update(name, body, by=by, blueprint=blueprint)


@router.post("/environments/{name}/destroy", status_code=202)
def destroy_environment(
    service: Service, name: str, body: DestroyRequest, by: By, blueprint: str | None = None
) -> Started:
    """Destroy an environment; `confirm` repeats its name."""
    return service.destroy(name, body, by=by, blueprint=blueprint)


@router.post("/environments/{name}/next", status_code=202)
def do_next_action(service: Service, name: str, by: By, blueprint: str | None = None) -> Started:
    """Do the one next action that the state proposes."""
    return service.next(name, by=by, blueprint=blueprint)


@router.post("/environments/{name}/drift-check", status_code=202)
def check_drift(service: Service, name: str, by: By, blueprint: str | None = None) -> Started:
    """Look for drift: a plan that changes nothing. What it finds stands in the environment's `drift`."""
    return service.check(name, by=by, blueprint=blueprint)


@router.post("/environments/{name}/preview", status_code=202)
def preview_update(service: Service, name: str, body: UpdateRequest, by: By, blueprint: str | None = None) -> Started:
    """Plan an update without doing it; `/runs/{run_id}/differences` then says what it would do."""
    return service.check(name, by=by, blueprint=blueprint, preview=body)


@router.get("/runs/{run_id}/differences")
def list_differences(service: Service, run_id: int) -> list[DifferenceShape]:
    """What the plan of a run found."""
    return list(service.differences_of(run_id))


@router.get("/environments/{name}/runs")
def list_runs(service: Service, name: str, blueprint: str | None = None) -> list[RunView]:
    """An environment's runs, newest first."""
    return list(service.runs_of(service.get(name, blueprint=blueprint).id))


@router.get("/environments/by-id/{environment_id}")
def show_environment_by_id(service: Service, environment_id: int) -> EnvironmentView:
    """One environment by its number, gone ones too."""
    return service.by_id(environment_id)


@router.get("/runs/{run_id}")
def show_run(service: RunService, run_id: int) -> RunView:
    """One run."""
    return service.get(run_id)


@router.get("/runs/{run_id}/events")
def list_events(
    service: RunService, run_id: int, after: int = 0, limit: Annotated[int, Query(ge=1, le=5000)] = 1000
) -> list[EventView]:
    """Lines of a run's log after a sequence number."""
    return service.events(run_id, after=after, limit=limit)


@router.get("/runs/{run_id}/stream", response_class=StreamingResponse)
async def stream_events(
    request: Request, service: RunService, run_id: int, after: int = 0, last_event_id: Annotated[int, Header()] = 0
) -> StreamingResponse:
    """The log as server-sent events: `line` for each line (its id is the sequence number), `run` at changes, `end`."""
    await run_in_threadpool(service.get, run_id)
    return stream(request, run_id, max(after, last_event_id))


def stream(request: Request, run_id: int, after: int, tongue: Tongue = ENGLISH) -> StreamingResponse:
    """The stream of a run's log."""
    state = request.app.state
    if not hasattr(state, "live"):
        state.live = Live(runs(request))
    lines = state.live.stream(run_id, after, tongue)
    return StreamingResponse(lines, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
