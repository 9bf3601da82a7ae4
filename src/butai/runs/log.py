"""A run's log: what the engine printed and what Butai itself did, in one order, stored before it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from butai.runs import store
from butai.runs.claims import Fenced
from butai.runs.model import Step
from butai.terraform.events import EngineEvent, plain
from butai.terraform.progress import Progress
from butai.text import stored

WORKER = "worker"


class RunLog:
    """Writes the log of one run. Reading the same engine output twice stores it once."""

    def __init__(self, fenced: Fenced, run_id: int, now: Callable[[], datetime]) -> None:
        self.fenced, self.run_id, self._now = fenced, run_id, now

    def say(self, step: Step, message: str, kind: str = "note", **detail: Any) -> None:
        """One line of Butai's own."""
        with self.fenced.session() as session:
            line = store.last_line(session, self.run_id, WORKER) + 1
            detail |= _texts({"message": message, **detail})
            self._add(session, WORKER, line, step, kind, message=plain(message), detail=detail)

    def goes(self, *, accelerated: bool, why: str) -> None:
        """Which way the run goes: with providers that others use too, or with its own."""
        with self.fenced.session() as session:
            told = {"accelerated": accelerated, "why": str(why), "text": stored(why)}
            session.get_one(store.Run, self.run_id).way = told

    def last_line(self, step: Step) -> int:
        """The last line of the engine's output of this step that is stored."""
        with self.fenced.session() as session:
            return store.last_line(session, self.run_id, step)

    def engine(self, step: Step, events: Sequence[EngineEvent], progress: Progress) -> None:
        """Store lines of the engine, and the figures that they add up to."""
        with self.fenced.session() as session:
            first = store.next_seq(session, self.run_id)
            for seq, event in enumerate(events, start=first):
                self._add(
                    session,
                    step,
                    event.seq,
                    step,
                    event.kind,
                    seq=seq,
                    at=event.at,
                    address=event.address,
                    action=event.action,
                    message=event.message,
                    detail=_detail(event),
                )
            if step is Step.APPLY:
                run = session.get_one(store.Run, self.run_id)
                run.planned, run.begun = progress.planned, progress.begun
                run.done, run.failed, run.waiting_for = progress.done, progress.failed, progress.waiting_text
                run.waiting_text = stored(progress.waiting_text)

    def _add(
        self,
        session: Session,
        source: str,
        line: int,
        step: Step,
        kind: str,
        *,
        seq: int | None = None,
        at: datetime | None = None,
        **fields: Any,
    ) -> None:
        session.add(
            store.RunEvent(
                run_id=self.run_id,
                seq=seq or store.next_seq(session, self.run_id),
                source=source,
                line=line,
                at=at or self._now(),
                step=step,
                kind=kind,
                **fields,
            )
        )
        if seq is None:
            session.flush()


def _texts(words: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: kept for name, each in words.items() if isinstance(each, str) and (kept := stored(each))}
    return {"texts": found} if found else {}


def _detail(event: EngineEvent) -> dict[str, Any]:
    """What else is worth keeping of an engine's line: only what is set."""
    names = (
        *("resource_type", "elapsed_s", "id_key", "id_value", "severity", "summary", "detail", "file", "line"),
        *("add", "change", "remove", "begun_in", "attributes", "more"),
    )
    values = {name: getattr(event, name) for name in names}
    texts = {"texts": {"message": event.words}} if event.words else {}
    return {name: value for name, value in values.items() if value not in (None, "")} | texts
