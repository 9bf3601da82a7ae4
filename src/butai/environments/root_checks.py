"""Drift of roots that are no environments: what has changed in the world since their state was written.

A run is of a row among the environments, because that is what workers take runs by. The row of a root says so (`root`), and is
in no list of environments.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from butai.aws.session import Access
from butai.environments import store
from butai.environments.drift import Looked, due
from butai.environments.views import DriftShape
from butai.runs.model import RunKind
from butai.runs.queue import Priority
from butai.runs.service import Runs, RunView, Terms


@dataclass(frozen=True)
class RootCheck:
    """What a check looks at. `repository`: its location; `folder`: the root's (`.` for the top); `place`: where its state lies.

    `accesses`: as whom the state is read, the first that may; the engine then goes as that one. None: as the worker is.
    `workspace`: whose state it is, empty for `default`. `var_files`: paths from the folder. `secrets`: references by variable.
    """

    repository: str
    commit: str
    folder: str
    place: str
    accesses: tuple[Access, ...] = ()
    workspace: str = ""
    var_files: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)

    def as_params(self) -> dict[str, Any]:
        """As a run's parameters have it. No secret is in it."""
        return {"root": asdict(self)}


def check_of(params: Mapping[str, Any]) -> RootCheck | None:
    """What a run was asked to look at; none for the runs of environments."""
    if "root" not in params:
        return None
    raw = dict(params["root"])
    accesses = tuple(Access(**each) for each in raw.pop("accesses"))
    return RootCheck(**{**raw, "accesses": accesses, "var_files": tuple(raw["var_files"])})


@dataclass(frozen=True)
class RootLook:
    """How drift of a root stands: its newest check, and what the newest that came to its end found.

    `looked`: while it goes on, how many things it has begun to look at.
    """

    run: RunView
    looked: int
    drift: DriftShape | None


class RootChecks:
    """Checks of roots, each known by the number of its row."""

    def __init__(self, runs: Runs, now: Callable[[], datetime]) -> None:
        self._runs, self._now = runs, now

    def known(self, session: Session, name: str, by: str) -> int:
        """A new root; its number. `name`: `REPOSITORY/FOLDER`, for people."""
        nothing = dict.fromkeys(("ref", "commit", "engine_name", "engine_version", "blueprint"), "")
        row = store.Environment(
            name=secrets.token_hex(8),
            root=name,
            owner=by,
            created_at=self._now(),
            services={},
            variables={},
            **nothing,
        )
        session.add(row)
        session.flush()
        return row.id

    def check(
        self,
        session: Session,
        number: int,
        wanted: RootCheck,
        *,
        by: str,
        labels: Mapping[str, str],
        scheduled: bool = False,
    ) -> RunView:
        """Queue a check in the caller's transaction, or give the one that has not ended. `labels`: what its worker must carry.

        `scheduled`: nobody waits for it.
        """
        # Of two who ask at once the second waits here, and finds the first one's.
        session.get_one(store.Environment, number, with_for_update=True)
        going = self._runs.unfinished(session, number)
        if going:
            return going[0]
        terms = Terms(labels=labels, priority=Priority.DRIFT_CHECK if scheduled else Priority.PERSON)
        return self._runs.submit(session, number, RunKind.DRIFT_CHECK, wanted.as_params(), by, terms)

    def due(self, session: Session, labels: Mapping[int, Mapping[str, str]], every: timedelta | None) -> Sequence[int]:
        """Those of these roots that are to be checked again now, as many as workers have room for. `labels`: of each."""
        newest, room = self._runs.newest_at_all(session, labels), self._runs.room_for_checks(session)
        looked = [
            Looked(number, run.settled_at or run.requested_at, every, still=run.settled_at is not None)
            for number, run in newest.items()
            if room.takes(labels[number])
        ]
        return due(looked, now=self._now(), room=room.checks)

    def looks(self, session: Session, numbers: Collection[int]) -> dict[int, RootLook]:
        """How drift of these stands, by number; those that were never checked are not in it."""
        newest = self._runs.newest_at_all(session, numbers)
        return {key: self._look(session, session.get_one(store.Environment, key), run) for key, run in newest.items()}

    def _look(self, session: Session, row: store.Environment, run: RunView) -> RootLook:
        told = self._runs.told(session, run.id, ["refresh"]) if run.end is None else []
        looked = len({each.address for each in told} - {""})
        return RootLook(run, looked, DriftShape(**row.drift) if row.drift else None)
