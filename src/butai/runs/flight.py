"""What an engine is doing right now, and what a stop means for it. Pure but for the two shapes of the API."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from butai.runs.store import RunEvent
from butai.terraform.events import CHANGES


class FlyingShape(BaseModel):
    """A change that was begun and whose end was not seen. `taints`: stopped now, the next apply destroys and makes it again."""

    address: str
    type: str
    action: str
    seconds: int
    taints: bool


class InFlight(BaseModel):
    """What a stop would meet. `begun`: anything was changed already; `hard`: a stop was asked for and the engine goes on."""

    run: int
    going: bool
    begun: bool
    hard: bool
    changes: list[FlyingShape]


def flying(events: Iterable[RunEvent]) -> list[FlyingShape]:
    """The changes under way after these lines of a log, in the order in which they were begun."""
    open_: dict[tuple[str, str], FlyingShape] = {}
    for event in events:
        key = (event.address, event.action)
        if event.action not in CHANGES:
            continue
        if event.kind == "started":
            kind = event.detail.get("resource_type", "")
            open_[key] = FlyingShape(
                address=event.address, type=kind, action=event.action, seconds=0, taints=event.action == "create"
            )
        elif event.kind in ("done", "failed"):
            open_.pop(key, None)
        elif event.kind == "progress" and key in open_:
            open_[key].seconds = event.detail.get("elapsed_s", 0)
    return list(open_.values())
