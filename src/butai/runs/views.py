"""Runs, their events and their places as people and programs see them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, WrapValidator

from butai.runs import store
from butai.runs.model import NextAction, RunEnd, RunKind, RunStatus, next_action
from butai.runs.queue import Priority, WaitsFor
from butai.text import Text, restored

# A string that may be a text: validation would make a plain string of it.
Shown = Annotated[str, WrapValidator(lambda given, check: given if isinstance(given, Text) else check(given))]


class WayView(BaseModel):
    """Whether a run shares a provider's process with others, and why or why not."""

    accelerated: bool
    why: Shown


class RunView(BaseModel):
    """A run as people and programs see it. Times are UTC."""

    id: int
    environment_id: int
    kind: RunKind
    status: RunStatus
    end: RunEnd | None
    next_action: NextAction
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    settled_at: datetime | None
    cancel_requested: bool
    kill_requested: bool
    lost: bool
    superseded_by: int | None
    log_removed_at: datetime | None
    priority: Priority
    planned: int
    done: int
    failed: int
    waiting_for: Shown
    error: dict[str, Any] | None
    way: WayView | None
    params: dict[str, Any]
    # How it is carried out; no business of the API.
    attempts: int = Field(exclude=True)
    folder: str = Field(exclude=True)
    handed_over: bool = Field(exclude=True)

    @property
    def not_followed_up(self) -> bool:
        """Whether nobody could take note of its end: what it was asked for is then all that is known."""
        return (self.error or {}).get("code") == RunEnd.NOT_FOLLOWED_UP

    @property
    def finished(self) -> bool:
        """Whether its end is known and what followed it is over: its log does not grow any more."""
        return self.settled_at is not None


class EventView(BaseModel):
    """One line of a run's log."""

    seq: int
    at: datetime
    step: str
    kind: str
    address: str
    action: str
    message: Shown
    detail: dict[str, Any]


class PlaceView(BaseModel):
    """Where a queued run stands and what it waits for. `waits_for_run`: which run, where it is one."""

    run: int
    position: int
    waits_for: WaitsFor
    waits_for_run: int | None
    words: Shown


@dataclass(frozen=True)
class Standing:
    """The queue at one moment: places of queued runs, who holds each run that goes on, and which workers are alive."""

    places: Mapping[int, PlaceView] = field(default_factory=dict)
    holders: Mapping[int, str] = field(default_factory=dict)
    alive: Collection[str] = ()


def view(run: store.Run) -> RunView:
    """A row as others see it."""
    end = RunEnd(run.end) if run.end else None
    return RunView(
        id=run.id,
        environment_id=run.environment_id,
        kind=RunKind(run.kind),
        status=RunStatus(run.status),
        end=end,
        next_action=next_action(end) if end else NextAction.NONE,
        requested_by=run.requested_by,
        requested_at=run.requested_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        settled_at=run.settled_at,
        cancel_requested=run.cancel_requested_at is not None,
        kill_requested=run.kill_requested_at is not None,
        lost=run.lost_at is not None,
        superseded_by=run.superseded_by,
        log_removed_at=run.log_removed_at,
        priority=Priority(run.priority),
        planned=run.planned,
        done=run.done,
        failed=run.failed,
        waiting_for=restored(run.waiting_for, run.waiting_text),
        error=_readable(run.error),
        way=_way(run.way),
        params=run.params,
        attempts=run.attempts,
        folder=run.folder,
        handed_over=run.handed_over_at is not None,
    )


def event_view(event: store.RunEvent) -> EventView:
    """A log line as others see it."""
    return EventView(
        seq=event.seq,
        at=event.at,
        step=event.step,
        kind=event.kind,
        address=event.address,
        action=event.action,
        message=restored(event.message, event.detail.get("texts", {}).get("message")),
        detail=_readable(event.detail) or {},
    )


def _way(kept: dict[str, Any] | None) -> WayView | None:
    return WayView(accelerated=kept["accelerated"], why=restored(kept["why"], kept["text"])) if kept else None


def _readable(kept: dict[str, Any] | None) -> dict[str, Any] | None:
    """What was stored with its texts made whole again; what they are made of is nobody else's affair."""
    if kept is None or "texts" not in kept:
        return kept
    return {name: restored(each, kept["texts"].get(name)) for name, each in kept.items() if name != "texts"}
