"""A supervisor of work that has nothing to do with a state: it needs no database, and serves none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from butai.runs.folder import USER, Command, RunFolder, Work
from butai.runs.model import EngineEnd, Step
from support.echoing import CODE

ECHOING = "import sys; from pathlib import Path; from support.echoing import main; sys.exit(main(Path(sys.argv[1])))"


def supervised(folder: RunFolder, told: Path) -> EngineEnd | None:
    """How the work of a folder ended: a program that writes down how it was started."""
    program = [sys.executable, "-c", ECHOING, str(told)]
    folder.write_work(Work(3, 1, str(folder.path), [Command(Step.APPLY, program)], stateless=True))
    env = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
    argv = [sys.executable, "-m", "butai.runs.supervisor", str(folder.path)]
    subprocess.run(argv, env=env, check=True, timeout=30)
    return folder.read_end()


def test_it_runs_and_is_known_without_any_database(tmp_path: Path) -> None:
    folder, told = RunFolder(tmp_path), tmp_path / "told"
    assert supervised(folder, told) == EngineEnd(Step.APPLY, CODE)
    environment = json.loads(told.read_text())["environment"]
    # By this name whoever comes after a death finds it; the rest leads to a state.
    assert environment[USER] == "run-3"
    assert [name for name in environment if name.startswith(("TF_", "BUTAI_"))] == [USER]
    assert folder.engine_was_started and not folder.supervised()


def test_one_that_is_cancelled_before_runs_nothing(tmp_path: Path) -> None:
    folder, told = RunFolder(tmp_path), tmp_path / "told"
    folder.ask_cancel()
    assert supervised(folder, told) == EngineEnd(Step.APPLY, None, cancelled=True)
    assert not told.exists() and not folder.engine_was_started
