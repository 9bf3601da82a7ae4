"""The page of a repository's history. Thin: the service does everything."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from butai.inventory import past_api
from butai.inventory.view import View
from butai.web.render import pages_of

router = APIRouter(prefix="/inventory", include_in_schema=False)


@router.get("/{name}/past")
def show_past(request: Request, name: str, part: str = "") -> Response:
    """Commits by week, who knows what today, what changes most, and what changes together."""
    past = past_api.pasts(request).of(name)
    page = "inventory/past_part.html" if part else "inventory/past.html"
    return pages_of(request).html(request, page, past=past, view=View())
