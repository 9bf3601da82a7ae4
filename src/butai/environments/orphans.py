"""What an environment's runs made and no state knows: kept as its orphans, adopted by the next run, looked for at the end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from butai.aws.complete import complete
from butai.aws.lookup import exists
from butai.aws.session import session_for
from butai.blueprints.service import AtCommit
from butai.datafolder import write_json
from butai.db import Database
from butai.environments import store
from butai.environments.adopting import Task
from butai.environments.ledger import Change, Creation, Known, compare, unresolved
from butai.runs.folder import Command, RunFolder
from butai.runs.log import RunLog
from butai.runs.model import Step
from butai.runs.service import EventView, Runs, RunView
from butai.states.service import States
from butai.terraform.engine import Engine
from butai.terraform.events import is_unanswered
from butai.terraform.state import StateResource, summary
from butai.text import text


@dataclass(frozen=True)
class Orphans:
    """Follows what was made, over all runs of an environment."""

    database: Database
    runs: Runs
    states: States

    def open_of(self, environment_id: int) -> list[Creation]:
        """Creations that no deletion, no look and no person's word accounts for. What stands in the state is among them."""
        changes = [each for run, event in self.runs.changes_of(environment_id) for each in _changes(run, event)]
        # An engine that was stopped hard saw a creation fail and may not have saved what came into being all the same.
        unsaved = self.runs.stopped_hard(environment_id)
        changes = [each for each in changes if each.kind != "failed" or each.run not in unsaved]
        with self.database.reading() as session:
            forgotten = session.get_one(store.Environment, environment_id).forgotten
        return unresolved(changes, forgotten)

    def left_over(self, environment_id: int, at: AtCommit) -> list[Creation]:
        """Open creations that a look into AWS does not account for either."""
        open_ = self.open_of(environment_id)
        if not open_:
            return []
        session = session_for(at.access)
        return [each for each in open_ if exists(session, each.type, each.id) is not False]

    def settle(self, environment_id: int, log: RunLog, at: AtCommit | None = None) -> None:
        """Compare with the state: what turned out to be in it is noted, the rest are the environment's orphans.

        `at`: look into AWS too, leave out what is not there, and see which of the tainted came up all the same.
        """
        resources = self._resources(environment_id)
        self._keep_tainted(environment_id, _tainted(resources), log, at)
        told = compare(self.open_of(environment_id), _known(resources))
        for each in told.adopted:
            log.say(
                Step.ADOPT,
                text("The state has {address} ({id}).", address=each.address, id=each.id),
                kind="adopted",
                **_witness(each),
            )
        missing = list(told.missing)
        if at is not None and any(each.id for each in missing):
            session = session_for(at.access)
            missing = [each for each in missing if exists(session, each.type, each.id) is not False]
        self._keep(environment_id, missing, log)

    def _keep(self, environment_id: int, missing: list[Creation], log: RunLog) -> None:
        with log.fenced.session() as session:
            row = session.get_one(store.Environment, environment_id)
            before, row.orphans = row.orphans, [each.as_stored() for each in missing]
        for each in missing:
            if each.as_stored() not in before:
                known_as = each.id or text("of unknown id")
                words = text(
                    "No state knows {address} ({type} {id}).", address=each.address, type=each.type, id=known_as
                )
                log.say(Step.VERIFY, words)

    def _keep_tainted(self, environment_id: int, tainted: list[Known], log: RunLog, at: AtCommit | None) -> None:
        session = session_for(at.access) if at and tainted else None
        told = {each.address: complete(session, each.type, each.id) for each in tainted if session is not None}
        with log.fenced.session() as db:
            row = db.get_one(store.Environment, environment_id)
            before = {(each["address"], each["id"]): each["complete"] for each in row.tainted}
            row.tainted = [
                {
                    "address": each.address,
                    "type": each.type,
                    "id": each.id,
                    "complete": told.get(each.address, before.get((each.address, each.id))),
                }
                for each in tainted
            ]
        for each in tainted:
            if (each.address, each.id) not in before:
                words = text("Tainted: {address}. The next apply destroys it and makes it again.", address=each.address)
                log.say(Step.VERIFY, words)

    def known(self, environment_id: int) -> list[Known]:
        """What the state has."""
        return _known(self._resources(environment_id))

    def tainted(self, environment_id: int) -> list[Known]:
        """What the state has as tainted: its making was interrupted, or failed half way."""
        return _tainted(self._resources(environment_id))

    def _resources(self, environment_id: int) -> Sequence[StateResource]:
        document = self.states.read(environment_id)
        return summary(document).resources if document else ()

    def adopt_first(self, run: RunView, folder: RunFolder, engine: Engine, values: Path) -> list[Command]:
        """The command that adopts what no state knows, before anything is changed; none where there is nothing."""
        known = self.known(run.environment_id)
        missing = list(compare(self.open_of(run.environment_id), known).missing)
        if not missing:
            return []
        task = Task(
            engine,
            values,
            missing,
            self._planned_by(run, folder, missing),
            {each.address for each in known},
            {each.id for each in known},
        )
        task.write(folder.path)
        return [Command(Step.ADOPT, [sys.executable, "-m", "butai.environments.adopting", str(folder.path)])]

    def _planned_by(self, run: RunView, folder: RunFolder, missing: Sequence[Creation]) -> dict[int, Path]:
        """The values of the runs that began what has no id: names come from them. Only from the same commit are they sure."""
        found = {}
        for number in {each.run for each in missing if not each.id and each.run}:
            began = self.runs.get(number).params
            if began["commit"] == run.params["commit"]:
                found[number] = folder.path / f"values-of-{number}.tfvars.json"
                write_json(found[number], began["values"])
        return found


def _known(resources: Sequence[StateResource]) -> list[Known]:
    return [Known(each.address, each.type, each.id) for each in resources]


def _tainted(resources: Sequence[StateResource]) -> list[Known]:
    return _known([each for each in resources if each.tainted])


def _witness(made: Creation) -> dict[str, object]:
    return {"address": made.address, "resource_type": made.type, "id_value": made.id, "begun_in": made.run}


def _changes(run: int, event: EventView) -> list[Change]:
    """The change that a line of the log tells of."""
    detail, kind, action = event.detail, event.kind, event.action
    if kind == "diagnostic":
        if not is_unanswered(detail.get("summary", ""), detail.get("detail", "")):
            return []
        kind, action = "unanswered", "create"
    return [
        Change(
            kind,
            action,
            event.address or detail.get("address", ""),
            detail.get("resource_type", ""),
            detail.get("id_value", ""),
            run,
            detail.get("begun_in", 0),
            event.at,
        )
    ]
