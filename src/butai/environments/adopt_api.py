"""The JSON API of environments that were made elsewhere, and their pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from butai.environments.adoption import Adoption, AdoptRequest, TakeOverRequest
from butai.environments.api import By, Service
from butai.environments.api import by as by_whom
from butai.environments.service import EnvironmentView, Started
from butai.errors import ButaiError

router = APIRouter(prefix="/api/v1", tags=["environments"])
TYPED = ("name", "blueprint", "state", "workspace", "cluster", "purpose", "owner")
HERE = "/environments/{blueprint}/{name}"
Do = Callable[[Request, str, str, Callable[[], Any]], Response]
Form = Callable[[Request, dict[str, str], ButaiError | None], Response]


def adoption(request: Request) -> Adoption:
    """The service of this server."""
    found: Adoption = request.app.state.butai.adoption
    return found


Adopting = Annotated[Adoption, Depends(adoption)]


@router.post("/adopted", status_code=202)
def adopt(service: Adopting, body: AdoptRequest, by: By) -> Started:
    """Register an environment that was made elsewhere, and look at it."""
    return service.adopt(body, by=by)


@router.post("/adopted/{name}/look", status_code=202)
def look(service: Service, name: str, by: By, blueprint: str | None = None) -> Started:
    """Look at it again: its state, its services, what they run."""
    return service.look_again(name, by=by, blueprint=blueprint)


@router.post("/adopted/{name}/take-over", status_code=202)
def take_over(service: Adopting, name: str, body: TakeOverRequest, by: By, blueprint: str | None = None) -> Started:
    """From now on Butai runs Terraform on it. The run is a plan that says what an update would do."""
    return service.take_over(name, body, by=by, blueprint=blueprint)


@router.post("/adopted/{name}/forget")
def forget(service: Adopting, name: str, by: By, blueprint: str | None = None) -> EnvironmentView:
    """Butai knows it no more; it stays as it is."""
    return service.forget(name, by=by, blueprint=blueprint)


def forms(do: Do, form: Form) -> APIRouter:
    """The page's forms. `do` does the work and shows the environment's page again; `form` shows the form to adopt."""
    pages = APIRouter(include_in_schema=False)

    @pages.get("/environments/adopt")
    def show(request: Request, blueprint: str = "") -> Response:
        """The form."""
        return form(request, {"blueprint": blueprint}, None)

    @pages.post("/environments/adopt")
    async def adopt(request: Request) -> Response:
        """Adopt; with an error the form comes back with everything that was typed."""
        given = {name: str(value).strip() for name, value in (await request.form()).items()}
        return await run_in_threadpool(_adopt, request, given, form)

    @pages.post(f"{HERE}/look")
    def look(request: Request, blueprint: str, name: str) -> Response:
        """Look again."""
        service = request.app.state.butai.environments
        return do(request, blueprint, name, lambda: service.look_again(name, by=by_whom(request), blueprint=blueprint))

    @pages.post(f"{HERE}/forget")
    def forget(request: Request, blueprint: str, name: str) -> Response:
        """Forget it."""
        by = by_whom(request)
        return do(request, blueprint, name, lambda: adoption(request).forget(name, by=by, blueprint=blueprint))

    @pages.post(f"{HERE}/take-over")
    async def take_over(request: Request, blueprint: str, name: str) -> Response:
        """Hand it over, when the name was typed."""
        confirm = str((await request.form()).get("confirm", "")).strip()
        body, by = TakeOverRequest(confirm=confirm), by_whom(request)

        def work() -> Started:
            return adoption(request).take_over(name, body, by=by, blueprint=blueprint)

        return await run_in_threadpool(do, request, blueprint, name, work)

    return pages


def _adopt(request: Request, given: dict[str, str], form: Form) -> Response:
    named = {
        key.removeprefix("service."): value for key, value in given.items() if key.startswith("service.") and value
    }
    wanted: dict[str, Any] = {
        key: given.get(key, "") for key in ("name", "blueprint", "state", "workspace", "cluster", "purpose", "owner")
    }
    try:
        body = AdoptRequest(**wanted, services=named)
        started = adoption(request).adopt(body, by=body.owner or by_whom(request))
    except ButaiError as error:
        return form(request, given, error)
    shown = started.environment
    return RedirectResponse(f"/environments/{quote(shown.blueprint)}/{quote(shown.name)}", 303)
