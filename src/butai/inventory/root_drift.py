"""Drift of roots of which somebody told where their state lies: what has changed in the world since it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from butai.blueprints.service import Blueprints
from butai.db import Database
from butai.environments.service import SCHEDULE, Environments, RootCheck
from butai.errors import ButaiError, RefusedError
from butai.interval import interval
from butai.inventory import coverage_store as store
from butai.inventory.backends import root_of, workspace_at
from butai.inventory.service import Inventory
from butai.inventory.told import Told, unknown
from butai.inventory.told_states import ToldState, ToldStates
from butai.runs.service import Runs, RunView
from butai.text import text

log = structlog.get_logger()


@dataclass(frozen=True)
class RootDrift:
    """Checks, each a run of its own on the newest commit, with a copy of the state: nothing is written or locked anywhere."""

    database: Database
    inventory: Inventory
    blueprints: Blueprints
    environments: Environments
    runs: Runs
    told: Told
    states: ToldStates
    every: str

    def check_due(self, _max_age_s: float = 0) -> None:
        """Queue the checks that are due: of states whose drift somebody has looked for once, so that it is known how."""
        known = {
            each.environment_id: (repository.name, each.place)
            for repository in self.inventory.list()
            for each in self.states.kept(repository.name)
            if each.environment_id
        }
        labels = {number: self._labels(name) for number, (name, _) in known.items()}
        with self.database.reading() as session:
            found = self.environments.roots.due(session, labels, interval(self.every))
        for name, place in (known[number] for number in found):
            try:
                self.check(name, place, by=SCHEDULE, scheduled=True)
                log.info("drift check queued", repository=name, state=place)
            except ButaiError as error:
                log.warning("drift check not queued", repository=name, state=place, why=error.what)

    def check(self, name: str, place: str, *, by: str, scheduled: bool = False) -> RunView:
        """Queue a check, unless one has not ended: then that one. Refused where nobody knows whose state it is."""
        known = self._one(name, place)
        wanted = self._wanted(name, known)
        with self.database.session() as session:
            row = store.state_at(session, name, place)
            if row is None:
                raise unknown(place)
            session.refresh(row, with_for_update=True)
            if row.environment_id is None:
                row.environment_id = self.environments.roots.known(session, f"{name}/{wanted.folder}", by)
            labels = self._labels(name)
            return self.environments.roots.check(
                session, row.environment_id, wanted, by=by, labels=labels, scheduled=scheduled
            )

    def stop(self, name: str, place: str) -> RunView:
        """Stop the check that goes on. Refused where none does."""
        number = self._one(name, place).environment_id
        look = self.environments.root_looks([number]).get(number) if number is not None else None
        if look is None:
            raise RefusedError(text("Nobody looks for drift there."), code="no-check")
        return self.runs.cancel(look.run.id)

    def _one(self, name: str, place: str) -> ToldState:
        self.inventory.mirror(name)
        found = [each for each in self.states.kept(name) if each.place == place]
        if not found:
            raise unknown(place)
        return found[0]

    def _wanted(self, name: str, known: ToldState) -> RootCheck:
        read = self.inventory.read(name)
        root = known.root or root_of(read.graph, known.place, known.instances) or ""
        if root not in read.graph.modules:
            raise RefusedError(
                text("It is not known whose state this is."),
                next=text("Say it: `butai inventory states {name} --add {place} --root FOLDER`.", name=name,
                          place=known.place),
                code="whose-state",
            )  # fmt: skip
        return RootCheck(
            repository=self.inventory.mirror(name).location,
            commit=read.commit,
            folder=root,
            place=known.place,
            accesses=tuple(known.accesses(self.told.accesses(name))),
            workspace=workspace_at(read.graph, root, known.place),
            var_files=known.var_files,
            secrets=known.secrets,
        )

    def _labels(self, name: str) -> Mapping[str, str]:
        """Where the repository's blueprints are carried out, there is what its roots need as well."""
        blueprints = (self.blueprints.newest_known(each) for each in self.inventory.blueprints_of(name))
        return next((each.runs.labels for each in blueprints if each), {})
