"""Runs that put a state in place without an engine: an old version again, or a document that a person gave."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime

from sqlalchemy.orm import Session

from butai.aws.s3_state import S3State
from butai.environments import store
from butai.environments.left_behind import refuse_other
from butai.environments.model import Health
from butai.environments.state import refuse_import
from butai.environments.views import output_rows
from butai.errors import RefusedError
from butai.runs.claims import check
from butai.runs.folder import RunFolder, Work
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, RunKind, Step
from butai.runs.service import RunView
from butai.states.model import Head, Lock, StateDiff, as_successor, diff, parse_head
from butai.states.service import States
from butai.terraform.state import summary
from butai.text import text

NAMES_SHOWN = 20


class StateJob:
    """Rolls back and imports: one write, under the claim and the state's lock. Nothing in the world is touched."""

    def __init__(
        self, states: States, now: Callable[[], datetime], remote: Callable[[int], S3State | None] = lambda _: None
    ) -> None:
        """`remote` opens the state of an environment whose state lies in the team's bucket."""
        self._states, self._now, self._remote = states, now, remote

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """Do it, once: a version that this run has already written is not written again after a death."""
        history = self._states.history(run.environment_id)
        if not history or history[0].run_id != run.id:
            self._put(run, log)
        # No commands: no engine is needed.
        return Prepared(Work(run.id, run.environment_id, str(folder.path), []), {})

    def _put(self, run: RunView, log: RunLog) -> None:
        def guard(session: Session) -> None:
            check(session, log.fenced.claim)

        who = f"butai@{platform.node()}:{os.getpid()}"
        lock = Lock(f"run-{run.id}", who, str(run.kind), run.id, self._now())
        remote = self._remote(run.environment_id)
        also = remote.held(who, lock.operation, self._now()) if remote else nullcontext()
        with self._states.held(run.environment_id, lock, guard), also:
            before = remote.read() if remote else self._states.read(run.environment_id)
            content = self._content(run, before)
            found = diff(before, content) if before else None
            if remote:
                refuse_other(remote, content)
                with log.fenced.session():
                    remote.write(content)
            self._states.write(run.environment_id, run.id, content, lock_id=lock.lock_id, guard=guard)
        _say_difference(log, found)
        log.say(Step.APPLY, text("The next update or drift check shows what really is: nothing was changed there."))

    def _content(self, run: RunView, present: bytes | None) -> bytes:
        """What is to be the newest version, looked at again under the lock: things may have changed since it was asked for."""
        if run.kind is RunKind.ROLL_BACK:
            newest = parse_head(present) if present else None
            old = self._states.document(run.environment_id, run.params["version"])
            return as_successor(old, newest or Head(0, ""))
        content = self._states.upload(run.environment_id, run.params["upload"])
        if content is None:
            raise RefusedError(
                text("What was to be imported is not there any more."),
                why=text("A later import took its place."),
                next=text("Import it again."),
                code="upload-gone",
            )
        refuse_import(self._states, run.environment_id, content)
        return content

    def look(self, run: RunView, log: RunLog) -> bool:  # noqa: ARG002 - one shape for all jobs
        """Nothing was made anywhere."""
        return True

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:  # noqa: ARG002
        """What the outputs are now; how the environment is, nobody knows until somebody looks."""
        if run.kind is RunKind.IMPORT_STATE:
            self._states.forget_upload(session, run.params["upload"])
        document = self._states.read_in(session, run.environment_id)
        if end is not RunEnd.SUCCEEDED or document is None:
            return
        row = session.get_one(store.Environment, run.environment_id)
        row.drift = None
        row.outputs = output_rows(summary(document))
        row.note_health(
            Health.UNKNOWN,
            text("Another state was put in place by run {run}: an update shows what really is.", run=run.id),
        )

    def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
        """Nothing follows."""

    def gave_up(self, run: RunView, reason: str, log: RunLog) -> None:
        """Nothing to take note of."""


def _say_difference(log: RunLog, found: StateDiff | None) -> None:
    """What the engine knows otherwise now, in the run's log: addresses and names, no values."""
    if found is None:
        log.say(Step.APPLY, text("It is the first version of this state."))
        return
    if found.is_empty:
        log.say(Step.APPLY, text("It differs in nothing from the version before."))
        return
    for address in found.added[:NAMES_SHOWN]:
        log.say(Step.APPLY, text("Known again: {address}", address=address))
    for address in found.removed[:NAMES_SHOWN]:
        log.say(Step.APPLY, text("Not known any more: {address}", address=address))
    for each in found.changed[:NAMES_SHOWN]:
        names = ", ".join(each.attributes) or text("whether it is tainted")
        log.say(Step.APPLY, text("Known otherwise: {address} ({names})", address=each.address, names=names))
    log.say(
        Step.APPLY,
        text(
            "In all: {added} resources more, {removed} fewer, {changed} otherwise, {outputs} outputs otherwise.",
            added=len(found.added),
            removed=len(found.removed),
            changed=len(found.changed),
            outputs=len(found.outputs),
        ),
    )
