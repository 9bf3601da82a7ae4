"""The shape in which a room registers itself with the portal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter


@dataclass(frozen=True)
class Room:
    """A room: its routes, its templates, and its entry in the left column (`title` and `group` are message ids)."""

    name: str
    title: str
    group: str
    path: str
    routers: tuple[APIRouter, ...]
    templates: Path | None = None
