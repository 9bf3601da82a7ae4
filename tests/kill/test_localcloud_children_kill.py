"""A keeper that is killed by force: its children are found again by their records, and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from butai.localcloud.children import Children

KEEPER = """\
import os, sys, time
from pathlib import Path
from butai.localcloud.children import Children

folder, code, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
keeper = Children(folder)
for number in range(count):
    argv = [sys.executable, "-c", code]
    child = keeper.start(f"child-{number}", argv, env={"BUTAI_TEST": "1"}, cwd=folder, log=folder.parent / "log")
    print(child.pid, flush=True)
print("done", flush=True)
time.sleep(60)
"""
STUBBORN_WITH_A_CHILD = """\
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("ready", flush=True)
time.sleep(60)
"""


def living_in_session(sessions: set[int]) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, ProcessLookupError):
            continue
    return found


def start_keeper(folder: Path, code: str, count: int) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", KEEPER, str(folder), code, str(count)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def test_children_of_a_killed_keeper_end_before_new_ones_start(tmp_path: Path) -> None:
    folder = tmp_path / "children"
    keeper = start_keeper(folder, STUBBORN_WITH_A_CHILD, 3)
    assert keeper.stdout is not None
    pids = {int(keeper.stdout.readline()) for _ in range(3)}
    until = time.monotonic() + 20
    while len(living_in_session(pids)) < 6 or (tmp_path / "log").read_text().count("ready") < 3:
        assert time.monotonic() < until
        time.sleep(0.05)
    keeper.kill()
    keeper.wait()
    assert len(living_in_session(pids)) == 6, "they outlive a keeper that was killed: that is the case tested here"

    ended = Children(folder).end_leftovers(grace_s=0.3)

    assert {record.pid for record in ended} == pids
    assert {record.name for record in ended} == {"child-0", "child-1", "child-2"}
    assert living_in_session(pids) == []
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.02, 0.04, 0.08])
def test_no_child_runs_without_a_record_however_early_the_kill(tmp_path: Path, after_s: float) -> None:
    """The command writes its own pid first: each pid written must belong to a record, or have been reported ended."""
    folder, marks = tmp_path / "children", tmp_path / "marks"
    marks.mkdir()
    code = f"import os, time; open({str(marks)!r} + '/' + str(os.getpid()), 'w').close(); time.sleep(60)"
    keeper = start_keeper(folder, code, 40)
    assert keeper.stdout is not None
    keeper.stdout.readline()
    time.sleep(after_s)
    keeper.send_signal(signal.SIGKILL)
    keeper.wait()
    Children(folder).end_leftovers(grace_s=3)
    time.sleep(0.5)  # whoever slipped through would have made its mark by now
    ran = {int(mark.name) for mark in marks.iterdir()}
    assert living_in_session(ran) == []
