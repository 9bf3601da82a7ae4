"""The JSON API of environments and their runs (part of the public API; its OpenAPI document is at `/api/openapi.json`)."""

from __future__ import annotations

import asyncio
import functools
import getpass
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from butai.environments.service import (
    CreateRequest,
    DestroyRequest,
    Environments,
    EnvironmentView,
    Started,
    UpdateRequest,
)
from butai.runs.service import EventView, Runs, RunView

STREAM_LOOK_EVERY_S = 0.3
# A comment line now and then keeps proxies and browsers from closing a silent stream.
STREAM_BEAT_EVERY_S = 15.0

router = APIRouter(prefix="/api/v1", tags=["environments"])


def environments(request: Request) -> Environments:
    """The service of this server."""
    found: Environments = request.app.state.butai.environments
    return found


def runs(request: Request) -> Runs:
    """The service of this server."""
    found: Runs = request.app.state.butai.runs
    return found


def by(request: Request) -> str:
    """Who asks. One shared user until there is login: the name that the command line gives, else the server's own user."""
    return request.headers.get("X-Butai-User", "")[:100] or _server_user()


@functools.cache
def _server_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


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
    service: RunService, run_id: int, after: int = 0, last_event_id: Annotated[int, Header()] = 0
) -> StreamingResponse:
    """The log as server-sent events: `line` for each line (its id is the sequence number), `run` at changes, `end`."""
    await run_in_threadpool(service.get, run_id)
    return stream(service, run_id, max(after, last_event_id))


def stream(
    service: Runs, run_id: int, after: int, spoken: Callable[[str], str] = lambda words: words
) -> StreamingResponse:
    """The stream of a run's log; `spoken` puts Butai's own words into a language."""
    return StreamingResponse(
        _stream(service, run_id, after, spoken), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _stream(service: Runs, run_id: int, after: int, spoken: Callable[[str], str]) -> AsyncIterator[str]:
    shown, silent = "", 0.0
    while True:
        # The run is read first: what was written before its end is then surely among the lines.
        run = await run_in_threadpool(service.get, run_id)
        for event in await run_in_threadpool(service.events, run_id, after=after):
            after = event.seq
            yield message("line", {**event.model_dump(mode="json"), "message": spoken(event.message)}, event.seq)
            silent = 0.0
        run.waiting_for = spoken(run.waiting_for)
        now = run.model_dump_json()
        if now != shown:
            shown, silent = now, 0.0
            yield message("run", json.loads(now))
        if run.finished and not await run_in_threadpool(service.events, run_id, after=after, limit=1):
            yield message("end", {"end": run.end})
            return
        if silent >= STREAM_BEAT_EVERY_S:
            silent = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(STREAM_LOOK_EVERY_S)
        silent += STREAM_LOOK_EVERY_S


def message(event: str, data: Any, seq: int | None = None) -> str:
    """One server-sent event."""
    number = f"id: {seq}\n" if seq is not None else ""
    return f"event: {event}\n{number}data: {json.dumps(data, ensure_ascii=False)}\n\n"
