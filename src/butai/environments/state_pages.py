"""The page of an environment's state: versions, what differs, who works on it and what is locked."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from butai.environments import api, state_api
from butai.environments.service import EnvironmentView
from butai.environments.state_views import ReleaseRequest, RollBackRequest
from butai.errors import ButaiError
from butai.web.render import pages_of

router = APIRouter(include_in_schema=False)

Number = Annotated[int | None, Query(ge=1)]


@router.get("/environments/{blueprint}/{name}/state")
def show_state(request: Request, blueprint: str, name: str, before: Number = None, after: Number = None) -> Response:
    """Every version, and what differs between two of them."""
    return _show(request, blueprint, name, before, after)


@router.post("/environments/{blueprint}/{name}/state/roll-back")
def roll_back(
    request: Request,
    blueprint: str,
    name: str,
    version: Annotated[int, Form(ge=1)],
    confirm: Annotated[str, Form()] = "",
) -> Response:
    """Roll back, when the name was typed; the run is shown on the environment's page."""
    body = RollBackRequest(version=version, confirm=confirm.strip())
    try:
        state_api.environment_states(request).roll_back(name, body, by=api.by(request), blueprint=blueprint)
    except ButaiError as error:
        return _show(request, blueprint, name, error=error)
    return RedirectResponse(_home(blueprint, name), 303)


@router.post("/environments/{blueprint}/{name}/state/release-lock")
def release_lock(request: Request, blueprint: str, name: str, confirm: Annotated[str, Form()] = "") -> Response:
    """Release what a dead engine left locked."""
    body = ReleaseRequest(confirm=confirm.strip())
    try:
        state_api.environment_states(request).release(name, body, by=api.by(request), blueprint=blueprint)
    except ButaiError as error:
        return _show(request, blueprint, name, error=error)
    return RedirectResponse(f"{_home(blueprint, name)}/state", 303)


def _show(
    request: Request,
    blueprint: str,
    name: str,
    before: int | None = None,
    after: int | None = None,
    error: ButaiError | None = None,
) -> Response:
    service, environment = state_api.environment_states(request), api.environments(request).newest(name, blueprint)
    report = service.report_of(environment)
    context: dict[str, Any] = {
        "environment": environment,
        "report": report,
        "found": service.diff_of(environment, before, after) if report.versions else None,
        "here": _page(environment),
        "home": _home(environment.blueprint, environment.name),
        "error": error,
    }
    return pages_of(request).html(request, "environments/state.html", status=error.status if error else 200, **context)


def _page(environment: EnvironmentView) -> str:
    return f"{_home(environment.blueprint, environment.name)}/state"


def _home(blueprint: str, name: str) -> str:
    return f"/environments/{quote(blueprint)}/{quote(name)}"
