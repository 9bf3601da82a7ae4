"""What a run's processes use is seen from outside: one that sleeps from one that works, with what it started and reaped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from butai.datafolder import write_json
from butai.runs import gauge
from butai.runs.folder import RunFolder
from butai.runs.model import EngineEnd, Step
from butai.runs.room import Seen

# Both start a child; the one that works lets it burn, reaps it, and sleeps.
SLEEPS = "import subprocess, time; subprocess.run(['sleep', '30'])"
BURNS = (
    "import subprocess, sys, time\n"
    "burn = 'import time\\nend = time.process_time() + 0.5\\nwhile time.process_time() < end: pass'\n"
    "subprocess.run([sys.executable, '-c', burn]); print(flush=True); time.sleep(30)"
)


@contextmanager
def engine(folder: RunFolder, program: str) -> Iterator[subprocess.Popen[bytes]]:
    folder.path.mkdir()
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        folder.write_engine(process.pid)
        yield process
        os.killpg(process.pid, signal.SIGKILL)


def look(folder: RunFolder) -> Seen:
    return gauge.look_at_run(gauge.Family(), folder, shared=False, over=False)


def test_time_of_children_counts_also_when_they_are_gone(tmp_path: Path) -> None:
    with engine(RunFolder(tmp_path / "1"), BURNS) as process:
        assert process.stdout
        process.stdout.readline()
        seen = look(RunFolder(tmp_path / "1"))
    assert seen.process.startswith(f"{process.pid}/") and 0.5 <= seen.cpu_s < 5
    assert seen.used_mib > 3 and not seen.over


def test_what_only_waits_uses_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "1")
    with engine(folder, SLEEPS):
        time.sleep(1)
        before = look(folder)
        time.sleep(1)
        after = look(folder)
    assert after.process == before.process and after.cpu_s - before.cpu_s < 0.1


def test_before_and_after_the_engine(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "1")
    assert look(folder) == Seen(), "being made ready"
    folder.path.mkdir()
    write_json(folder.path / "engine.json", {"pid": 1, "started": 0.0})
    assert look(folder).process == "", "a recycled number is not its engine"
    folder.write_end(EngineEnd(Step.APPLY, 0))
    assert look(folder) == Seen(over=True)
    assert gauge.look_at_run(gauge.Family(), RunFolder(tmp_path / "2"), shared=True, over=True) == Seen(over=True)


def test_the_provider_host_is_seen_where_there_is_one(tmp_path: Path) -> None:
    assert gauge.look_at_providers(gauge.Family(), tmp_path) == Seen()
    with subprocess.Popen(["sleep", "30"]) as process:
        write_json(tmp_path / "host.json", {"sockets": "", "pid": process.pid})
        assert gauge.look_at_providers(gauge.Family(), tmp_path).process == str(process.pid)
        process.kill()


def test_the_machine() -> None:
    count = gauge.cores()
    seen = gauge.machine(count, 0.5)
    assert count >= 1 and 0 < seen.free_mib <= seen.total_mib and seen.busy == 0.5
    assert gauge.shared_way({"accelerated": True}) and not gauge.shared_way(None)
