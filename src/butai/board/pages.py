"""The pages of the queue and of the workers. Thin: the service does everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from butai.asking import by
from butai.board import api
from butai.board.model import WORDS, kind_of
from butai.board.service import DeclareDead
from butai.errors import ButaiError
from butai.web.render import pages_of
from butai.web.room import Room

runs_router = APIRouter(include_in_schema=False)
workers_router = APIRouter(include_in_schema=False)
TEMPLATES = Path(__file__).parent / "templates"

RUNS = Room(
    name="runs",
    title="Runs and queue",
    group="Stage",
    path="/runs",
    routers=(api.router, runs_router),
    templates=TEMPLATES,
    figure=lambda butai: butai.board.figure(),
)
WORKERS = Room(
    name="workers",
    title="Workers",
    group="Stage",
    path="/workers",
    routers=(workers_router,),
    templates=TEMPLATES,
)


@runs_router.get("/runs")
def show_queue(request: Request, part: str = "") -> Response:
    """What goes on, and what waits for what."""
    page = "runs/queue_part.html" if part else "runs/queue.html"
    return pages_of(request).html(request, page, board=api.board(request).queue(), part=part)


@workers_router.get("/workers")
def show_workers(request: Request, part: str = "") -> Response:
    """Every worker with what it holds."""
    return _workers(request, None, part="part" if part else "")


@workers_router.post("/workers/{worker_id}/declare-dead")
def declare_dead(request: Request, worker_id: str, confirm: Annotated[str, Form()] = "") -> Response:
    """Say that a worker's machine is gone for good, when its id was typed."""
    try:
        api.board(request).declare_dead(worker_id, DeclareDead(confirm=confirm.strip()), by=by(request))
    except ButaiError as error:
        return _workers(request, error)
    return RedirectResponse("/workers", 303)


def _workers(request: Request, error: ButaiError | None, part: str = "") -> Response:
    return pages_of(request).html(
        request,
        "workers/workers_part.html" if part else "workers/workers.html",
        status=error.status if error else 200,
        workers=api.board(request).workers(),
        words=WORDS,
        kind_of=kind_of,
        error=error,
    )
