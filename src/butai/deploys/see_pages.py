"""Pages of what runs where: a report for a ticket, two environments beside each other."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from butai.deploys.api import Service
from butai.deploys.compare import PARTS
from butai.deploys.logs import ServiceLogs
from butai.environments.service import Environments
from butai.errors import ButaiError
from butai.web.render import pages_of

router = APIRouter(include_in_schema=False)
MINUTES = (1, 10, 60)
LINES_SHOWN = 500


@router.get("/deploys/{blueprint}/{name}/report")
def report(request: Request, service: Service, blueprint: str, name: str, at: str = "") -> Response:
    """What runs, or ran at a time, to be copied."""
    error, found, portal = None, None, str(request.base_url)
    try:
        found = service.report(name, at=at, portal=portal, blueprint=blueprint)
    except ButaiError as wrong:
        if wrong.where != "at":
            raise
        error = wrong
    context: dict[str, Any] = {"blueprint": blueprint, "called": name, "at": at, "report": found, "error": error}
    return pages_of(request).html(request, "deploys/report.html", status=error.status if error else 200, **context)


@router.get("/deploys/{blueprint}/{name}/compare")
def compare(request: Request, service: Service, blueprint: str, name: str, other: str = "") -> Response:
    """Two environments beside each other. `other`: BLUEPRINT/NAME; none: the first other one."""
    environments: Environments = request.app.state.butai.environments
    here = f"{blueprint}/{name}"
    environments.get(name, blueprint=blueprint)
    others = [f"{each.blueprint}/{each.name}" for each in environments.list()]
    others = sorted((each for each in others if each != here), key=lambda each: (each.split("/")[0] != blueprint, each))
    other = other or next(iter(others), "")
    found = None
    if other:
        there, _, called = other.partition("/")
        found = service.compare(name, called, left_blueprint=blueprint, right_blueprint=there)
    context: dict[str, Any] = {
        "blueprint": blueprint,
        "called": name,
        "others": others,
        "other": other,
        "found": found,
        "parts_of": PARTS,
    }
    return pages_of(request).html(request, "deploys/compare.html", **context)


@router.get("/deploys/{blueprint}/{name}/logs")
def logs(
    request: Request,
    blueprint: str,
    name: str,
    service: str = "",
    minutes: Annotated[int, Query(ge=1, le=1440)] = 10,
    part: str = "",
) -> Response:
    """What a service's tasks print, the newest lines, looked at again by itself."""
    environments: Environments = request.app.state.butai.environments
    read: ServiceLogs = request.app.state.butai.service_logs
    services = [each.name for each in environments.get(name, blueprint=blueprint).services]
    service = service or next(iter(services), "")
    error, lines = None, []
    try:
        lines = read.newest(name, service, minutes=minutes, most=LINES_SHOWN + 1, blueprint=blueprint)
    except ButaiError as wrong:
        error = wrong
    asked = urlencode({"service": service, "minutes": minutes, "part": "lines"})
    context: dict[str, Any] = {
        "blueprint": blueprint,
        "called": name,
        "services": services,
        "service": service,
        "minutes": minutes,
        "choices": sorted({*MINUTES, minutes}),
        "lines": lines[-LINES_SHOWN:],
        "more": len(lines) > LINES_SHOWN,
        "several": len({each.container for each in lines}) > 1,
        "error": error,
        "part_url": f"/deploys/{quote(blueprint)}/{quote(name)}/logs?{asked}",
    }
    # A part is taken over only where it came well; the page that has it says what is wrong now.
    status = error.status if error and not part else 200
    return pages_of(request).html(request, f"deploys/logs{'_part' if part else ''}.html", status=status, **context)
