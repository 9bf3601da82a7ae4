"""The page's forms that stop a run and mend what it left. Thin: they lead back to the page that they came from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from butai.environments import api
from butai.environments.mend_api import mends, stopping
from butai.environments.mends import AdoptRequest, DeleteOrphanRequest, ForgetRequest, UntaintRequest
from butai.environments.stopping import CancelRequest

Do = Callable[[Request, str, str, Callable[[], Any]], Response]
Field = Annotated[str, Form()]
HERE = "/environments/{blueprint}/{name}"


def routes(do: Do) -> APIRouter:
    """The routes; `do` does the work and shows the page again, with the error where there is one."""
    router = APIRouter(include_in_schema=False)

    @router.post(f"{HERE}/cancel")
    def cancel(
        request: Request, blueprint: str, name: str, run: Annotated[int, Form()], hard: Field = "", confirm: Field = ""
    ) -> Response:
        """Stop the run; a second time hard, when the name was typed."""
        asked = CancelRequest(hard=hard == "on", confirm=confirm.strip())
        return do(request, blueprint, name, lambda: stopping(request).stop(run, asked))

    @router.post(f"{HERE}/untaint")
    def untaint(request: Request, blueprint: str, name: str, address: Field) -> Response:
        """Keep what turned out complete."""
        asked = UntaintRequest(address=address)
        by = api.by(request)
        return do(request, blueprint, name, lambda: mends(request).untaint(name, asked, by=by, blueprint=blueprint))

    @router.post(f"{HERE}/orphans/adopt")
    def adopt(request: Request, blueprint: str, name: str, address: Field, id: Field = "") -> Response:
        """Take it into the state."""
        asked = AdoptRequest(address=address, id=id.strip())
        by = api.by(request)
        return do(request, blueprint, name, lambda: mends(request).adopt(name, asked, by=by, blueprint=blueprint))

    @router.post(f"{HERE}/orphans/delete")
    def delete(
        request: Request, blueprint: str, name: str, address: Field, id: Field = "", confirm: Field = ""
    ) -> Response:
        """Delete it, when the environment's name was typed."""
        asked = DeleteOrphanRequest(address=address, id=id.strip(), confirm=confirm.strip())
        by = api.by(request)
        return do(request, blueprint, name, lambda: mends(request).delete(name, asked, by=by, blueprint=blueprint))

    @router.post(f"{HERE}/orphans/forget")
    def forget(
        request: Request, blueprint: str, name: str, address: Field, id: Field = "", confirm: Field = ""
    ) -> Response:
        """It is not there, when the environment's name was typed."""
        asked = ForgetRequest(address=address, id=id.strip(), confirm=confirm.strip())
        by = api.by(request)
        return do(request, blueprint, name, lambda: mends(request).forget(name, asked, by=by, blueprint=blueprint))

    return router
