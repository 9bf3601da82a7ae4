"""The application: the rooms' routes behind one gate, and one way to say that something went wrong."""

from __future__ import annotations

import secrets
from typing import Any

import structlog
from fastapi import FastAPI, Form
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from butai import __version__
from butai.assembly import Butai
from butai.errors import ButaiError, NotFoundError, WrongUseError
from butai.text import text
from butai.web.faults import Faults
from butai.web.guard import Guard, cookie_name, hosts
from butai.web.patterns import example
from butai.web.render import TEMPLATES, Pages, pages_of, wants_json
from butai.web.room import Room
from butai.web.sign_in import SignIn
from butai.web.texts import LANGUAGE_COOKIE, LANGUAGES

STATIC = TEMPLATES.parent / "static"
LANGUAGE_LIFE_S = 365 * 24 * 3600

log = structlog.get_logger()


def create_app(butai: Butai, rooms: tuple[Room, ...], sign_in: SignIn, port: int) -> FastAPI:
    """The portal and the API for one assembled Butai, answering on `port` of loopback only."""
    app = FastAPI(title="Butai", version=__version__, openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    app.state.butai = butai
    app.state.pages = Pages(butai, rooms)
    app.state.sign_in = sign_in
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for room in rooms:
        for router in room.routers:
            # Including it would analyse every route anew for this application, a tenth of a second; they are whole as they are.
            app.router.routes.extend(router.routes)
    _own_routes(app, rooms[0].path)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(Faults, answer=_on_unexpected)
    app.add_middleware(Guard, sign_in=sign_in, hosts=hosts(port), cookie=cookie_name(port), answer=_answer_outside(app))
    return app


def _own_routes(app: FastAPI, home: str) -> None:
    @app.get("/", include_in_schema=False)
    def start() -> Response:
        return RedirectResponse(home, 303)

    @app.get("/patterns", include_in_schema=False)
    def patterns(request: Request) -> Response:
        return pages_of(request).html(request, "patterns.html", example=example())

    @app.post("/language", include_in_schema=False)
    def language(language: str = Form(), back: str = Form(default="/")) -> Response:
        # Only a path of this portal: a form must not send anybody elsewhere.
        target = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
        answer = RedirectResponse(target, 303)
        if language in LANGUAGES:
            answer.set_cookie(LANGUAGE_COOKIE, language, max_age=LANGUAGE_LIFE_S, samesite="strict", path="/")
        return answer

    @app.post("/api/sign-in-keys", tags=["sign-in"])
    def make_sign_in_key(request: Request) -> dict[str, str]:
        """A new address that signs one browser in, once, within an hour."""
        return {"url": request.app.state.sign_in.address(str(request.base_url).rstrip("/"))}


def _show(request: Request, error: ButaiError) -> Response:
    """An error in the shape that the asker reads: JSON, or a page."""
    if wants_json(request):
        return JSONResponse(error.as_json(), status_code=error.status)
    if error.status == 401:
        # A link on another site comes without the strict cookie; the same address, asked from here, comes with it.
        again = str(request.url) if request.headers.get("sec-fetch-site") == "cross-site" else ""
        return pages_of(request).html(request, "sign_in.html", status=401, again=again)
    # Without the rooms' figures: an error may be the database's, and answers are given from the event loop here.
    return pages_of(request).html(request, "error.html", status=error.status, error=error, figure=lambda _room: None)


def _answer_outside(app: FastAPI) -> Any:
    """The gate stands before the application, so its requests do not know it yet."""

    def answer(request: Request, error: ButaiError) -> Response:
        request.scope["app"] = app
        return _show(request, error)

    return answer


async def _on_butai_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ButaiError)
    return _show(request, error)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    """FastAPI's findings in the one shape of errors; the first one leads, the others are listed."""
    assert isinstance(error, RequestValidationError)
    found = [(".".join(str(part) for part in each["loc"][1:]), each["msg"]) for each in error.errors()]
    where, what = found[0] if found else ("", "The request cannot be read.")
    others = "\n".join(f"{place}: {message}" for place, message in found[1:])
    return _show(request, WrongUseError(text("{what}.", what=what), why=others, where=where, code="bad-request"))


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _show(request, NotFoundError(text("There is nothing at this address."), code="no-page"))
    shown = ButaiError(str(error.detail), code="http")
    shown.status = error.status_code
    return _show(request, shown)


def _on_unexpected(request: Request, error: Exception) -> Response:
    """A fault of Butai's own: the page gives a number, the log the reason."""
    number = secrets.token_hex(4)
    log.error("unexpected", incident=number, path=request.url.path, exc_info=error)
    shown = ButaiError(
        text("Something went wrong inside Butai."),
        why=text("Incident {number}; the server's log says more.", number=number),
        next=text("Look what was done and try again; report it with the number if it happens again."),
        code="unexpected",
    )
    return _show(request, shown)


_HANDLERS: dict[Any, Any] = {
    ButaiError: _on_butai_error,
    RequestValidationError: _on_validation_error,
    HTTPException: _on_http_error,
}
