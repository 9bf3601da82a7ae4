"""What can be done with runs: submit, look, cancel, follow. The only file of this room that others import."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from butai.db import Database
from butai.db.changes import tell
from butai.errors import NotFoundError, RefusedError
from butai.runs import claims, store, workers
from butai.runs.flight import InFlight, flying
from butai.runs.holders import Sight, WorksOn, sight_of, works_on
from butai.runs.model import READ_ONLY, RunEnd, RunKind, RunStatus
from butai.runs.queue import Priority, places, superseded
from butai.runs.stillness import Room, Stillness, room_for_checks, stillness
from butai.runs.views import EventView, PlaceView, RunView, Shown, Standing, event_view, view
from butai.runs.waiting import words_of
from butai.text import text

__all__ = ["EventView", "PlaceView", "RunView", "Runs", "Shown", "Standing", "Terms", "view"]


@dataclass(frozen=True)
class Terms:
    """Under which terms a run waits: its blueprint with its cap, what its worker must carry, and who waits for it."""

    blueprint: str = ""
    priority: Priority = Priority.PERSON
    labels: Mapping[str, str] = field(default_factory=dict)
    at_once: int = 0


class Runs:
    """All runs of all environments."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def submit(
        self,
        session: Session,
        environment_id: int,
        kind: RunKind,
        params: dict[str, Any],
        requested_by: str,
        terms: Terms = Terms(),
    ) -> RunView:
        """Queue a run inside the caller's transaction: what the run is about and the run come into being together.

        What it makes pointless among the queued runs ends as superseded, and a drift check makes way for it.
        """
        run = store.Run(
            environment_id=environment_id,
            kind=kind,
            status=RunStatus.QUEUED,
            params=params,
            requested_by=requested_by,
            requested_at=self._now(),
            blueprint=terms.blueprint,
            priority=terms.priority,
            labels=dict(terms.labels),
            at_once=terms.at_once,
            planned=0,
            done=0,
            failed=0,
            begun=0,
            attempts=0,
            waiting_for="",
            folder="",
        )
        session.add(run)
        session.flush()
        self._make_way(session, run)
        tell(session, store.QUEUE)
        return view(run)

    def _make_way(self, session: Session, run: store.Run) -> None:
        now = self._now()
        older = superseded(claims.as_queued(run), claims.queued(session))
        ended = {"status": RunStatus.ENDED, "end": RunEnd.SUPERSEDED, "ended_at": now, "settled_at": now}
        waiting = (store.Run.id.in_(older), store.Run.status == RunStatus.QUEUED)
        session.execute(update(store.Run).where(*waiting).values(**ended, superseded_by=run.id))
        checks = update(store.Run).where(
            store.Run.environment_id == run.environment_id,
            store.Run.kind == RunKind.DRIFT_CHECK,
            store.Run.status == RunStatus.RUNNING,
        )
        if run.kind != RunKind.DRIFT_CHECK:
            session.execute(checks.values(cancel_requested_at=func.coalesce(store.Run.cancel_requested_at, now)))

    def get(self, run_id: int) -> RunView:
        """One run."""
        with self._database.reading() as session:
            return view(_get(session, run_id))

    def of_environment(self, environment_id: int) -> list[RunView]:
        """Runs of one environment, newest first."""
        with self._database.reading() as session:
            return [view(run) for run in store.of_environment(session, environment_id)]

    def later_than(self, session: Session, environment_id: int, run_id: int) -> list[RunView]:
        """Runs of an environment that came after one, newest first."""
        return [view(run) for run in store.of_environment(session, environment_id) if run.id > run_id]

    def some(self, run_ids: Iterable[int]) -> dict[int, RunView]:
        """These runs by their number."""
        with self._database.reading() as session:
            rows = session.scalars(select(store.Run).where(store.Run.id.in_(set(run_ids))))
            return {row.id: view(row) for row in rows}

    def changing_since(self, session: Session, environment_id: int, run_id: int) -> list[int]:
        """Runs of an environment after one of its runs that do more than look, oldest first."""
        later = (store.Run.environment_id == environment_id, store.Run.id > run_id, store.Run.kind.not_in(READ_ONLY))
        return list(session.scalars(select(store.Run.id).where(*later).order_by(store.Run.id)))

    def works_on(self, environment_id: int) -> WorksOn | None:
        """The run that has this environment now, and its worker."""
        with self._database.reading() as session:
            return works_on(session, environment_id)

    def sight_of(self, run_id: int) -> Sight:
        """What can be seen from this machine of a run's processes."""
        with self._database.reading() as session:
            return sight_of(session, run_id, self._now())

    def unfinished(self, session: Session, environment_id: int | None = None) -> list[RunView]:
        """Queued and running runs, oldest first."""
        return [view(run) for run in store.unfinished(session, environment_id)]

    def with_params(self, fenced: claims.Fenced, run: RunView, params: Mapping[str, Any]) -> RunView:
        """The run with other parameters from now on, before any of its work is begun."""
        with fenced.session() as session:
            row = _get(session, run.id)
            row.params = dict(params)
            session.flush()
            return view(row)

    def held_or_waiting(self, session: Session) -> list[RunView]:
        """Runs that wait or that a worker still holds, oldest first."""
        return [view(run) for run in store.held_or_waiting(session)]

    def count_unfinished(self, session: Session) -> int:
        """How many runs wait or go on."""
        return store.count_unfinished(session)

    def decide_alone(self, session: Session) -> None:
        """Until this transaction ends nobody else decides what is queued by itself or started."""
        claims.one_at_a_time(session)

    def stillness(self, session: Session, environment_ids: list[int]) -> dict[int, Stillness]:
        """How long environments have stood still, and whether a check may look at them."""
        return stillness(session, environment_ids)

    def room_for_checks(self, session: Session) -> Room:
        """What the living workers leave room for."""
        return room_for_checks(session, self._now())

    def newest_of(self, session: Session, environment_ids: list[int]) -> dict[int, RunView]:
        """The newest run of each environment."""
        return {key: view(run) for key, run in store.newest_of(session, environment_ids).items()}

    def newest_at_all(self, session: Session, environment_ids: Collection[int]) -> dict[int, RunView]:
        """The newest run of each, whatever it does."""
        return {key: view(run) for key, run in store.newest_at_all(session, environment_ids).items()}

    def events(self, run_id: int, *, after: int = 0, limit: int = 1000) -> list[EventView]:
        """Lines of the log after a sequence number, in order."""
        with self._database.reading() as session:
            _get(session, run_id)
            return [event_view(event) for event in store.events(session, run_id, after=after, limit=limit)]

    def last_seq(self, run_id: int) -> int:
        """The sequence number of the log's last line; 0 while it has none."""
        with self._database.reading() as session:
            return store.next_seq(session, run_id) - 1

    def told(self, session: Session, run_id: int, kinds: Sequence[str]) -> list[EventView]:
        """Lines of a run's log of these kinds, in order."""
        return [event_view(event) for event in store.of_kinds(session, run_id, kinds)]

    def changes_of(self, environment_id: int) -> list[tuple[int, EventView]]:
        """What the logs of all runs of an environment tell of creations and deletions, in order, each with its run."""
        with self._database.reading() as session:
            return [(event.run_id, event_view(event)) for event in store.changes(session, environment_id)]

    def stopped_hard(self, environment_id: int) -> set[int]:
        """The runs of an environment whose engine was told to leave without waiting for its state."""
        asked = (store.Run.environment_id == environment_id, store.Run.kill_requested_at.is_not(None))
        with self._database.reading() as session:
            return set(session.scalars(select(store.Run.id).where(*asked)))

    def in_flight(self, run_id: int) -> InFlight:
        """What a stop would meet in this run."""
        with self._database.reading() as session:
            run = _get(session, run_id)
            going = run.status == RunStatus.RUNNING
            changes = flying(store.own_changes(session, run_id)) if going else []
            hard = going and run.cancel_requested_at is not None
            return InFlight(run=run_id, going=going, begun=run.begun > 0, hard=hard, changes=changes)

    def cancel(self, run_id: int, *, hard: bool = False) -> RunView:
        """Stop a run: a queued one ends at once, a running one is asked to. Refused when nothing of it goes on any more.

        `hard` asks a second time: the engine then leaves without waiting for what it is doing.
        """
        now = self._now()
        with self._database.session() as session:
            queued = update(store.Run).where(store.Run.id == run_id, store.Run.status == RunStatus.QUEUED)
            ended = {
                "status": RunStatus.ENDED,
                "end": RunEnd.CANCELLED_BEFORE_CHANGE,
                "ended_at": now,
                "settled_at": now,
            }
            session.execute(queued.values(**ended, cancel_requested_at=now))
            run = _get(session, run_id)
            if run.settled_at is None:
                run.cancel_requested_at = run.cancel_requested_at or now
                run.kill_requested_at = run.kill_requested_at or (now if hard else None)
            elif run.cancel_requested_at != now:
                raise RefusedError(
                    text("Run {run} has already ended ({end}).", run=run_id, end=run.end),
                    next=text("Nothing needs to be stopped."),
                    code="run-ended",
                )
            return view(run)

    def stop_asked(self, run_id: int) -> str:
        """Why what follows a run need not be waited for any more; empty when it is to be waited for."""
        with self._database.reading() as session:
            run = _get(session, run_id)
            if run.cancel_requested_at is not None:
                return text("somebody asked to stop")
            later = select(store.Run.id).where(
                store.Run.environment_id == run.environment_id,
                store.Run.status == RunStatus.QUEUED,
                store.Run.kind != RunKind.DRIFT_CHECK,
            )
            following = session.scalar(later.order_by(store.Run.id).limit(1))
            return text("run {run} waits", run=following) if following else ""

    def standing(self, session: Session) -> Standing:
        """The queue as it stands: what each queued run waits for, and whether any worker is alive."""
        now = self._now()
        queued, going = claims.queued(session), claims.going(session)
        hands, cap = workers.living(session, now), workers.cap_of(session, now)
        by_run = {each.run: each for each in queued}
        found = places(queued, going, hands, cap)
        return Standing(
            {each.run: PlaceView(**vars(each), words=words_of(each, by_run[each.run], cap)) for each in found},
            {each.run: each.worker for each in going},
            {each.worker for each in hands},
        )


def _get(session: Session, run_id: int) -> store.Run:
    run = session.scalars(select(store.Run).where(store.Run.id == run_id)).first()
    if run is None:
        raise NotFoundError(
            text("There is no run {run}.", run=run_id), next=text("`butai env show NAME` lists an environment's runs.")
        )
    return run


def note_params(session: Session, run_id: int, params: Mapping[str, Any]) -> None:
    """What a run found out about what it was asked for, in the transaction that records its end."""
    _get(session, run_id).params = dict(params)
