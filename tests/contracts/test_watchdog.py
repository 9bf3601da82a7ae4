"""A test process that hangs says where, and takes what it started along."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from support.processes import lives

HANGS = """
import subprocess, sys, threading
from support import watchdog
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
threading.Thread(target=threading.Event().wait).start()
with watchdog.no_longer_than(60):
    pass
watchdog.start(0.3)
"""


def test_it_ends_a_process_that_waits_for_a_thread_for_ever() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HANGS],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 70
    assert "threading.py" in ended.stderr
    end = time.monotonic() + 10
    while lives(int(ended.stdout)):
        assert time.monotonic() < end
        time.sleep(0.05)
