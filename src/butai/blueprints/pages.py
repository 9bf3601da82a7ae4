"""The blueprints' pages. Thin: the service does everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from butai.blueprints import api
from butai.errors import ButaiError
from butai.web.render import pages_of
from butai.web.room import Room

router = APIRouter(include_in_schema=False)

ROOM = Room(
    name="blueprints",
    title="Blueprints",
    group="Stage",
    path="/blueprints",
    routers=(api.router, router),
    templates=Path(__file__).parent / "templates",
    figure=lambda butai: butai.blueprints.count(),
)


@router.get("/blueprints")
def show_list(request: Request) -> Response:
    """Every blueprint, and the form that adds one."""
    return _list(request, {}, None)


@router.post("/blueprints")
def add(request: Request, repository: Annotated[str, Form()] = "", root: Annotated[str, Form()] = "") -> Response:
    """Add a blueprint; with an error the form is shown again."""
    form = {"repository": repository.strip(), "root": root.strip()}
    try:
        api.blueprints(request).add(form["repository"], root=form["root"] or None)
    except ButaiError as error:
        return _list(request, form, error)
    return RedirectResponse("/blueprints", 303)


@router.post("/blueprints/{name}/refresh")
def refresh(request: Request, name: str) -> Response:
    """Read the newest commit."""
    try:
        api.blueprints(request).refresh(name)
    except ButaiError as error:
        return _list(request, {}, error)
    return RedirectResponse("/blueprints", 303)


def _list(request: Request, form: dict[str, Any], error: ButaiError | None) -> Response:
    return pages_of(request).html(
        request,
        "blueprints/list.html",
        status=error.status if error else 200,
        blueprints=api.blueprints(request).list(),
        form=form,
        error=error,
    )
