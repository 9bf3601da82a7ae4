"""The page of how a repository's code stands in states, and what is told of states there. Thin: the services do everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from butai.asking import by
from butai.errors import ButaiError
from butai.inventory import api, standing_api, told_api
from butai.inventory.told_views import PlaceRequest
from butai.inventory.view import View
from butai.web.render import pages_of

router = APIRouter(prefix="/inventory", include_in_schema=False)

Field = Annotated[str, Form()]


@router.get("/{name}/environments")
def show_states(request: Request, name: str, part: str = "") -> Response:
    """What states hold against the newest code, and what drifted. `part`: without the page around them."""
    return _show(request, name, part=bool(part))


@router.post("/{name}/environments/states")
def add_state(
    request: Request,
    name: str,
    place: Field = "",
    root: Field = "",
    region: Field = "",
    profile: Field = "",
    role: Field = "",
    var_files: Field = "",
    secrets: Field = "",
) -> Response:
    """Tell of a state, and whose it is; with an error the form is shown again."""
    said = {"place": place, "root": root, "region": region, "profile": profile, "role": role}
    form = {key: value.strip() for key, value in said.items()}
    references = {name: reference for name, _, reference in (each.partition("=") for each in secrets.split())}
    body = PlaceRequest(**form, var_files=var_files.split(), secrets=references)
    form |= {"var_files": var_files, "secrets": secrets}
    return _do(request, name, lambda: told_api.told(request).add(name, body), form)


@router.post("/{name}/environments/states/read")
def read_states(request: Request, name: str) -> Response:
    """Read them again."""
    return _do(request, name, lambda: told_api.told(request).read(name))


@router.post("/{name}/environments/states/remove")
def remove_state(request: Request, name: str, place: Field = "") -> Response:
    """Forget one."""
    return _do(request, name, lambda: told_api.told(request).remove(name, place))


@router.post("/{name}/environments/states/drift-check")
def check_drift(request: Request, name: str, place: Field = "") -> Response:
    """Look for drift of one."""
    return _do(request, name, lambda: told_api.root_drift(request).check(name, place, by=by(request)))


@router.post("/{name}/environments/states/drift-check/stop")
def stop_check(request: Request, name: str, place: Field = "") -> Response:
    """Stop that."""
    return _do(request, name, lambda: told_api.root_drift(request).stop(name, place))


def _do(request: Request, name: str, work: Callable[[], object], form: dict[str, str] | None = None) -> Response:
    try:
        work()
    except ButaiError as error:
        return _show(request, name, form, error)
    return RedirectResponse(f"/inventory/{name}/environments", 303)


def _show(
    request: Request,
    name: str,
    form: dict[str, str] | None = None,
    error: ButaiError | None = None,
    *,
    part: bool = False,
) -> Response:
    inventory, found = api.inventory(request), standing_api.standings(request).of(name)
    return pages_of(request).html(
        request,
        "inventory/standing_part.html" if part else "inventory/standing.html",
        status=error.status if error else 200,
        found=found,
        under_way=any(each.check and each.check.end is None for each in found),
        repository=inventory.get(name),
        roots=[each.folder for each in inventory.read(name).graph.roots()],
        view=View(),
        form=form or {},
        error=error,
    )
