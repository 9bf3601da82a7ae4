"""The pages that bring all environments of a blueprint to a ref: the form, and how far a rollout is. Thin."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from butai.blueprints.service import Blueprints
from butai.environments import api
from butai.environments.rollout_api import rollouts
from butai.environments.rollout_model import OPEN, Phase
from butai.errors import ButaiError, WrongUseError
from butai.text import text
from butai.web.render import pages_of

router = APIRouter(include_in_schema=False)
SHOWN = 5


@router.get("/environments/update-all")
def show_form(request: Request, blueprint: str = "") -> Response:
    """The form, and the newest rollouts."""
    return _form(request, blueprint, "", None)


@router.post("/environments/rollouts")
def plan(request: Request, to: Annotated[str, Form()] = "", blueprint: Annotated[str, Form()] = "") -> Response:
    """Plan all of them; with an error the form is shown again."""
    try:
        if not to.strip():
            raise WrongUseError(text("Where to?"), next=text("Name a branch, a tag or a commit."), where="to")
        found = rollouts(request).plan(blueprint, to.strip(), by=api.by(request))
    except ButaiError as error:
        return _form(request, blueprint, to, error)
    return _show_again(found.rollout.id)


@router.get("/environments/rollouts/{number}")
def show(request: Request, number: int, part: bool = False) -> Response:
    """How far it is, and the one thing that can be done about it."""
    page = "environments/rollout_part.html" if part else "environments/rollout.html"
    progress = rollouts(request).look(number)
    return pages_of(request).html(
        request, page, progress=progress, rollout=progress.rollout, phases=Phase, passing=OPEN
    )


@router.post("/environments/rollouts/{number}/begin")
def begin(request: Request, number: int, at_once: Annotated[int, Form(ge=1, le=50)] = 3) -> Response:
    """The yes to its plans."""
    rollouts(request).begin(number, by=api.by(request), at_once=at_once)
    return _show_again(number)


@router.post("/environments/rollouts/{number}/stop")
def stop(request: Request, number: int) -> Response:
    """No further wave. One that is over meanwhile is only shown."""
    service = rollouts(request)
    if service.look(number).rollout.ended_at is None:
        service.stop(number, by=api.by(request))
    return _show_again(number)


@router.post("/environments/rollouts/{number}/go-on")
def go_on(request: Request, number: int) -> Response:
    """The next waves, after all."""
    rollouts(request).go_on(number, by=api.by(request))
    return _show_again(number)


def _show_again(number: int) -> Response:
    return RedirectResponse(f"/environments/rollouts/{number}", 303)


def _form(request: Request, blueprint: str, to: str, error: ButaiError | None) -> Response:
    found: Blueprints = request.app.state.butai.blueprints
    known = found.list()
    if not known:
        return pages_of(request).html(request, "environments/no_blueprint.html")
    chosen = next((each for each in known if each.name == blueprint), known[0])
    count = {each.name: 0 for each in known}
    for each in api.environments(request).list():
        count[each.blueprint] = count.get(each.blueprint, 0) + 1
    return pages_of(request).html(
        request,
        "environments/update_all.html",
        status=error.status if error else 200,
        blueprints=known,
        chosen=chosen,
        count=count,
        to=to or chosen.ref,
        error=error,
        newest=rollouts(request).newest(SHOWN),
    )
