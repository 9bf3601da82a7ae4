"""An engine beside a program of ours: an interrupt reaches it, and its end is waited for."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from butai.terraform.attended import run_engine

PROGRAM = """
import signal, sys
from butai.terraform.attended import run_engine
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    run_engine(sys.argv[1:])
except KeyboardInterrupt:
    sys.exit(7)
"""


def test_its_output_is_kept_where_it_is_wanted() -> None:
    assert run_engine(["sh", "-c", "echo $WORD; exit 2"], {"WORD": "planned"}, keep=True) == (2, b"planned\n")
    assert run_engine(["sh", "-c", "exit 3"]) == (3, b"")


def test_an_interrupt_is_handed_on_and_its_end_waited_for(tmp_path: Path) -> None:
    said = tmp_path / "said"
    engine = f"trap 'sleep 0.3; echo ended >> {said}; exit 130' INT; echo began > {said}; while :; do sleep 0.05; done"
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, "sh", "-c", engine], start_new_session=True)
    deadline = time.monotonic() + 20
    while not said.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 7
    assert said.read_text().split() == ["began", "ended"]
