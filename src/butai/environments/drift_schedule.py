"""Drift checks that nobody asked for: queued by whichever worker sees first that one is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from butai.blueprints.service import AtCommit, Blueprints
from butai.db import Database
from butai.environments import store
from butai.environments.drift import SCHEDULE, Looked, due
from butai.environments.service import Environments
from butai.errors import ButaiError
from butai.interval import interval
from butai.runs.service import Runs

log = structlog.get_logger()


@dataclass(frozen=True)
class DriftSchedule:
    """Looks which environments are due. `every` holds for blueprints that say nothing of their own."""

    database: Database
    environments: Environments
    blueprints: Blueprints
    runs: Runs
    every: str
    now: Callable[[], datetime]

    def submit_due(self) -> None:
        """Queue the checks that are due, none of them twice however many workers look at once."""
        with self.database.reading() as session:
            rows = self._due(session)
        # Before anything is decided, because git may have to fetch.
        known = {(row.blueprint, row.commit): self._at(row) for row in rows}
        if not any(known.values()):
            return
        with self.database.session() as session:
            self.runs.decide_alone(session)
            for row in self._due(session):
                if at := known.get((row.blueprint, row.commit)):
                    self.environments.submit_scheduled_check(session, row, at, by=SCHEDULE)
                    log.info("drift check queued", environment=row.name, blueprint=row.blueprint)

    def _at(self, row: store.Environment) -> AtCommit | None:
        try:
            return self.blueprints.at_commit(row.blueprint, row.commit)
        except ButaiError as error:
            log.warning("drift check not queued", environment=row.name, blueprint=row.blueprint, why=error.what)
            return None

    def _due(self, session: Session) -> list[store.Environment]:
        rows = {row.id: row for row in store.living(session)}
        stands = self.runs.stillness(session, list(rows))
        room = self.runs.room_for_checks(session)
        terms = {name: self.blueprints.newest_known(name) for name in {row.blueprint for row in rows.values()}}
        known = []
        for key, row in rows.items():
            blueprint, stand = terms[row.blueprint], stands.get(key)
            if blueprint and stand and room.takes(blueprint.runs.labels):
                every = interval(blueprint.drift.every or self.every)
                known.append(Looked(key, stand.since, every, still=stand.still))
        return [rows[key] for key in due(known, now=self.now(), room=room.checks)]
