"""The JSON API of how a repository's code stands in states."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from butai.inventory.api import inventory
from butai.inventory.service import Inventory
from butai.inventory.standing import Standings
from butai.inventory.standing_views import NodeStanding, StandingView

router = APIRouter(prefix="/api/v1/inventory", tags=["inventory"])


def standings(request: Request) -> Standings:
    """The service of this server."""
    found: Standings = request.app.state.butai.standings
    return found


Service = Annotated[Standings, Depends(standings)]
Known = Annotated[Inventory, Depends(inventory)]


@router.get("/{name}/environments")
def show_environments(service: Service, name: str) -> list[StandingView]:
    """Every state of its roots, environments' and told ones, against the newest code, and its drift."""
    return service.of(name)


@router.get("/{name}/environments/node")
def show_node(service: Service, known: Known, name: str, id: str) -> list[NodeStanding]:
    """What states hold of one node."""
    found = service.of_node(name, id)
    if not found:
        # What is no node is told as such.
        known.about(name, id)
    return found
