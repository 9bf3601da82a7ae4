"""Supervisors forked from a process that has everything loaded: they live as if started anew."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from support.carrying import wait_for
from support.processes import is_supervisor, lives

# A worker that has begun one supervisor, and begins another for each line that it is told.
WORKER = """
import json, os, signal, sys, time
from pathlib import Path
from butai.runs import nursery, supervisor
from butai.runs.folder import RunFolder

def start(folder):
    print("what a supervisor says", flush=True)
    told = {"pid": os.getpid(), "session": os.getsid(0), "cwd": os.getcwd(), "environment": dict(os.environ)}
    told["interrupt"] = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    told["waits"] = os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "exit 3")
    (folder / "new").write_text(json.dumps(told))
    (folder / "new").rename(folder / "told")
    while not (folder / "go").exists():
        time.sleep(0.02)
    return 0

supervisor.start = start
nursery.spawn = lambda folder, environment: (folder.path / "anew").touch()
nurse = nursery.Nursery("sqlite://")
print(nurse.pid, flush=True)
for line in sys.stdin:
    nurse.spawn(RunFolder(Path(line.strip())), {"SECRET": "s3cret"})
    print("done", flush=True)
"""


@contextmanager
def worker() -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """A worker and its nursery."""
    process = subprocess.Popen([sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdin is not None
    try:
        yield process, psutil.Process(int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


def begin(process: subprocess.Popen[str], folder: Path) -> None:
    """Have a supervisor begun in a folder."""
    assert process.stdout is not None and process.stdin is not None
    folder.mkdir()
    process.stdin.write(f"{folder}\n")
    process.stdin.flush()
    while line := process.stdout.readline():
        if line == "done\n":
            return
    raise AssertionError("the worker is gone")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Of a run that is called 12; its supervisor ends with the test."""
    yield tmp_path / "12"
    (tmp_path / "12" / "go").touch()


def test_a_supervisor_has_its_own_session_folder_environment_and_words(folder: Path) -> None:
    with worker() as (process, _):
        begin(process, folder)
        wait_for((folder / "told").exists)
        told = json.loads((folder / "told").read_text())
        assert told["session"] == told["pid"] and told["cwd"] == str(folder)
        assert told["environment"] == {"SECRET": "s3cret"}
        assert told["interrupt"] and told["waits"] == 3, "it waits for its own children"
        living = psutil.Process(told["pid"])
        assert is_supervisor(living, folder) and "s3cret" not in " ".join(living.cmdline())
        assert (folder / "supervisor.err").read_text() == "what a supervisor says\n"
        assert (folder / "supervisor.err").stat().st_mode & 0o077 == 0
        (folder / "go").touch()
        wait_for(lambda: not lives(living.pid))


def test_it_outlives_a_killed_worker_and_the_nursery_does_not(folder: Path) -> None:
    with worker() as (process, nursery):
        begin(process, folder)
        wait_for((folder / "told").exists)
        told = json.loads((folder / "told").read_text())
        process.kill()
        wait_for(lambda: not lives(nursery.pid))
        assert lives(told["pid"])


def test_where_the_nursery_is_gone_they_are_started_anew(tmp_path: Path) -> None:
    with worker() as (process, nursery):
        nursery.kill()
        for name in ("1", "2"):
            begin(process, tmp_path / name)
            assert (tmp_path / name / "anew").exists()
