"""Looking at environments: what every part of their service does before it changes anything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.orm import Session

from butai.aws.s3_state import S3State
from butai.blueprints.service import Blueprints
from butai.db import Database
from butai.environments import store
from butai.environments.drift_job import found_by
from butai.environments.finding import find, find_of_time
from butai.environments.place import remote_of
from butai.environments.plan import from_params
from butai.environments.root_checks import RootChecks, RootLook
from butai.environments.views import DifferenceShape, EnvironmentView, as_compared, view
from butai.errors import NotFoundError
from butai.leases import service as leases
from butai.runs.remote import open_remote
from butai.runs.service import Runs, RunView, Standing
from butai.text import text


class Looking:
    """Environments as they are."""

    def __init__(self, database: Database, blueprints: Blueprints, runs: Runs, now: Callable[[], datetime]) -> None:
        self._database, self._blueprints, self._runs, self._now = database, blueprints, runs, now
        self.roots = RootChecks(runs, now)

    def list(self) -> list[EnvironmentView]:
        """Every environment that is not gone."""
        with self._database.reading() as session:
            runs = self._runs.newest_of(session, [row.id for row in store.living(session)])
            # Again, after the runs: a run's end and what it changed here are one commit, and no row may be older than its run.
            session.expire_all()
            rows = [row for row in store.living(session) if row.id in runs]
            standing = self._standing(session, *runs.values())
            found = [
                view(row, runs[row.id], leases.of(session, row.id), now=self._now(), standing=standing) for row in rows
            ]
        return [self._compared(each) for each in found]

    def count(self) -> int:
        """How many environments are not gone."""
        with self._database.reading() as session:
            return store.count_living(session)

    def get(self, name: str, *, blueprint: str | None = None) -> EnvironmentView:
        """One living environment by name, or by `BLUEPRINT/NAME`."""
        with self._database.reading() as session:
            found = self._view(session, self._row(session, name, blueprint))
        return self._compared(found)

    def newest(self, name: str, blueprint: str) -> EnvironmentView:
        """The newest environment of that name, also when it is gone: its page stays readable."""
        with self._database.reading() as session:
            row = store.newest_named(session, name, blueprint) or self._row(session, name, blueprint)
            found = self._view(session, row)
        return self._compared(found)

    def of_time(self, name: str, at: datetime, *, blueprint: str | None = None) -> EnvironmentView:
        """The environment that had the name at a time, also when it is gone now."""
        with self._database.reading() as session:
            found = self._view(session, find_of_time(session, name, blueprint, at))
        return self._compared(found)

    def by_id(self, environment_id: int) -> EnvironmentView:
        """One environment, gone ones too."""
        with self._database.reading() as session:
            row = session.get(store.Environment, environment_id)
            if row is None or row.root:
                raise NotFoundError(
                    text("There is no environment with the number {environment_id}.", environment_id=environment_id)
                )
            found = self._view(session, row)
        return self._compared(found)

    def runs_of(self, environment_id: int) -> Sequence[RunView]:
        """An environment's runs, newest first."""
        return self._runs.of_environment(environment_id)

    def names(self, session: Session, environment_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
        """Blueprint and name of each environment, gone ones too."""
        return store.names(session, environment_ids)

    def name_of(self, environment_id: int) -> str:
        """Its name, or the root that runs with this number look at."""
        with self._database.reading() as session:
            return store.names(session, [environment_id])[environment_id][1]

    def differences_of(self, run_id: int) -> Sequence[DifferenceShape]:
        """What the plan of a run found."""
        run = self._runs.get(run_id)
        with self._database.reading() as session:
            return [DifferenceShape(**asdict(each)) for each in found_by(self._runs, session, run)]

    def root_looks(self, numbers: Collection[int]) -> Mapping[int, RootLook]:
        """How drift of roots stands that are no environments, by their numbers."""
        with self._database.reading() as session:
            return self.roots.looks(session, numbers)

    def place_of(self, shown: EnvironmentView) -> str:
        """The address of its state in the team's own bucket; empty where it lies in Butai's own database."""
        with self._database.reading() as session:
            return session.get_one(store.Environment, shown.id).state_address

    def remote(self, shown: EnvironmentView) -> S3State | None:
        """The environment's state in the team's own bucket; none where it lies in Butai's own database."""
        with self._database.reading() as session:
            place = session.get_one(store.Environment, shown.id).state_place
        at = self._blueprints.at_commit(shown.blueprint, from_params(shown.last_run.params).commit) if place else None
        return open_remote(remote_of(place, at.access)) if at else None

    def using(self, blueprint: str) -> Sequence[str]:
        """Names of the living environments of a blueprint."""
        with self._database.reading() as session:
            return store.any_of_blueprint(session, blueprint)

    def _compared(self, shown: EnvironmentView) -> EnvironmentView:
        """The same with how far it is behind its branch. Outside of any transaction: git may have to be asked."""
        if shown.destroyed_at or shown.adopted:
            # Which commit of the root was applied elsewhere nobody knows.
            return shown
        behind, fetched = self._blueprints.compared(shown.blueprint, shown.ref, shown.commit)
        return shown.model_copy(update=as_compared(behind, fetched))

    def _view(self, session: Session, row: store.Environment) -> EnvironmentView:
        run = self._runs.newest_of(session, [row.id])[row.id]
        # Not older than its run: PostgreSQL shows each statement what was committed before it.
        session.refresh(row)
        standing = self._standing(session, run)
        return view(row, run, leases.of(session, row.id), now=self._now(), standing=standing)

    def _standing(self, session: Session, *runs: RunView) -> Standing | None:
        """The queue, asked for only where one of these runs has not ended."""
        return self._runs.standing(session) if any(run.end is None for run in runs) else None

    def _row(self, session: Session, name: str, blueprint: str | None) -> store.Environment:
        return find(session, name, blueprint)
