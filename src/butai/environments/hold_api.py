"""The JSON API of holds, and the page's forms for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from butai.environments.api import By
from butai.environments.api import by as by_whom
from butai.environments.holding import Holding, HoldRequest
from butai.environments.service import EnvironmentView

router = APIRouter(prefix="/api/v1/environments/{name}", tags=["environments"])
HERE = "/environments/{blueprint}/{name}"
Do = Callable[[Request, str, str, Callable[[], Any]], Response]
Words = Annotated[str, Form()]


def holding(request: Request) -> Holding:
    """The service of this server."""
    found: Holding = request.app.state.butai.holding
    return found


Service = Annotated[Holding, Depends(holding)]


@router.post("/hold")
def hold(service: Service, name: str, body: HoldRequest, by: By, blueprint: str | None = None) -> EnvironmentView:
    """Hold an environment: changes by others are refused until the end. The holder prolongs it and hands it over."""
    return service.hold(name, body, by=by, blueprint=blueprint)


@router.post("/release")
def release(service: Service, name: str, by: By, blueprint: str | None = None) -> EnvironmentView:
    """Give it back."""
    return service.release(name, by=by, blueprint=blueprint)


def forms(do: Do) -> APIRouter:
    """The page's forms; `do` does the work and shows the page again, with the error where there is one."""
    pages = APIRouter(include_in_schema=False)

    @pages.post(f"{HERE}/hold")
    def hold(request: Request, blueprint: str, name: str, reason: Words = "", until: Words = "") -> Response:
        """Hold it, or prolong."""
        body, by = HoldRequest(reason=reason[:200], until=until), by_whom(request)
        return do(request, blueprint, name, lambda: holding(request).hold(name, body, by=by, blueprint=blueprint))

    @pages.post(f"{HERE}/release")
    def release(request: Request, blueprint: str, name: str) -> Response:
        """Give it back."""
        by = by_whom(request)
        return do(request, blueprint, name, lambda: holding(request).release(name, by=by, blueprint=blueprint))

    return pages
