"""What can be done with environments. The only file of this room that others import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from butai.blueprints.service import AtCommit, Blueprints
from butai.datafolder import DataFolder
from butai.db import Database
from butai.environments import left_behind, store
from butai.environments.adopt_model import refuse_engine, refuse_ours
from butai.environments.drift import SCHEDULE
from butai.environments.engines import Engines
from butai.environments.finding import only_blueprint, refuse_taken
from butai.environments.hold import refuse_held
from butai.environments.looking import Looking
from butai.environments.model import check_name
from butai.environments.place import refuse_workspace_root, settle_place
from butai.environments.plan import Wanted, choose_services, exchanged, from_params, rests_on, values_of, with_deploys
from butai.environments.root_checks import RootCheck, RootLook
from butai.environments.views import (
    CreateRequest,
    DestroyRequest,
    DriftShape,
    EnvironmentView,
    ServiceChoice,
    ServiceShape,
    Started,
    UpdateRequest,
    view,
)
from butai.errors import RefusedError, WrongUseError
from butai.leases import service as leases
from butai.runs.migrations import Migrated, Versions
from butai.runs.model import READ_ONLY, NextAction, RunKind
from butai.runs.queue import Priority
from butai.runs.service import Runs, RunView, Terms
from butai.states.service import States
from butai.text import restored, text

__all__ = [
    "SCHEDULE",
    "CreateRequest",
    "DestroyRequest",
    "DriftShape",
    "EnvironmentView",
    "Environments",
    "RootCheck",
    "RootLook",
    "ServiceChoice",
    "ServiceShape",
    "Started",
    "UpdateRequest",
]


class Environments(Looking):
    """All environments. Every change is checked as a whole here, then queued as a run in one transaction."""

    def __init__(
        self,
        database: Database,
        data: DataFolder,
        blueprints: Blueprints,
        engines: Engines,
        runs: Runs,
        states: States,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(database, blueprints, runs, now)
        self._data, self._engines, self._states = data, engines, states

    def create(self, request: CreateRequest, *, by: str) -> Started:
        """Create an environment: name, versions, variables and engine are checked, leases taken, the run queued."""
        blueprint = self._blueprints.get(request.blueprint or only_blueprint(self._blueprints))
        ref = request.ref or blueprint.ref
        commit = (
            self._blueprints.resolve(blueprint.name, ref) if request.ref else self._blueprints.newest(blueprint.name)
        )
        at = self._blueprints.at_commit(blueprint.name, commit)
        name = check_name(request.name, longest=at.blueprint.name_max_length)
        refuse_taken(self._database, blueprint.name, name)
        services = choose_services(self._blueprints, at, request.services, {}, at.blueprint.services)
        wanted = Wanted(ref, commit, services, request.variables)
        engine = self._engines.choose(at, flag=request.engine or None)
        try:
            with self._database.session() as session:
                row = store.Environment(
                    blueprint=blueprint.name,
                    name=name,
                    owner=request.owner or by,
                    purpose=request.purpose,
                    created_at=self._now(),
                    ref=ref,
                    commit=commit,
                    services=services,
                    variables=request.variables,
                    engine_name=engine.name,
                    engine_version=engine.version,
                    lock_file=at.lock_file,
                )
                settle_place(session, row, at.blueprint)
                session.add(row)
                session.flush()
                return self.submit(session, row, RunKind.CREATE, at, wanted, by)
        except IntegrityError:
            # Somebody took the name between the check and here.
            refuse_taken(self._database, blueprint.name, name)
            raise

    def update(
        self,
        name: str,
        request: UpdateRequest,
        *,
        by: str,
        blueprint: str | None = None,
        within: Callable[[Session, RunView], None] = lambda *_: None,
    ) -> Started:
        """Change images, variables or the blueprint's commit. Without a wish for it the commit stays.

        Without any wish the present one is applied again: that is how drift is reconciled. `within` belongs to the
        transaction that queues the run: what it raises undoes it.
        """
        at, wanted, before = self._wish(name, request, blueprint)
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
            session.refresh(row, with_for_update={"key_share": True})
            if self._wanted_now(session, row) == before:
                waited = rests_on(self._runs.unfinished(session, row.id), wanted, request.services)
                started = self.submit(session, row, RunKind.UPDATE, at, wanted, by, rests_on=waited)
                within(session, started.run)
                return started
        # Somebody asked for something else meanwhile, and this run will supersede that one: it has to contain it.
        return self.update(name, request, by=by, blueprint=blueprint, within=within)

    def look_again(self, name: str, *, by: str, blueprint: str | None = None) -> Started:
        """Look at an environment that was made elsewhere, by what the blueprint says now."""
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
            refuse_ours(row.adopted, row.name)
        at = self._blueprints.at_commit(row.blueprint, self._blueprints.newest(row.blueprint))
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
            wanted = Wanted(row.ref, at.commit, row.services, row.variables)
            return self.submit(session, row, RunKind.LOOK, at, wanted, by)

    def check(
        self,
        name: str,
        *,
        by: str,
        blueprint: str | None = None,
        preview: UpdateRequest | None = None,
        kind: RunKind = RunKind.DRIFT_CHECK,
    ) -> Started:
        """Look for drift, or compare both ways of running: a plan with what there is, which changes nothing.

        With `preview` the plan is that of an update: its run says what that one would do. (Where the new commit wants a
        lease more, that one is lent already.)
        """
        at, wanted, _ = self._wish(name, preview or UpdateRequest(), blueprint)
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
            return self.submit(session, row, kind, at, wanted, by, preview=preview is not None)

    def submit_scheduled_check(self, session: Session, row: store.Environment, at: AtCommit, *, by: str) -> None:
        """Queue a look for drift inside the caller's transaction, behind everything that somebody waits for."""
        wanted = Wanted(row.ref, row.commit, row.services, row.variables)
        kind = RunKind.LOOK if row.adopted else RunKind.DRIFT_CHECK
        self.submit(session, row, kind, at, wanted, by, Priority.DRIFT_CHECK, preview=False)

    def _wish(
        self, name: str, request: UpdateRequest, blueprint: str | None, *, engine: bool = True
    ) -> tuple[AtCommit, Wanted, Wanted]:
        """What the environment shall be after this request, checked as a whole (its engine too, if it takes one), and before."""
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
            before = self._wanted_now(session, row)
        commit = before.commit
        if request.latest or request.commit:
            commit = self._blueprints.resolve(row.blueprint, request.commit or before.ref, fetch=True)
        at = self._blueprints.at_commit(row.blueprint, commit)
        there = before.services if row.adopted else at.blueprint.services
        services = choose_services(self._blueprints, at, request.services, before.services, there)
        if engine:
            self._keep_engine(at, row)
        return at, Wanted(before.ref, commit, services, {**before.variables, **request.variables}), before

    def destroy(self, name: str, request: DestroyRequest, *, by: str, blueprint: str | None = None) -> Started:
        """Destroy an environment. Wants its name typed: this cannot come back."""
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
            if request.confirm != row.name:
                raise WrongUseError(
                    text("Destroying `{name}` cannot come back: its name has to be typed.", name=row.name),
                    next=text("Say `--confirm {name}`.", name=row.name),
                    where="confirm",
                    code="confirm-name",
                )
            wanted = self._wanted_now(session, row)
        at = self._blueprints.at_commit(row.blueprint, wanted.commit)
        self._keep_engine(at, row)
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
            return self.submit(session, row, RunKind.DESTROY, at, wanted, by, looked=request.looked,
                               skip_tasks=request.skip_tasks)  # fmt: skip

    def next(self, name: str, *, by: str, blueprint: str | None = None) -> Started:
        """Do the one next action that the last run's end proposes: run again, or check what is left and go on."""
        shown = self.get(name, blueprint=blueprint)
        action, last = shown.state.next_action, shown.last_run
        if action is NextAction.NONE:
            word = restored(shown.state.word.lower(), {"id": shown.state.word, "values": {}})
            raise RefusedError(
                text("`{name}` has no next action: it is {word}.", name=name, word=word),
                code="no-next-action",
            )
        if action is NextAction.CHECK_AND_GO_ON:
            left_behind.check(self._states, self._runs, last, self._data.run(last.id), self.remote(shown))
        kind = RunKind.DESTROY if action is NextAction.DESTROY_AGAIN else last.kind
        since = [each for each in self.runs_of(shown.id) if each.id > last.id]
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
        wanted = with_deploys(from_params(last.params), since, row.services)
        at = self._blueprints.at_commit(shown.blueprint, wanted.commit)
        self._keep_engine(at, row)
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
            return self.submit(session, row, kind, at, wanted, by)

    def mend(
        self,
        name: str,
        kind: RunKind,
        *,
        by: str,
        blueprint: str | None = None,
        within: Callable[[Session, int], dict[str, Any]] | None = None,
        **more: Any,
    ) -> Started:
        """Queue a run that mends something in an environment, on the commit and with the values that it will have then.

        `more` are its own parameters; `within` gives those that are found in the transaction that queues it.
        """
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
            wanted = self._wanted_now(session, row)
        at = self._blueprints.at_commit(row.blueprint, wanted.commit)
        self._keep_engine(at, row)
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
            found = within(session, row.id) if within else {}
            return self.submit(session, row, kind, at, wanted, by, **more, **found)

    def deploy(
        self,
        name: str,
        choices: Mapping[str, ServiceChoice],
        *,
        by: str,
        blueprint: str | None = None,
        again: Mapping[str, dict[str, str]] = MappingProxyType({}),
        **more: Any,
    ) -> Started:
        """Queue a deploy: these services alone get another version, past the engine. `again`: versions from before."""
        at, wanted, before = self._wish(name, UpdateRequest(services=dict(choices)), blueprint, engine=False)
        older = {service: {**wanted.services[service], **each} for service, each in again.items()}
        wanted = replace(wanted, services={**wanted.services, **older})
        told = {"services": exchanged(at, wanted, [*choices, *again], before), **more}
        with self._database.session() as session:
            row = self._row(session, name, blueprint)
            session.refresh(row, with_for_update={"key_share": True})
            if self._wanted_now(session, row) == before:
                return self.submit(session, row, RunKind.DEPLOY, at, wanted, by, deploy=told)
        # Somebody asked for something else meanwhile: what comes after this has to contain it.
        return self.deploy(name, choices, by=by, blueprint=blueprint, again=again, **more)

    def note_deployed(self, session: Session, environment_id: int, placed: Versions, tried: Migrated) -> None:
        """The `placed` versions are what is wanted from now on, in the transaction that records how their deploy ended."""
        row = session.get_one(store.Environment, environment_id)
        row.note_deployed(placed, tried)

    def refuse_at_work(self, session: Session, row: store.Environment, by: str) -> None:
        """Refuse while somebody holds it, or a run of it goes on."""
        refuse_held(row.hold, row.name, by, self._now())
        going = self._runs.unfinished(session, row.id)
        if going:
            raise RefusedError(
                text("Run {run} of `{name}` is not over.", run=going[0].id, name=row.name),
                next=text("Wait for it, or stop it: `butai env cancel {name}`.", name=row.name),
                code="busy",
            )

    def submit(
        self,
        session: Session,
        row: store.Environment,
        kind: RunKind,
        at: AtCommit,
        wanted: Wanted,
        by: str,
        priority: Priority = Priority.PERSON,
        **more: Any,
    ) -> Started:
        """Queue a run in the caller's transaction, for which everything was checked but what only that can see."""
        refuse_engine(row.adopted, row.name, kind)
        if kind not in READ_ONLY and kind is not RunKind.CREATE:
            session.refresh(row, ["hold"], with_for_update={"key_share": True})
            refuse_held(row.hold, row.name, by, self._now())
        lent, values = dict[str, str](), dict[str, Any]()
        if row.adopted is None:
            refuse_workspace_root(row.state_place, at)
            lent = leases.take_all(session, row.blueprint, row.id, row.name, at.blueprint.pools(), now=self._now())
            values = values_of(at, row.name, wanted, lent)
        terms = Terms(row.blueprint, priority, labels=at.blueprint.runs.labels, at_once=at.blueprint.runs.at_once)
        params = {**wanted.as_params(values, at.blueprint.urls), **more}
        run = self._runs.submit(session, row.id, kind, params, by, terms)
        if kind in READ_ONLY:
            return Started(environment=self._view(session, row), run=run)
        return Started(environment=view(row, run, lent, now=self._now()), run=run)

    def _keep_engine(self, at: AtCommit, row: store.Environment) -> None:
        """Whether its engine is here; what was made elsewhere needs none."""
        if row.adopted is None:
            self._engines.keep(at, row.engine_name, row.engine_version)

    def _wanted_now(self, session: Session, row: store.Environment) -> Wanted:
        """What the environment will be when everything that is queued is done: the base of the next change."""
        for run in reversed(self._runs.unfinished(session, row.id)):
            if run.kind not in READ_ONLY:
                return from_params(run.params)
        newest = self._runs.newest_of(session, [row.id])[row.id]
        if newest.not_followed_up:
            # Nobody took note of its end; what was deployed since stays.
            since = self._runs.later_than(session, row.id, newest.id)
            return with_deploys(from_params(newest.params), since, row.services)
        return Wanted(row.ref, row.commit, row.services, row.variables)
