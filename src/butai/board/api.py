"""The JSON API of the queue and the workers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from butai.asking import by
from butai.board.service import Board, DeclareDead, QueueView, WorkerView

router = APIRouter(prefix="/api/v1", tags=["runs"])


def board(request: Request) -> Board:
    """The service of this server."""
    found: Board = request.app.state.butai.board
    return found


Service = Annotated[Board, Depends(board)]


@router.get("/queue")
def show_queue(service: Service) -> QueueView:
    """What goes on now, and what waits for what."""
    return service.queue()


@router.get("/workers")
def list_workers(service: Service) -> list[WorkerView]:
    """Every worker with what it holds."""
    return service.workers()


@router.post("/workers/{worker_id}/declare-dead")
def declare_dead(request: Request, service: Service, worker_id: str, body: DeclareDead) -> WorkerView:
    """Say that a worker's machine is gone for good; `confirm` repeats its id. Refused while it is heard of."""
    return service.declare_dead(worker_id, body, by=by(request))
