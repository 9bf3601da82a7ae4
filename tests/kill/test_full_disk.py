"""What a full disk must not do: end a process by its own log line, open a lock twice, leave a run that says nothing."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from butai.runs.folder import RunFolder
from butai.runs.job import Prepared
from butai.runs.log import RunLog
from butai.runs.model import RunEnd
from butai.runs.service import RunView
from support.carrying import QUICK, RootJob, Stage
from support.rows import add_run

WITHOUT_ROOM = """
import os, resource, sys
from pathlib import Path
import structlog
from butai.datafolder import FolderLock
from butai.logs import configure

resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
configure()
structlog.get_logger().warning("nobody can read this")
first, second = (FolderLock(Path(sys.argv[1])) for _ in range(2))
assert first.try_take() and not second.try_take()
first.release()
assert second.try_take()
# As a worker leaves: Python's own last flush of what could not be written is no part of this.
os._exit(0)
"""


def test_without_room_a_log_line_is_dropped_and_a_lock_still_holds(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        argv = [sys.executable, "-c", WITHOUT_ROOM, str(tmp_path / "some.lock")]
        done = subprocess.run(argv, stderr=log, stdout=subprocess.PIPE, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"")


@dataclass
class NoRoom(RootJob):
    """A job whose folder cannot be written."""

    error: Exception = field(default_factory=Exception)

    def prepare(self, run: RunView, folder: RunFolder, log: RunLog) -> Prepared:
        """Meet the fault."""
        raise self.error


@pytest.mark.parametrize(
    ("error", "why"), [(OSError(28, "No space left on device"), "No space left"), (KeyError("x"), "inside Butai")]
)
def test_a_run_that_cannot_be_made_ready_ends_before_any_change_and_says_why(
    error: Exception, why: str, there: Stage, environment: int
) -> None:
    run = add_run(there.database, environment)
    job = NoRoom(QUICK, error=error)
    assert there.carrier(job).engine_part(run) is RunEnd.FAILED_BEFORE_CHANGE
    shown = there.runs.get(run)
    assert job.ends == [RunEnd.FAILED_BEFORE_CHANGE]
    assert shown.error is not None and shown.error["code"] == "not-made-ready"
    assert why in shown.error["why"] and shown.error["next"]
    assert there.claim(run).fence == -1, "it is over"
