"""The page that brings all environments of a blueprint to a ref. Its address says what was begun, so it can be left and
come back to; only while it is open the next wave begins by itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from butai.blueprints.service import Blueprints
from butai.environments import api
from butai.environments.together import Phase, Together, Wish
from butai.errors import ButaiError, WrongUseError
from butai.text import text
from butai.web.render import pages_of

router = APIRouter(include_in_schema=False)
HERE = "/environments/update-all"
AtOnce = Annotated[int, Query(ge=1, le=50)]


def together(request: Request) -> Together:
    """The work on the services of this server."""
    return Together(api.environments(request), api.runs(request))


@router.get(HERE)
def show(
    request: Request,
    blueprint: str = "",
    to: str = "",
    at_once: AtOnce = 3,
    plans: str = "",
    others: str = "",
    runs: str = "",
    refused: str = "",
    wave: Annotated[int, Query(ge=0)] = 0,
    hold: bool = False,
    part: bool = False,
) -> Response:
    """The form; with `to` how far it is. `hold`: the next wave is not begun by itself."""
    if not to:
        return _form(request, blueprint, "", None)
    wish = Wish(blueprint, to, at_once, _ids(plans), _ids(others), _ids(runs), _ids(refused), wave)
    page = "environments/together_part.html" if part else "environments/together.html"
    progress = together(request).look(wish)
    return pages_of(request).html(
        request,
        page,
        wish=wish,
        progress=progress,
        phases=Phase,
        hold=hold,
        address=_address(wish),
        given=_given(wish),
    )


@router.post(f"{HERE}/plan")
def plan(request: Request, to: Annotated[str, Form()] = "", blueprint: Annotated[str, Form()] = "") -> Response:
    """Plan all of them; with an error the form is shown again."""
    try:
        if not to.strip():
            raise WrongUseError(text("Where to?"), next=text("Name a branch, a tag or a commit."), where="to")
        wish = together(request).begin(Wish(blueprint, to.strip()), by=api.by(request))
    except ButaiError as error:
        return _form(request, blueprint, to, error)
    return RedirectResponse(_address(wish), 303)


@router.post(f"{HERE}/go-on")
def go_on(
    request: Request,
    to: Annotated[str, Form()],
    blueprint: Annotated[str, Form()],
    at_once: Annotated[int, Form(ge=1, le=50)] = 3,
    plans: Annotated[str, Form()] = "",
    others: Annotated[str, Form()] = "",
    runs: Annotated[str, Form()] = "",
    refused: Annotated[str, Form()] = "",
    wave: Annotated[int, Form(ge=0)] = 0,
) -> Response:
    """Begin the next wave, the first one too."""
    wish = Wish(blueprint, to, at_once, _ids(plans), _ids(others), _ids(runs), _ids(refused), wave)
    return RedirectResponse(_address(together(request).go_on(wish, by=api.by(request))), 303)


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
    )


def _given(wish: Wish) -> dict[str, Any]:
    """What of a wish stands in its address and in its form."""
    listed = {name: ",".join(map(str, each)) for name, each in asdict(wish).items() if isinstance(each, tuple)}
    given = {"blueprint": wish.blueprint, "to": wish.to, "at_once": wish.at_once, "wave": wish.wave, **listed}
    return {name: value for name, value in given.items() if value}


def _address(wish: Wish) -> str:
    return f"{HERE}?{urlencode(_given(wish))}"


def _ids(words: str) -> tuple[int, ...]:
    parts = [each for each in words.split(",") if each]
    if not all(each.isdecimal() and len(each) < 12 for each in parts):
        raise WrongUseError(text("`{words}` is no list of runs.", words=words[:100]))
    return tuple(map(int, parts))
