"""How environments stand between their runs, for what is done on a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from butai.runs import store, workers
from butai.runs.model import HALF_DONE, RunEnd, RunKind
from butai.runs.queue import Hand, Priority, carries
from butai.runs.store import Run


@dataclass(frozen=True)
class Stillness:
    """`since`: when its last run was over. `still`: there is something to look at, and no run of it is unfinished."""

    since: datetime
    still: bool


@dataclass(frozen=True)
class Room:
    """What the living workers leave room for. `checks`: how many more drift checks, one for each of them in all."""

    hands: Sequence[Hand]
    checks: int

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether any of them may take a run that asks for these labels."""
        return any(carries(hand.labels, labels) for hand in self.hands)


def stillness(session: Session, environment_ids: list[int]) -> dict[int, Stillness]:
    """How each environment stands. A check that made way for somebody's run counts as a look: that run is newer."""
    last = select(Run.environment_id, func.max(Run.settled_at)).where(Run.environment_id.in_(environment_ids))
    since = {key: at for key, at in session.execute(last.group_by(Run.environment_id)) if at is not None}
    busy = set(session.scalars(select(Run.environment_id).where(Run.settled_at.is_(None))))
    newest = store.newest_of(session, list(since))
    return {key: Stillness(at, key not in busy and _stands(newest[key])) for key, at in since.items() if key in newest}


def _stands(run: Run) -> bool:
    """Whether its newest run left something that can drift."""
    if run.kind == RunKind.CREATE:
        return run.end == RunEnd.SUCCEEDED or run.end in HALF_DONE
    return run.kind != RunKind.DESTROY


def room_for_checks(session: Session, now: datetime) -> Room:
    """The living workers, and how many scheduled drift checks may be queued now."""
    hands = workers.living(session, now)
    under_way = select(func.count()).where(
        Run.kind == RunKind.DRIFT_CHECK, Run.priority == Priority.DRIFT_CHECK, Run.settled_at.is_(None)
    )
    return Room(hands, max(0, len(hands) - (session.scalar(under_way) or 0)))
