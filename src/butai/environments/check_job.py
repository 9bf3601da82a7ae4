"""A comparison of both ways, carried out: what it found counts for the blueprint with these versions."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from butai.blueprints.service import Blueprints
from butai.datafolder import write_json
from butai.environments import engine_checks, store
from butai.environments.acceleration import Acceleration
from butai.environments.comparing import RESULT, Task
from butai.environments.plan import from_params
from butai.environments.prepare import Preparation
from butai.errors import RefusedError
from butai.runs.folder import REATTACH, Command, RunFolder
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, Step
from butai.runs.service import Runs, RunView
from butai.terraform.engine import Engine
from butai.text import text

VERSIONS = "versions.json"


@dataclass(frozen=True)
class CheckJob:
    """Plans on both ways with what the environment has, and compares the plans. It changes nothing."""

    preparation: Preparation
    acceleration: Acceleration
    blueprints: Blueprints
    runs: Runs
    now: Callable[[], datetime]

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """The folder made ready, and the program that compares. Refused where no provider can be shared."""

        def then(engine: Engine, values: Path) -> list[Command]:
            Task(engine, values).write(folder.path)
            program = [sys.executable, "-m", "butai.environments.comparing", str(folder.path)]
            return [Command(Step.PLAN, program)]

        prepared = self.preparation.prepare(run, folder, log, then)
        if REATTACH not in prepared.environment:
            way = self.runs.get(run.id).way
            raise RefusedError(
                text("There is nothing to compare: runs have providers of their own."),
                why=way.why if way else "",
                next=text("The environments of this blueprint go the plain way, which is always right."),
                code="nothing-to-compare",
            )
        write_json(folder.path / VERSIONS, self._versions(run, prepared))
        return prepared

    def _versions(self, run: RunView, prepared: Prepared) -> list[str]:
        """What the finding will count for."""
        with self.preparation.database.reading() as session:
            row = session.get_one(store.Environment, run.environment_id)
        at = self.blueprints.at_commit(row.blueprint, from_params(run.params).commit)
        engine = self.preparation.engines.keep(at, row.engine_name, row.engine_version)
        programs = self.acceleration.programs(at, engine, Path(prepared.work.root))
        return [engine_checks.versions_of(engine, each) for each in programs.values() if each]

    def look(self, run: RunView, log: RunLog) -> bool:  # noqa: ARG002
        """A plan leaves nothing behind."""
        return True

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:
        """Keep what was found."""
        if end is not RunEnd.SUCCEEDED or not (folder.path / VERSIONS).exists():
            return
        blueprint = session.get_one(store.Environment, run.environment_id).blueprint
        versions = json.loads((folder.path / VERSIONS).read_text())
        equal = not json.loads((folder.path / RESULT).read_text())["count"]
        engine_checks.keep(session, blueprint, versions, equal=equal, run=run.id, at=self.now())

    def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
        """Nothing follows."""

    def gave_up(self, run: RunView, reason: str, log: RunLog) -> None:
        """Nothing follows, so nothing can be given up."""
