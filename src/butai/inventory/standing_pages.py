"""The page of how a repository's code stands in environments. Thin: the service does everything."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from butai.inventory import api, standing_api
from butai.inventory.view import View
from butai.web.render import pages_of

router = APIRouter(prefix="/inventory", include_in_schema=False)


@router.get("/{name}/environments")
def show_environments(request: Request, name: str) -> Response:
    """What states hold against the newest code, and what drifted."""
    found = standing_api.standings(request).of(name)
    repository = api.inventory(request).get(name)
    return pages_of(request).html(request, "inventory/standing.html", found=found, repository=repository, view=View())
