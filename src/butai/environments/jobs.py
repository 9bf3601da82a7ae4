"""What happens around the engine that makes, changes or destroys an environment; after it outputs and a look at the world."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from butai.blueprints.service import AtCommit, Blueprints
from butai.db import Database
from butai.environments import store
from butai.environments.model import Health
from butai.environments.one_offs import AFTER_CREATE, BEFORE_DEPLOY, BEFORE_DESTROY, tasks_of
from butai.environments.open_images import with_images
from butai.environments.orphans import Orphans
from butai.environments.place import remote_of, workspace_of
from butai.environments.plan import from_params, others, without_failed
from butai.environments.prepare import Preparation, lock_file_of
from butai.environments.readiness import Readiness
from butai.environments.views import output_rows, urls_of
from butai.errors import ButaiError
from butai.images.rule import is_open
from butai.leases import service as leases
from butai.runs.folder import Command, RunFolder
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.migrations import keep_known, migrated
from butai.runs.model import HALF_DONE, RunEnd, RunKind, Step
from butai.runs.remote import open_remote
from butai.runs.service import Runs, RunView
from butai.states.service import States
from butai.terraform import commands
from butai.terraform.engine import Engine
from butai.terraform.state import is_empty, summary
from butai.text import stored, text


class EnvironmentJob:
    """Create, update and destroy: the same way, with another command and another look afterwards."""

    def __init__(
        self,
        database: Database,
        blueprints: Blueprints,
        preparation: Preparation,
        states: States,
        runs: Runs,
        now: Callable[[], datetime],
    ) -> None:
        self._database, self._blueprints, self._preparation = database, blueprints, preparation
        self._states, self._runs, self._now = states, runs, now
        self._orphans = Orphans(database, runs, states)
        self._readiness = Readiness(database, states, runs)

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """The folder made ready; what no state knows is adopted, then the one command that changes the world."""
        run = self._with_images(self._rebased(run, log), log)
        change = commands.destroy if run.kind is RunKind.DESTROY else commands.apply

        def then(engine: Engine, values: Path) -> list[Command]:
            before, after = self._tasks(run, folder, engine)
            first = self._orphans.adopt_first(run, folder, engine, values)
            return [*before, *first, Command(Step.APPLY, change(engine, [values])), *after]

        return self._preparation.prepare(run, folder, log, then)

    def _rebased(self, run: RunView, log: RunLog) -> RunView:
        """The run without the versions of deploys that it was queued behind and that put nothing there."""
        row = self._row(run.environment_id)
        if not run.params.get("rests_on"):
            return run
        at = self._blueprints.at_commit(row.blueprint, run.params["commit"])
        params, failed = without_failed(at, run.params, row.services)
        for name in failed:
            log.say(
                Step.EXPORT,
                text(
                    "{service}: the deploy that this run waited for put nothing there; it keeps {image}.",
                    service=name,
                    image=row.services[name]["image"],
                ),
            )
        return self._runs.with_params(log.fenced, run, params) if params != run.params else run

    def _with_images(self, run: RunView, log: RunLog) -> RunView:
        """The run with images that its blueprint's rule leaves to be found."""
        if run.kind is RunKind.DESTROY or not any(is_open(each["image"]) for each in run.params["services"].values()):
            return run
        row = self._row(run.environment_id)
        at = self._blueprints.at_commit(row.blueprint, run.params["commit"])
        params = with_images(
            at, run.params, row.services, lambda name: self._blueprints.location_of(row.blueprint, name)
        )
        for name, each in params["services"].items():
            if each != run.params["services"][name]:
                log.say(Step.EXPORT, text("{service}: its image is {image}", service=name, image=each["image"]))
        return self._runs.with_params(log.fenced, run, params)

    def _tasks(self, run: RunView, folder: RunFolder, engine: Engine) -> tuple[list[Command], list[Command]]:
        """What runs once before the engine, and after it."""
        row, wanted = self._row(run.environment_id), from_params(run.params)
        at = self._blueprints.at_commit(row.blueprint, wanted.commit)
        if run.kind is not RunKind.DESTROY:
            keep_known(folder.path, self._blueprints.migrations(row.blueprint, at, wanted.services))
        if run.kind is RunKind.CREATE or (run.kind is RunKind.UPDATE and self._was_never_made(run)):
            return [], tasks_of(at, AFTER_CREATE, run, folder, engine)
        if run.kind is RunKind.UPDATE:
            return tasks_of(at, BEFORE_DEPLOY, run, folder, engine, others(wanted.services, row.services)), []
        if run.kind is not RunKind.DESTROY or run.params.get("skip_tasks"):
            return [], []
        return tasks_of(at, BEFORE_DESTROY, run, folder, engine), []

    def _was_never_made(self, run: RunView) -> bool:
        """Whether the run that made it did not come to its end, nor any update since: what runs after a create never has."""
        runs = self._runs.of_environment(run.environment_id)
        made = any(each.end is RunEnd.SUCCEEDED and each.kind in (RunKind.CREATE, RunKind.UPDATE) for each in runs)
        return not made and any(each.kind is RunKind.CREATE for each in runs)

    def look(self, run: RunView, log: RunLog) -> bool:
        """What this environment's runs made that no state knows: its orphans, until a run adopts or deletes them."""
        row = self._row(run.environment_id)
        self._orphans.settle(row.id, log, self._blueprints.at_commit(row.blueprint, from_params(run.params).commit))
        return True

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:
        """Write down what the environment is now, where something was changed."""
        row, wanted = session.get_one(store.Environment, run.environment_id), from_params(run.params)
        changed = end is RunEnd.SUCCEEDED or end in HALF_DONE
        row.note_migrated(migrated(folder.path, wanted.services), wanted.services if changed else ())
        if not changed:
            return
        row.ref, row.commit, row.services, row.variables = wanted.ref, wanted.commit, wanted.services, wanted.variables
        row.lock_file = lock_file_of(folder) or row.lock_file
        # What an earlier destroy left is looked for anew after this one.
        row.left_over, row.drift = [], None
        document = self._states.read_in(session, row.id)
        good = end is RunEnd.SUCCEEDED and run.kind is not RunKind.DESTROY
        row.note_health(Health.WAITING if good else Health.UNKNOWN)
        if document and run.kind is not RunKind.DESTROY:
            state = summary(document)
            row.outputs, row.urls = output_rows(state), urls_of(run.params["urls"], state)

    def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
        """After a good apply wait until it serves; after a good destroy verify that everything is gone."""
        self._orphans.settle(run.environment_id, log)
        if end is not RunEnd.SUCCEEDED:
            return
        row = self._row(run.environment_id)
        at = self._blueprints.at_commit(row.blueprint, from_params(run.params).commit)
        if run.kind is RunKind.DESTROY:
            self._verify_gone(row, at, log, looked=bool(run.params.get("looked")))
        else:
            self._readiness.wait(row.id, at, log)

    def gave_up(self, run: RunView, reason: str, log: RunLog) -> None:
        """What follows an apply could not be looked at: then nobody may think that it is still starting."""
        with log.fenced.session() as session:
            row = session.get_one(store.Environment, run.environment_id)
            if run.kind is not RunKind.DESTROY:
                row.note_health(Health.NOT_READY, reason)
            elif row.destroyed_at is None:
                row.left_over = [{"address": "", "type": reason, "id": "", "text": stored(reason)}]

    def _verify_gone(self, row: store.Environment, at: AtCommit, log: RunLog, *, looked: bool) -> None:
        """Give the leases back only when state and event log both say that nothing is left."""
        document = self._states.read(row.id) or b""
        left = self._orphans.left_over(row.id, at)
        if left and looked:
            log.say(
                Step.VERIFY,
                text("Somebody looked and found nothing of: {names}.", names=", ".join(each.address for each in left)),
            )
            left = []
        with log.fenced.session() as session:
            fresh = session.get_one(store.Environment, row.id)
            if left or not is_empty(document):
                fresh.left_over = [{"address": each.address, "type": each.type, "id": each.id} for each in left]
            else:
                fresh.left_over, fresh.orphans, fresh.urls, fresh.outputs = [], [], {}, []
                leases.give_back(session, row.id, now=self._now())
                fresh.destroyed_at = self._now()
            gone = fresh.destroyed_at is not None
        if gone:
            _drop_workspace(row.state_place, at, log, self._now())
        for each in left:
            log.say(
                Step.VERIFY,
                text(
                    "Look for {address} ({type} {id}): it may still exist.",
                    address=each.address,
                    type=each.type,
                    id=each.id or text("of unknown id"),
                ),
            )
        if not left:
            log.say(
                Step.VERIFY,
                text("Nothing is left: the state is empty, every creation has its deletion. Leases given back."),
            )

    def _row(self, environment_id: int) -> store.Environment:
        with self._database.reading() as session:
            return session.get_one(store.Environment, environment_id)


def _drop_workspace(place: Mapping[str, Any] | None, at: AtCommit, log: RunLog, now: datetime) -> None:
    """A workspace that nothing is in any more would stand in everybody's list; where it cannot go it stays, and is said."""
    name = workspace_of(place)
    if not name:
        return
    try:
        gone = open_remote(remote_of(place, at.access)).drop_empty_workspace(f"butai@{platform.node()}", now)
    except ButaiError as error:
        words = text("The empty workspace {name} stays in the bucket: {why}", name=name, why=error.what)
        log.say(Step.VERIFY, words)
        return
    if gone:
        log.say(Step.VERIFY, text("The empty workspace {name} is deleted.", name=name))
