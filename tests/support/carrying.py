"""A room's job as small as can be: a root of `terraform_data` (no provider needed), run by the real engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from butai.datafolder import DataFolder
from butai.db import Database
from butai.runs.carry import Carrier
from butai.runs.claims import Claim, Fenced
from butai.runs.folder import Command, RunFolder, Work
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import RunEnd, RunKind, Step
from butai.runs.service import Runs, RunView
from butai.states.service import States
from butai.terraform import commands
from butai.terraform.engine import Engine, probe
from butai.terraform.environment import engine_environment
from support.rows import add_environment, claim_run, new_database

SLOW = "terraform_data.slow"
BACKEND = 'terraform {\n  backend "http" {}\n}\n'
QUICK = 'resource "terraform_data" "one" {\n  input = "x"\n}\noutput "one" {\n  value = terraform_data.one.output\n}\n'


def slow(seconds: int) -> str:
    """A root whose second resource takes a while to make; the first is there at once."""
    return QUICK + textwrap.dedent(f"""
        resource "terraform_data" "slow" {{
          depends_on = [terraform_data.one]
          provisioner "local-exec" {{
            command = "exec sleep {seconds}"
          }}
        }}
    """)


def engine() -> Engine:
    """The engine on PATH."""
    found = shutil.which("terraform") or shutil.which("tofu")
    assert found, "no terraform and no tofu on PATH: install one, tests run the real engine"
    return probe(Path(found))


@dataclass
class RootJob:
    """A job that applies one text as a root module; what it was told of ends is kept."""

    root: str
    ends: list[RunEnd] = field(default_factory=list)
    can_look: bool = True

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """Write the root and say how to apply it."""
        folder.tree.mkdir()
        (folder.tree / "main.tf").write_text(self.root)
        (folder.tree / "zzzz_butai_override.tf").write_text(BACKEND)
        log.say(Step.EXPORT, "written")
        found = engine()
        change = commands.destroy if run.kind is RunKind.DESTROY else commands.apply
        steps = [Command(Step.INIT, commands.init(found)), Command(Step.APPLY, change(found))]
        config = folder.path / "engine.tfrc"
        config.write_text("disable_checkpoint = true\n")
        environment = engine_environment(os.environ, extra={}, cli_config=config)
        return Prepared(Work(run.id, run.environment_id, str(folder.tree), steps), environment)

    def ended(self, session: Session, run: RunView, end: RunEnd, folder: RunFolder) -> None:
        """Keep the end."""
        self.ends.append(end)

    def after(self, run: RunView, end: RunEnd, log: RunLog) -> None:
        """Nothing follows."""

    def look(self, run: RunView, log: RunLog) -> bool:
        """There is nothing outside."""
        return self.can_look

    def gave_up(self, run: RunView, reason: str, log: RunLog) -> None:
        """Nothing to take note of."""


@dataclass(frozen=True)
class OneByOne:
    """Claims a run and carries it out, here and now."""

    stage: Stage
    carrier: Carrier

    def engine_part(self, run_id: int) -> RunEnd | None:
        """Carry out; the run's end."""
        self.carrier.carry(self.stage.claim(run_id))
        return self.stage.runs.get(run_id).end


@dataclass(frozen=True)
class Stage:
    """Everything that carrying out needs, on one folder."""

    database: Database
    data: DataFolder
    states: States
    runs: Runs

    def carrier(self, job: RootJob) -> OneByOne:
        """What carries runs out, every kind of them as this job."""
        return OneByOne(self, Carrier(self.database, self.data, self.states, dict.fromkeys(RunKind, job), now))

    def claim(self, run_id: int) -> Claim:
        """This run's claim, taken whatever the queue says; one without force where the run is over."""
        return claim_run(self.database, run_id)

    def log(self, run_id: int) -> RunLog:
        """The log of a run, as the worker that holds it writes it."""
        return RunLog(Fenced(self.database, self.claim(run_id)), run_id, now)

    def folder(self, run_id: int) -> RunFolder:
        """The files of a run."""
        return RunFolder(self.data.run(run_id))


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def stage(folder: Path, database: Database) -> Stage:
    """A stage on a folder and its database."""
    data = DataFolder(folder)
    return Stage(database, data, States(database, data.state_key, now), Runs(database, now))


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Stage]:
    """A stage on the test's own folder."""
    database = new_database(tmp_path)
    yield stage(tmp_path, database)
    database.close()


@pytest.fixture
def environment(there: Stage) -> int:
    """The id of its one environment."""
    return add_environment(there.database, "qa-1")


def wait_for(what: Callable[[], object], *, seconds: float = 30, why: str = "") -> None:
    """Wait until it is true; fail after a while."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"did not come true in {seconds} s: {why}"
        time.sleep(0.05)


def has_begun(folder: RunFolder, address: str) -> bool:
    """Whether the engine says that it began to change this address."""
    path = folder.output(Step.APPLY)
    return path.exists() and any("apply_start" in line and address in line for line in path.read_text().splitlines())


def carry_in_a_process(folder: Path, root_file: Path, run_id: int) -> subprocess.Popen[bytes]:
    """Carry a run out in a process of its own, which can be killed."""
    code = (
        "import sys; from pathlib import Path; from butai.db import Database; from butai.tables import load_tables;"
        "from support.carrying import RootJob, stage; load_tables(); folder = Path(sys.argv[1]);"
        "there = stage(folder, Database('sqlite:///' + str(folder / 'butai.db')));"
        "there.carrier(RootJob(Path(sys.argv[2]).read_text())).engine_part(int(sys.argv[3]))"
    )
    tests = Path(__file__).parent.parent
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(root_file), str(run_id)],
        env={**os.environ, "PYTHONPATH": str(tests)},
        start_new_session=True,
    )
