"""The JSON API of what runs where: a report for a ticket, two environments beside each other."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

from butai.deploys.api import By, Service
from butai.deploys.compare import ComparedShape
from butai.deploys.logs import LogLineShape, ServiceLogs
from butai.deploys.report import ReportShape
from butai.deploys.service import RunsWhere
from butai.deploys.shell import ExecRequest, SessionShape, Shells

router = APIRouter(prefix="/api/v1/environments/{name}", tags=["deploys"])
everywhere = APIRouter(prefix="/api/v1/deploys", tags=["deploys"])


@everywhere.get("/where")
def where(service: Service) -> list[RunsWhere]:
    """What runs where: branch and commit of every service of every environment, and how it stands beside its default branch."""
    return service.where()


@router.get("/report")
def report(request: Request, service: Service, name: str, at: str = "", blueprint: str | None = None) -> ReportShape:
    """What ran at a time (`14:05`, `2026-11-26 14:05`; nothing: now), with Markdown for a ticket."""
    return service.report(name, at=at, portal=str(request.base_url), blueprint=blueprint)


@router.get("/compare/{other}")
def compare(
    service: Service, name: str, other: str, blueprint: str | None = None, other_blueprint: str | None = None
) -> ComparedShape:
    """In what two environments differ: versions, variables, what containers are given (names alone), drift."""
    return service.compare(name, other, left_blueprint=blueprint, right_blueprint=other_blueprint or blueprint)


@router.get("/services/{service_name}/logs")
def logs(
    request: Request,
    name: str,
    service_name: str,
    minutes: Annotated[int, Query(ge=1, le=1440)] = 10,
    after: datetime | None = None,
    blueprint: str | None = None,
) -> list[LogLineShape]:
    """What the service's tasks printed in the last minutes, or since a time: the oldest thousand lines."""
    found: ServiceLogs = request.app.state.butai.service_logs
    return found.read(name, service_name, minutes=minutes, after=after, blueprint=blueprint)


@router.post("/services/{service_name}/exec")
def begin_exec(
    request: Request, by: By, name: str, service_name: str, body: ExecRequest, blueprint: str | None = None
) -> SessionShape:
    """Start a program in a running container (ECS Exec); what AWS's Session Manager plugin goes on with."""
    shells: Shells = request.app.state.butai.shells
    return shells.begin(name, service_name, body, by=by, blueprint=blueprint)
