"""The JSON API of what runs where: a report for a ticket, two environments beside each other."""

from __future__ import annotations

from fastapi import APIRouter, Request

from butai.deploys.api import Service
from butai.deploys.compare import ComparedShape
from butai.deploys.report import ReportShape

router = APIRouter(prefix="/api/v1/environments/{name}", tags=["deploys"])


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
