"""A drift check, carried out: a plan that takes no lock and writes no state, and what it found kept.

Of an environment it is what an update would do; of a root that is none, what has changed since its state was written.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from butai.environments import store
from butai.environments.drift import Difference, Told, changed_outside, differences
from butai.environments.place import state_apart
from butai.environments.prepare import Preparation
from butai.environments.root_checks import check_of
from butai.environments.root_preparation import RootPreparation
from butai.environments.telling import DRIFTED
from butai.runs.folder import Command, RunFolder
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, Step
from butai.runs.service import EventView, Runs, RunView
from butai.terraform import commands
from butai.terraform.attributes import Attribute, Changed
from butai.terraform.engine import Engine

# The list stands in every answer about the environment; all of it is in the run.
KEPT = 100
TELLING = ("drift", "planned", "outputs", "attributes")
PLAN = "look.plan"


@dataclass(frozen=True)
class DriftJob:
    """Plans with what the environment has. With `preview` in its params it plans another wish, and keeps nothing here."""

    preparation: Preparation
    roots: RootPreparation
    runs: Runs
    now: Callable[[], datetime]

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """The folder made ready, and a plan without the state's lock."""
        file = folder.path / PLAN
        wanted = check_of(run.params)
        if wanted is not None:
            return self.roots.prepare(run, wanted, folder, log, partial(_look_outside, file))

        def then(engine: Engine, values: Path) -> list[Command]:
            plan = commands.plan(engine, [values], out=file, lock=False)
            return _told_by(plan, file, engine)

        return self.preparation.prepare(run, folder, log, then)

    def look(self, run: RunView, log: RunLog) -> bool:  # noqa: ARG002
        """A plan leaves nothing behind."""
        return True

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:
        """Keep what was found, as the environment's drift. Plan and copy of a state hold secrets, and were made to be read."""
        (folder.path / PLAN).unlink(missing_ok=True)
        wanted = check_of(run.params)
        if wanted is not None:
            state_apart(folder.path, wanted.workspace).unlink(missing_ok=True)
        if end is RunEnd.SUCCEEDED and not run.params.get("preview"):
            found = [asdict(each) for each in found_by(self.runs, session, run)]
            row = session.get_one(store.Environment, run.environment_id)
            count = sum(each["in_code"] for each in found)
            row.drift = {"run": run.id, "at": self.now().isoformat(), "count": count, "items": found[:KEPT]}

    def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
        """Nothing follows."""

    def gave_up(self, run: RunView, reason: str, log: RunLog) -> None:
        """Nothing follows, so nothing can be given up."""


def found_by(runs: Runs, session: Session, run: RunView) -> list[Difference]:
    """What the plan of a run found, out of its log."""
    told = runs.told(session, run.id, TELLING)
    changed = {each.address: _changed(each) for each in told if each.kind == "attributes"}
    find = differences if check_of(run.params) is None else changed_outside
    return find((Told(each.kind, each.address, each.action) for each in told), changed)


def _look_outside(file: Path, engine: Engine, files: Sequence[Path]) -> list[Command]:
    plan = commands.plan_refresh_only(engine, files, out=file, lock=False)
    return _told_by(plan, file, engine, DRIFTED, *commands.schemas(engine))


def _told_by(plan: list[str], file: Path, engine: Engine, *how: str) -> list[Command]:
    """A plan, and what tells of its attributes."""
    telling = [sys.executable, "-m", "butai.environments.telling", str(file), *commands.show(engine, file), *how]
    # By 2 a plan says that it found differences: nothing else is worth a look at its attributes.
    return [Command(Step.PLAN, plan, goes_on=2), Command(Step.PLAN, telling)]


def _changed(told: EventView) -> Changed:
    attributes = [Attribute(**each) for each in told.detail.get("attributes", ())]
    return Changed(told.address, attributes, told.detail.get("more", 0))
