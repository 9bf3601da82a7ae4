"""The shape in which a room registers itself with the portal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter

from butai.assembly import Butai


@dataclass(frozen=True)
class Room:
    """A room: its routes, its templates, and its entry in the left column (`title` and `group` are message ids).

    `figure` is the small number beside the title. Every page asks for it: it is one cheap question to the database.
    """

    name: str
    title: str
    group: str
    path: str
    routers: tuple[APIRouter, ...]
    templates: Path | None = None
    figure: Callable[[Butai], int] | None = None
