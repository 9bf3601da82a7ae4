"""Children: clean start, whole groups ended, records that tell the truth."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from butai.errors import MissingPartError
from butai.localcloud.children import Child, Children, stop_all

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
FORKS = """\
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(float(sys.argv[1]))
"""


@pytest.fixture
def children(tmp_path: Path) -> Children:
    return Children(tmp_path / "children")


def run_python(children: Children, code: str, *args: str, env: dict[str, str] | None = None) -> tuple[Child, Path]:
    log = children.folder.parent / "logs" / "out.log"
    argv = [sys.executable, "-c", code, *args]
    return children.start("probe", argv, env=env or {}, cwd=children.folder.parent, log=log), log


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def records(children: Children) -> list[Path]:
    return list(children.folder.iterdir())


def test_a_child_gets_exactly_its_environment_and_nothing_on_stdin(children: Children) -> None:
    code = "import os, sys; print(sys.stdin.read() == '', sorted(os.environ.items()))"
    child, log = run_python(children, code, env={"a.dotted-name": "1", "PATH": "/usr/bin:/bin", "LC_CTYPE": "C.UTF-8"})
    wait_for(lambda: not child.alive())
    told = [("LC_CTYPE", "C.UTF-8"), ("PATH", "/usr/bin:/bin"), ("a.dotted-name", "1")]
    assert log.read_text() == f"True {told}\n"
    assert child.returncode == 0


def test_the_command_dies_of_sigpipe_as_programs_expect(children: Children) -> None:
    child = children.start(
        "pipe",
        ["sh", "-c", "grep SigIgn /proc/self/status"],
        env={"PATH": os.defpath},
        cwd=children.folder,
        log=children.folder.parent / "log",
    )
    wait_for(lambda: not child.alive())
    assert int((children.folder.parent / "log").read_text().split()[1], 16) & (1 << 12) == 0


def test_a_record_stands_while_the_child_lives_and_goes_with_it(children: Children) -> None:
    child, _ = run_python(children, "import time; time.sleep(60)")
    (path,) = records(children)
    told = json.loads(path.read_text())
    assert (told["name"], told["pid"]) == ("probe", child.pid)
    assert told["started"] == pytest.approx(psutil.Process(child.pid).create_time(), abs=1)
    assert child.stop(5) == -15
    assert records(children) == []


def test_a_child_that_ignores_sigterm_is_killed_after_its_time(children: Children) -> None:
    child, log = run_python(children, STUBBORN)
    wait_for(lambda: "ready" in log.read_text())
    began = time.monotonic()
    assert child.stop(0.3) == -9
    assert 0.3 <= time.monotonic() - began < 3


@pytest.mark.parametrize("lifetime", ["0", "60"])
def test_grandchildren_end_with_the_child(children: Children, lifetime: str) -> None:
    child, log = run_python(children, FORKS, lifetime)
    wait_for(lambda: log.read_text().strip())
    grandchild = int(log.read_text())
    if lifetime == "0":
        wait_for(lambda: not child.alive())
    else:
        child.stop(5)
    wait_for(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE)


def test_a_new_session_keeps_the_keepers_signals_away(children: Children) -> None:
    child, _ = run_python(children, "import time; time.sleep(60)")
    assert os.getsid(child.pid) == os.getpgid(child.pid) == child.pid
    child.stop(5)


def test_stop_all_shares_one_grace_time(children: Children) -> None:
    started = [run_python(children, STUBBORN) for _ in range(3)]
    wait_for(lambda: started[0][1].read_text().count("ready") == 3)
    began = time.monotonic()
    stop_all([child for child, _ in started], 0.5)
    assert time.monotonic() - began < 1.4
    assert not any(child.alive() for child, _ in started)


def test_a_command_that_is_not_there_is_named(children: Children, tmp_path: Path) -> None:
    with pytest.raises(MissingPartError, match="no-such-command"):
        children.start("x", ["no-such-command"], env={"PATH": "/nowhere"}, cwd=tmp_path, log=tmp_path / "log")
    assert records(children) == []


def test_leftovers_with_another_start_time_are_somebody_elses(children: Children) -> None:
    child, _ = run_python(children, "import time; time.sleep(60)")
    (path,) = records(children)
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"started": told["started"] - 60}))
    assert children.end_leftovers() == []
    assert child.alive()
    child.stop(5)


def test_unreadable_records_do_not_stop_the_start(children: Children) -> None:
    (children.folder / "77.json").write_text("{")
    (children.folder / "78.json").write_text('{"name": 1}')
    assert children.end_leftovers() == []
    assert records(children) == []
