"""A program of ours that stands ready: it becomes what it is told, and runs nothing where it is told nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from butai.datafolder import FolderLock
from butai.runs.understudy import Understudy, program_of, standing_by
from support.echoing import CODE

MODULE = "support.echoing"


@contextmanager
def understudy(file: Path) -> Iterator[Understudy]:
    made = Understudy([sys.executable, "-m", MODULE, str(file)])
    yield made
    if made.poll() is None:
        os.kill(made.pid, signal.SIGKILL)
        made.wait(10)


def begin(one: Understudy, folder: Path, **environment: str) -> None:
    with (folder / "out").open("ab") as out, (folder / "err").open("ab") as err:
        one.begin(cwd=str(folder), env=environment, stdout=out.fileno(), stderr=err.fileno())


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_it_becomes_what_it_is_told(tmp_path: Path) -> None:
    with understudy(tmp_path / "file") as one:
        begin(one, tmp_path, ONLY="this")
        assert one.wait(10) == CODE == one.poll()
    found = json.loads((tmp_path / "file").read_text())
    assert found["environment"] == {"ONLY": "this"} and found["folder"] == str(tmp_path) and found["leads"]
    assert found["argv"] == [MODULE, str(tmp_path / "file")]
    assert ((tmp_path / "out").read_text(), (tmp_path / "err").read_text()) == ("out\n", "err\n")


def test_an_interrupt_reaches_it_once_it_has_begun_and_not_before(tmp_path: Path) -> None:
    with understudy(tmp_path / "file") as one:
        one.send_signal(signal.SIGINT)
        begin(one, tmp_path, WAIT_S="30")
        wait_for((tmp_path / "file").exists)
        with pytest.raises(subprocess.TimeoutExpired):
            one.wait(0.05)
        one.send_signal(signal.SIGINT)
        assert one.wait(10) == CODE + 1
        one.send_signal(signal.SIGINT)


def test_one_that_is_not_needed_runs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with standing_by([["terraform", "apply"], [sys.executable, "-m", "butai.deploys.carry", str(file)]]) as both:
        assert both[0] is None
        assert both[1] is not None and both[1].poll() is None
    assert not psutil.pid_exists(both[1].pid) and not file.exists()
    assert program_of([sys.executable, "-m", MODULE, "x"]) == ""


def test_it_holds_nothing_of_its_parents(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "lock")
    assert lock.try_take()
    with understudy(tmp_path / "file") as one:
        wait_for(lambda: len(list(Path(f"/proc/{one.pid}/fd").iterdir())) == 4)
        lock.release()
        assert FolderLock(tmp_path / "lock").try_take()


def test_it_ends_with_a_parent_that_is_killed_before_it_begins(tmp_path: Path) -> None:
    parent = """
        import sys, time
        from butai.runs.understudy import Understudy
        print(Understudy([sys.executable, "-m", "support.echoing", sys.argv[1]]).pid, flush=True)
        time.sleep(60)
    """
    argv = [sys.executable, "-c", textwrap.dedent(parent), str(tmp_path / "file")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert psutil.pid_exists(pid)
        process.kill()
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert not (tmp_path / "file").exists()
