"""The inventory's pages. Thin: the service does everything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from butai.errors import ButaiError
from butai.inventory import (
    api,
    coverage_api,
    coverage_pages,
    past_api,
    past_pages,
    prices_api,
    standing_api,
    standing_pages,
    told_api,
)
from butai.inventory.cost_views import CostView, cost_view
from butai.inventory.measures import STEPS
from butai.inventory.picture import document
from butai.inventory.view import HIDDEN, KINDS, MOST_STEPS, Colour, View
from butai.inventory.views import AddRequest, MapView
from butai.web.render import pages_of
from butai.web.room import Room

router = APIRouter(prefix="/inventory", include_in_schema=False)

ROOM = Room(
    name="inventory",
    title="Inventory",
    group="Know",
    path="/inventory",
    routers=(
        api.router,
        past_api.router,
        standing_api.router,
        coverage_api.router,
        told_api.router,
        prices_api.router,
        router,
        past_pages.router,
        standing_pages.router,
        coverage_pages.router,
    ),
    templates=Path(__file__).parent / "templates",
)


@router.get("")
def show_list(request: Request) -> Response:
    """Every repository, and the form that adds one."""
    return _list(request, {}, None)


@router.post("")
def add(
    request: Request,
    repository: Annotated[str, Form()] = "",
    ref: Annotated[str, Form()] = "",
) -> Response:
    """Add a repository; with an error the form is shown again."""
    form = {"repository": repository.strip(), "ref": ref.strip()}
    try:
        added = api.inventory(request).add(AddRequest(**form))
    except ButaiError as error:
        return _list(request, form, error)
    return RedirectResponse(f"/inventory/{added.name}", 303)


@router.post("/{name}/remove")
def remove(request: Request, name: str) -> Response:
    """Forget a repository that was added."""
    try:
        api.inventory(request).remove(name)
    except ButaiError as error:
        return _list(request, {}, error)
    return RedirectResponse("/inventory", 303)


@router.get("/{name}")
def show_repository(request: Request, name: str) -> Response:
    """A repository for somebody who has never seen it."""
    found = api.inventory(request).first_page(name)
    return pages_of(request).html(request, "inventory/repository.html", found=found, view=View())


@router.get("/{name}/map")
def show_map(request: Request, name: str, view: api.AskedView) -> Response:
    """A view of the map, with the same as a list."""
    found = api.inventory(request).map(name, view)
    drawn = document(found.read.graph, found.picture, found.rows, view)
    here = f"/inventory/{found.repository.name}/map"
    return pages_of(request).html(
        request,
        "inventory/map.html",
        found=found,
        view=view,
        here=here,
        drawn=_as_script(drawn),
        permanent=f"{str(request.base_url).rstrip('/')}{here}?{view.at(found.read.commit).query}",
        kinds=KINDS,
        hidden=HIDDEN,
        colours=[str(each) for each in Colour],
        steps=STEPS,
        most_steps=MOST_STEPS,
        past=past_api.pasts(request).of_node(name, view.node, found.read.commit) if found.node else None,
        standing=standing_api.standings(request).of_node(name, view.node) if found.node else [],
        cost=_cost(request, name, found),
        prices=prices_api.prices(request).get() if view.colour is Colour.COST else None,
    )


@router.post("/{name}/map/prices")
def read_prices(request: Request, name: str) -> Response:
    """Begin to ask AWS's Price List; the view is shown again."""
    prices_api.prices(request).read()
    return RedirectResponse(f"/inventory/{name}/map?{request.url.query}", 303)


@router.get("/{name}/source/{file:path}")
def show_source(request: Request, name: str, file: str, commit: str = "", to: int = 0) -> Response:
    """A file at a commit. The address ends in `#L` and a line; `to` is the last one that is meant."""
    service = api.inventory(request)
    source = service.source(name, file, commit)
    return pages_of(request).html(
        request, "inventory/source.html", repository=service.get(name), source=source, view=View(), to=to
    )


def _as_script(value: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element."""
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(written.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))  # noqa: S704


def _cost(request: Request, name: str, found: MapView) -> CostView | None:
    if found.node is None:
        return None
    at = api.inventory(request).mirror(name), found.read.commit, found.read.graph
    cost = prices_api.code_costs(request).of_node(*at, found.node.node.id)
    return cost_view(cost) if cost else None


def _list(request: Request, form: dict[str, str], error: ButaiError | None) -> Response:
    return pages_of(request).html(
        request,
        "inventory/list.html",
        status=error.status if error else 200,
        repositories=api.inventory(request).list(),
        form=form,
        error=error,
    )
