"""The JSON API of what git tells of the inventory's repositories."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from butai.errors import NotFoundError
from butai.inventory.api import inventory
from butai.inventory.past_service import Pasts
from butai.inventory.past_views import RepositoryPast, ThingPast
from butai.inventory.service import Inventory
from butai.terraform.text import plain
from butai.text import text

router = APIRouter(prefix="/api/v1/inventory", tags=["inventory"])


def pasts(request: Request) -> Pasts:
    """The service of this server."""
    found: Pasts = request.app.state.butai.pasts
    return found


Service = Annotated[Pasts, Depends(pasts)]
Known = Annotated[Inventory, Depends(inventory)]


@router.get("/{name}/past")
def show_past(service: Service, name: str, wait: bool = False) -> RepositoryPast:
    """What git tells of a repository. `wait`: until it is read, which takes seconds; otherwise `reading` says so."""
    return service.of(name, wait=wait)


@router.get("/{name}/past/node")
def show_node_past(service: Service, known: Known, name: str, id: str, wait: bool = False) -> ThingPast:
    """How one node came about and who knows it. `wait`: until that is read, which takes seconds."""
    found = service.of_node(name, id, wait=wait)
    if found is None:
        # What is no node is told as such.
        known.about(name, id)
        raise NotFoundError(
            text("Git's history of `{name}` is not known, or not yet.", name=plain(id)), code="no-history"
        )
    return found
