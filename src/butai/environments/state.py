"""What can be done with an environment's state: look, compare, export, import, roll back, release what was left locked."""

from __future__ import annotations

from pathlib import Path

import structlog

from butai.environments.adopt_model import refuse_engine
from butai.environments.left_behind import kept_in
from butai.environments.service import Environments, EnvironmentView, Started
from butai.environments.state_views import (
    DifferenceShape,
    ImportRequest,
    KeptShape,
    LockShape,
    ReleaseRequest,
    RollBackRequest,
    StateReport,
    VersionShape,
    shape_of,
)
from butai.errors import ButaiError, NotFoundError, RefusedError, WrongUseError
from butai.runs.model import RunKind
from butai.runs.service import Runs, RunView
from butai.states.model import Holder, diff, holder_of, parse_head, why_not_import
from butai.states.service import States, Version
from butai.terraform.state import summary
from butai.text import text

VERSIONS_SHOWN = 100

log = structlog.get_logger()


class EnvironmentStates:
    """The states of all environments, by the environment's name."""

    def __init__(self, environments: Environments, runs: Runs, states: States) -> None:
        self._environments, self._runs, self._states = environments, runs, states

    def report(self, name: str, *, blueprint: str | None = None, limit: int = VERSIONS_SHOWN) -> StateReport:
        """Versions, who works on the environment, and what an engine has locked."""
        return self.report_of(self._environments.get(name, blueprint=blueprint), limit=limit)

    def report_of(self, shown: EnvironmentView, *, limit: int = VERSIONS_SHOWN) -> StateReport:
        """The same of an environment that is at hand, also when it is gone."""
        versions = self._states.history(shown.id)
        newest = versions[:limit]
        runs = self._runs.some(each.run_id for each in newest)
        lock, problem = self._lock_or_problem(shown)
        return StateReport(
            environment=shown.name,
            works=self._runs.works_on(shown.id),
            place=self._environments.place_of(shown),
            lock=lock,
            lock_problem=problem,
            kept=self._kept(shown.last_run),
            total=len(versions),
            versions=[_version(each, runs[each.run_id]) for each in newest],
        )

    def diff(
        self, name: str, before: int | None, after: int | None, *, blueprint: str | None = None
    ) -> DifferenceShape:
        """What a version has otherwise than an earlier one. Not said: the newest, and the one before `after`."""
        shown = self._environments.get(name, blueprint=blueprint)
        return self.diff_of(shown, before, after)

    def diff_of(self, shown: EnvironmentView, before: int | None, after: int | None) -> DifferenceShape:
        """The same of an environment that is at hand."""
        after = after or self._states.versions(shown.id)
        before = before or max(after - 1, 1)
        found = diff(self._states.document(shown.id, before), self._states.document(shown.id, after))
        return shape_of(found, before, after)

    def export(self, name: str, version: int | None, *, by: str, blueprint: str | None = None) -> bytes:
        """The document of a version, secrets and all: whoever asks for it takes care of it."""
        shown = self._environments.get(name, blueprint=blueprint)
        number = version or self._states.versions(shown.id)
        content = self._states.document(shown.id, number)
        log.info("state exported", environment=shown.name, version=number, by=by)
        return content

    def roll_back(self, name: str, request: RollBackRequest, *, by: str, blueprint: str | None = None) -> Started:
        """Queue a run that makes an old version's content the newest version."""
        shown = self._environments.get(name, blueprint=blueprint)
        refuse_engine(shown.adopted, shown.name, RunKind.ROLL_BACK)
        _refuse_untyped(
            request.confirm,
            shown.name,
            text("Rolling back replaces what the engine knows of `{name}`: its name has to be typed.", name=shown.name),
        )
        self._states.document(shown.id, request.version)
        return self._environments.mend(name, RunKind.ROLL_BACK, by=by, blueprint=blueprint, version=request.version)

    def import_(self, name: str, request: ImportRequest, *, by: str, blueprint: str | None = None) -> Started:
        """Queue a run that makes a document the newest version. What is wrong with it is said at once."""
        shown = self._environments.get(name, blueprint=blueprint)
        refuse_engine(shown.adopted, shown.name, RunKind.IMPORT_STATE)
        _refuse_untyped(
            request.confirm,
            shown.name,
            text("Importing replaces what the engine knows of `{name}`: its name has to be typed.", name=shown.name),
        )
        content = request.document.encode()
        refuse_import(self._states, shown.id, content)
        return self._environments.mend(
            name,
            RunKind.IMPORT_STATE,
            by=by,
            blueprint=blueprint,
            within=lambda session, key: {"upload": self._states.keep_upload(session, key, content)},
        )

    def release(self, name: str, request: ReleaseRequest, *, by: str, blueprint: str | None = None) -> StateReport:
        """Release a lock whose holder is seen dead, or of which a person says so by typing the name."""
        shown = self._environments.get(name, blueprint=blueprint)
        refuse_engine(shown.adopted, shown.name, RunKind.UNTAINT)
        lock = self._lock(shown)
        if lock is None:
            raise NotFoundError(text("The state of `{name}` is not locked.", name=shown.name), code="not-locked")
        if lock.holder is Holder.LIVES:
            raise RefusedError(
                text("Whoever locked the state still works on it: run {run}.", run=lock.run),
                why=text("Two engines on one state would destroy each other's work."),
                next=text("Wait for run {run}, or stop it.", run=lock.run),
                code="lock-in-use",
            )
        if lock.holder is Holder.UNSEEN:
            _refuse_untyped(
                request.confirm,
                shown.name,
                text(
                    "Nobody can see from here whether an engine still works on `{name}`: its name has to be typed.",
                    name=shown.name,
                ),
            )
        self._release(shown, lock)
        log.warning("state lock released", environment=shown.name, lock=lock.id, run=lock.run, seen=lock.holder, by=by)
        return self.report_of(shown)

    def _lock_or_problem(self, shown: EnvironmentView) -> tuple[LockShape | None, str]:
        """The lock, or why it cannot be looked for: a bucket that is out of reach hides nothing else."""
        try:
            return self._lock(shown), ""
        except ButaiError as error:
            return None, error.what

    def _lock(self, shown: EnvironmentView) -> LockShape | None:
        held = self._states.lock_of(shown.id)
        if held is None:
            return self._lock_in_bucket(shown)
        sight = self._runs.sight_of(held.run_id)
        return LockShape(
            id=held.lock_id,
            who=held.who,
            operation=held.operation,
            since=held.taken_at,
            run=held.run_id,
            holder=holder_of(going=sight.going, here=sight.here, alive=sight.alive),
            host=sight.host,
            in_bucket=False,
        )

    def _lock_in_bucket(self, shown: EnvironmentView) -> LockShape | None:
        """Whoever may use the bucket may have locked it by hand: only for a run that goes on it is known who lives."""
        remote = self._environments.remote(shown)
        held = remote.lock() if remote else None
        if held is None:
            return None
        works = self._runs.works_on(shown.id)
        return LockShape(
            id=held.id,
            who=held.who,
            operation=held.operation,
            since=held.created,
            run=works.run if works else None,
            holder=holder_of(going=works is not None and not works.lost, here=False, alive=False),
            host=held.who.rpartition("@")[2],
            in_bucket=True,
        )

    def _release(self, shown: EnvironmentView, lock: LockShape) -> None:
        remote = self._environments.remote(shown) if lock.in_bucket else None
        if remote:
            remote.release(lock.id)
        else:
            self._states.unlock(shown.id, lock.id)

    def _kept(self, run: RunView) -> KeptShape | None:
        file = kept_in(run)
        if not file:
            return None
        sight = self._runs.sight_of(run.id)
        if sight.here and not Path(file).exists():
            return None
        return KeptShape(run=run.id, file=file, host=sight.host, here=sight.here)


def refuse_import(states: States, environment_id: int, content: bytes) -> None:
    """Raise where a document may not become the newest version: by its shape, its lineage, its serial."""
    summary(content)
    new, newest = parse_head(content), states.newest_head(environment_id)
    reason = why_not_import(new, newest)
    if not reason and new is not None and (others := states.others_with(environment_id, new.lineage)):
        reason = text(
            "The environment with the number {other} has a state of the same lineage: both would change the same things.",
            other=others[0],
        )
    if reason:
        raise WrongUseError(text("This state is refused."), why=reason, where="document", code="state-refused")


def _version(version: Version, run: RunView) -> VersionShape:
    return VersionShape(
        number=version.number,
        serial=version.serial,
        lineage=version.lineage,
        saved_at=version.saved_at,
        by=run.requested_by,
        run=run.id,
        run_kind=run.kind,
        size=version.size,
        resources=version.resources,
    )


def _refuse_untyped(confirm: str, name: str, what: str) -> None:
    if confirm != name:
        raise WrongUseError(
            what,
            next=text("Say `--confirm {name}`.", name=name),
            where="confirm",
            code="confirm-name",
        )
