"""The runs that mend: untaint, adopt, delete an orphan. Each is one command on the environment's own commit and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from butai.aws.complete import complete
from butai.aws.lookup import exists
from butai.aws.named import import_id
from butai.aws.session import Access, session_for
from butai.blueprints.service import Blueprints
from butai.environments import store
from butai.environments.orphans import Orphans
from butai.environments.plan import from_params
from butai.environments.prepare import Preparation
from butai.errors import RefusedError
from butai.runs.folder import Command, RunFolder
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, RunKind, Step
from butai.runs.service import RunView
from butai.terraform import commands
from butai.terraform.engine import Engine
from butai.text import text


@dataclass(frozen=True)
class MendJob:
    """One of the three kinds; which one the run says."""

    blueprints: Blueprints
    preparation: Preparation
    orphans: Orphans

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """The folder made ready, and the commands that mend."""
        mends = run.params["mends"]
        if run.kind is RunKind.UNTAINT:
            self._check_complete(run, mends["address"])
            return self.preparation.prepare(
                run, folder, log, lambda engine, _: [Command(Step.APPLY, commands.untaint(engine, mends["address"]))]
            )
        wanted = self._import_id(run)

        def then(engine: Engine, values: Path) -> list[Command]:
            taking = commands.import_(engine, [values], mends["address"], wanted)
            if run.kind is RunKind.ADOPT:
                return [Command(Step.APPLY, taking)]
            return [Command(Step.ADOPT, taking), Command(Step.APPLY, commands.destroy(engine, [values]))]

        # To delete it on a state of this run alone: nothing but the orphan is in it, so nothing else can be destroyed.
        prepared = self.preparation.prepare(run, folder, log, then, apart=run.kind is RunKind.DELETE_ORPHAN)
        if run.kind is RunKind.DELETE_ORPHAN:
            # Which one is deleted is noted first: the state may have another thing under the same address.
            words = text("To be deleted: {address} ({id}).", address=mends["address"], id=mends["id"])
            log.say(Step.EXPORT, words, kind="found", **_witness(mends))
        return prepared

    def look(self, run: RunView, log: RunLog) -> bool:
        """Not done: what no state knows is as it was, or not any more."""
        self.orphans.settle(run.environment_id, log)
        return True

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:  # noqa: ARG002
        """How the environment is says its last create, update or destroy; what a check found before is not so any more."""
        session.get_one(store.Environment, run.environment_id).drift = None

    def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
        """Note what became of it."""
        if end is RunEnd.SUCCEEDED and run.kind is not RunKind.UNTAINT:
            mends, kind = run.params["mends"], "adopted" if run.kind is RunKind.ADOPT else "gone"
            words = text("Adopted {address} ({id}).", address=mends["address"], id=mends["id"])
            if kind == "gone":
                words = text("{address} ({id}) is gone.", address=mends["address"], id=mends["id"])
            log.say(Step.ADOPT, words, kind=kind, **_witness(mends))
        self.orphans.settle(run.environment_id, log)

    def gave_up(self, run: RunView, reason: str, log: RunLog) -> None:
        """Nothing waits for it."""

    def _import_id(self, run: RunView) -> str:
        mends, access = run.params["mends"], self._access(run)
        return import_id(session_for(access), mends["type"], mends["id"])

    def _check_complete(self, run: RunView, address: str) -> None:
        """Refuse to keep what AWS says is not complete; where it cannot be told, the person's word counts."""
        known = next((each for each in self.orphans.tainted(run.environment_id) if each.address == address), None)
        if known is None:
            raise RefusedError(
                text("`{address}` is not tainted any more.", address=address), code="not-tainted", where="address"
            )
        session = session_for(self._access(run))
        if exists(session, known.type, known.id) is False or complete(session, known.type, known.id) is False:
            raise RefusedError(
                text("`{address}` is not complete.", address=address),
                why=text("AWS does not have it, or is still making it."),
                next=text("Wait and try again, or let the next update make it again."),
                code="not-complete",
            )

    def _access(self, run: RunView) -> Access:
        with self.preparation.database.reading() as session:
            blueprint = session.get_one(store.Environment, run.environment_id).blueprint
        return self.blueprints.at_commit(blueprint, from_params(run.params).commit).access


def _witness(mends: Mapping[str, Any]) -> dict[str, Any]:
    names = {"address": "address", "resource_type": "type", "id_value": "id", "begun_in": "begun_in"}
    return {kept: mends[given] for kept, given in names.items()}
