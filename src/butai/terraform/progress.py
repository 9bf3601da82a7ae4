"""How far an apply is, folded from its events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from butai.terraform.events import CHANGES, EngineEvent
from butai.text import text

_VERBS = {
    "create": text("creating"),
    "update": text("changing"),
    "delete": text("destroying"),
    "read": text("reading"),
}


@dataclass(frozen=True)
class InFlight:
    """What the engine is busy with. `elapsed_s` is what its last event said; `started_at` the time of its first."""

    address: str
    action: str
    elapsed_s: int
    started_at: datetime | None


@dataclass(frozen=True)
class Progress:
    """Counts of changes: creations, changes in place and deletions (a replacement is two), as the engine's own summary.

    `begun` counts the changes that were started: with none of them the world is as it was.
    """

    planned: int = 0
    begun: int = 0
    done: int = 0
    failed: int = 0
    in_flight: tuple[InFlight, ...] = ()

    def after(self, event: EngineEvent) -> Progress:
        """The progress after one more event."""
        if event.kind == "planned":
            return replace(self, planned=self.planned + _operations(event.action))
        if event.kind == "change_summary" and event.action == "plan":
            return replace(self, planned=(event.add or 0) + (event.change or 0) + (event.remove or 0))
        if event.kind == "started":
            flying = InFlight(event.address, event.action, 0, event.at)
            return replace(self, begun=self.begun + event.is_change, in_flight=(*self._without(event), flying))
        if event.kind == "progress":
            return replace(self, in_flight=tuple(_longer(each, event) for each in self.in_flight))
        if event.kind in {"done", "failed"}:
            return self._ended(event)
        return self

    @property
    def waiting_for(self) -> InFlight | None:
        """What has been under way the longest: the thing everybody waits for."""
        return max(self.in_flight, key=lambda each: each.elapsed_s, default=None)

    @property
    def waiting_text(self) -> str:
        """The same as a phrase: `creating aws_elasticache_cluster.redis, 20 s`; empty when nothing is under way."""
        waits = self.waiting_for
        if waits is None:
            return ""
        # The engine says how long only every ten seconds; "0 s" for that long would not be true.
        doing = _VERBS.get(waits.action, waits.action)
        if not waits.elapsed_s:
            return text("{doing} {address}", doing=doing, address=waits.address)
        return text("{doing} {address}, {seconds} s", doing=doing, address=waits.address, seconds=waits.elapsed_s)

    def _ended(self, event: EngineEvent) -> Progress:
        done = self.done + (event.is_change and event.kind == "done")
        failed = self.failed + (event.is_change and event.kind == "failed")
        return replace(self, done=done, failed=failed, in_flight=self._without(event))

    def _without(self, event: EngineEvent) -> tuple[InFlight, ...]:
        return tuple(each for each in self.in_flight if not _same(each, event))


def _operations(action: str) -> int:
    return 2 if action == "replace" else int(action in CHANGES)


def _same(flying: InFlight, event: EngineEvent) -> bool:
    return (flying.address, flying.action) == (event.address, event.action)


def _longer(flying: InFlight, event: EngineEvent) -> InFlight:
    return replace(flying, elapsed_s=event.elapsed_s or flying.elapsed_s) if _same(flying, event) else flying
