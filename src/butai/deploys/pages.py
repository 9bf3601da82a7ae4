"""The deploys' pages: what runs where, and one environment's form and history. Thin: the service does everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from butai.asking import by
from butai.blueprints.service import Blueprints
from butai.deploys import api, see_api, see_pages
from butai.deploys.service import DeployRequest, Deploys, DeployView, RollBackRequest
from butai.deploys.timing import usual
from butai.environments.service import Environments, EnvironmentView, ServiceChoice, Started
from butai.errors import ButaiError
from butai.runs.model import RunEnd, RunKind
from butai.web.render import pages_of
from butai.web.room import Room

router = APIRouter(include_in_schema=False)
BRANCHES_SHOWN = 50

ROOM = Room(
    name="deploys",
    title="Deploys",
    group="Stage",
    path="/deploys",
    routers=(api.router, see_api.router, see_api.everywhere, see_pages.router, router),
    templates=Path(__file__).parent / "templates",
)


def environments(request: Request) -> Environments:
    """The service of this server."""
    found: Environments = request.app.state.butai.environments
    return found


def deploys(request: Request) -> Deploys:
    """The service of this server."""
    return api.deploys(request)


@router.get("/deploys")
def what_runs_where(request: Request) -> Response:
    """Every environment with what runs on it."""
    shown = environments(request).list()
    where = {(each.blueprint, each.environment, each.service): each for each in deploys(request).where_of(shown)}
    return pages_of(request).html(request, "deploys/list.html", environments=shown, where=where)


@router.get("/deploys/{blueprint}/{name}")
def show(request: Request, blueprint: str, name: str) -> Response:
    """One environment's form and history."""
    return _show(request, environments(request).get(name, blueprint=blueprint))


@router.post("/deploys/{blueprint}/{name}")
async def deploy(request: Request, blueprint: str, name: str) -> Response:
    """Deploy what the form says."""
    form = {key: str(value) for key, value in (await request.form()).items()}
    chosen = {key.removeprefix("service."): value for key, value in form.items() if key.startswith("service.")}
    services = {key: ServiceChoice(branch=value) for key, value in chosen.items() if value}
    wait = 30 if form.get("wait") == "on" else 0

    def work() -> Started:
        body = DeployRequest(services=services, wait_for_image_minutes=wait)
        return deploys(request).deploy(name, body, by=by(request), blueprint=blueprint)

    return await run_in_threadpool(_do, request, blueprint, name, work)


@router.post("/deploys/{blueprint}/{name}/roll-back")
def roll_back(
    request: Request, blueprint: str, name: str, service: Annotated[str, Form()], to: Annotated[int, Form()] = 0
) -> Response:
    """Roll a service back."""
    body = RollBackRequest(service=service, to=to)
    return _do(
        request,
        blueprint,
        name,
        lambda: deploys(request).roll_back(name, body, by=by(request), blueprint=blueprint),
    )


def _do(request: Request, blueprint: str, name: str, work: Callable[[], Started]) -> Response:
    """Do it and show its run as it goes on; an error is shown where it was asked for."""
    try:
        started = work()
    except ButaiError as error:
        return _show(request, environments(request).get(name, blueprint=blueprint), error)
    return RedirectResponse(f"/environments/{quote(blueprint)}/{quote(name)}?run={started.run.id}", 303)


def _show(request: Request, shown: EnvironmentView, error: ButaiError | None = None) -> Response:
    blueprints: Blueprints = request.app.state.butai.blueprints
    history = deploys(request).history_of(shown)
    context: dict[str, Any] = {
        "environment": shown,
        "branches": {each.name: _branches(blueprints, shown, each.name) for each in shown.services},
        "present": {each.name: each.image for each in shown.services},
        "history": history,
        "newest": {each.service: each.run for each in reversed(history)},
        "usual": usual([each.took_s for each in history if _went_well(each) and each.took_s is not None]),
        "error": error,
    }
    return pages_of(request).html(request, "deploys/show.html", status=error.status if error else 200, **context)


def _went_well(each: DeployView) -> bool:
    return each.kind is RunKind.DEPLOY and each.end is RunEnd.SUCCEEDED


def _branches(blueprints: Blueprints, shown: EnvironmentView, service: str) -> Any:
    """The newest branches; none where the repository cannot be reached: a branch can be typed all the same."""
    try:
        return blueprints.branches(shown.blueprint, service)[:BRANCHES_SHOWN]
    except ButaiError:
        return ()
