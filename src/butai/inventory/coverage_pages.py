"""The page of what exists in a repository's accounts. Thin: the service does everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from butai.errors import ButaiError
from butai.inventory import coverage_api, prices_api, told_api
from butai.inventory.coverage_views import ImportsView
from butai.inventory.told_views import PlaceRequest
from butai.web.render import pages_of

router = APIRouter(prefix="/inventory", include_in_schema=False)

MOST_SHOWN = 300
COST = "cost"
Field = Annotated[str, Form()]


@router.get("/{name}/coverage")
def show_coverage(
    request: Request, name: str, part: str = "", kind: str = "", region: str | None = None, sort: str = ""
) -> Response:
    """How much of what exists is in a state, and what is not: of a kind or a region alone, if one is chosen."""
    return _show(request, name, kind, region, part=bool(part), sort=sort)


@router.post("/{name}/coverage")
def look_again(request: Request, name: str) -> Response:
    """Begin a look at the accounts."""
    try:
        coverage_api.coverages(request).look(name)
    except ButaiError as error:
        return _show(request, name, error=error)
    return RedirectResponse(f"/inventory/{name}/coverage", 303)


@router.post("/{name}/coverage/prices")
def read_prices(request: Request, name: str) -> Response:
    """Begin to ask AWS's Price List."""
    try:
        prices_api.prices(request).read()
    except ButaiError as error:
        return _show(request, name, error=error)
    return RedirectResponse(f"/inventory/{name}/coverage#costs", 303)


@router.post("/{name}/coverage/imports")
def write_imports(
    request: Request, name: str, arn: Annotated[Sequence[str], Form()] = (), kind: Field = "", region: Field = ""
) -> Response:
    """`import` blocks for what is chosen. `region`: `-` where none was chosen, as an empty one is that of what has none."""
    chosen = None if region in ("", "-") else region.strip()
    try:
        written = coverage_api.coverages(request).imports(name, arn)
    except ButaiError as error:
        return _show(request, name, kind, chosen, error=error)
    return _show(request, name, kind, chosen, written=written)


@router.post("/{name}/coverage/states")
def add_state(request: Request, name: str, place: Field = "") -> Response:
    """Tell where another state lies, and look with it."""
    try:
        told_api.told(request).add(name, PlaceRequest(place=place.strip()))
        coverage_api.coverages(request).look(name)
    except ButaiError as error:
        return _show(request, name, error=error)
    return RedirectResponse(f"/inventory/{name}/coverage", 303)


@router.post("/{name}/coverage/states/remove")
def remove_state(request: Request, name: str, place: Field = "") -> Response:
    """Forget a state that somebody told of."""
    try:
        told_api.told(request).remove(name, place)
    except ButaiError as error:
        return _show(request, name, error=error)
    return RedirectResponse(f"/inventory/{name}/coverage", 303)


def _show(
    request: Request,
    name: str,
    kind: str = "",
    region: str | None = None,
    *,
    part: bool = False,
    sort: str = "",
    written: ImportsView | None = None,
    error: ButaiError | None = None,
) -> Response:
    service = coverage_api.coverages(request)
    found = service.get(name)
    listed = [each for each in found.unmanaged if kind in ("", each.kind) and (region is None or region == each.region)]
    if sort == COST:
        listed.sort(key=lambda each: -(each.cost_month or 0))
    return pages_of(request).html(
        request,
        "inventory/coverage_part.html" if part else "inventory/coverage.html",
        status=error.status if error else 200,
        found=found,
        places=[each.place for each in told_api.told(request).list(name)],
        listed=listed[:MOST_SHOWN],
        total=len(listed),
        kind=kind,
        region=region,
        sort=sort,
        prices=prices_api.prices(request).get(),
        written=written,
        chosen={each.arn for each in written.blocks} | set(written.left) if written else set(),
        error=error,
    )
