"""Who a worker is, whether its process lives, and how long it has been silent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
from hypothesis import given
from hypothesis import strategies as st

from butai.runs import workers
from butai.runs.store import Worker
from butai.runs.workers import BEAT_EVERY_S, DEAF_AFTER_S, SILENT_AFTER_S, Silence
from support.carrying import wait_for


def row(pid: int, started: float, machine: str = "") -> Worker:
    return Worker(id="w", machine=machine or workers.this_machine(), pid=pid, pid_started=started)


def test_a_data_folder_has_one_worker_for_ever(tmp_path: Path) -> None:
    first, other = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    other.mkdir()
    name = workers.identity(first)
    assert workers.identity(first) == name
    assert workers.identity(other) != name
    assert 0 < len(name) <= 40
    assert (first / "worker.id").stat().st_mode & 0o077 == 0


def test_a_process_is_seen_to_live_and_to_be_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(process.pid).create_time()
    assert workers.process_is_gone(row(process.pid, started)) is False
    assert workers.process_is_gone(row(process.pid, started - 100)) is True, "its number went to somebody else"
    assert workers.process_is_gone(row(process.pid, started, "another")) is None, "cannot be seen from here"
    process.kill()
    wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE, seconds=5)
    assert workers.process_is_gone(row(process.pid, started)) is True, "a zombie does not work"
    process.communicate()
    assert workers.process_is_gone(row(process.pid, started)) is True
    assert workers.process_is_gone(row(os.getpid(), psutil.Process().create_time())) is False


def test_silence_is_counted_from_the_last_new_beat() -> None:
    silence = Silence()
    assert silence.after({"a": 1, "b": 1}, 0) == {"a": 0, "b": 0}
    assert silence.after({"a": 2, "b": 1}, 5) == {"a": 0, "b": 5}
    assert silence.after({"a": 2, "b": 1, "c": 7}, 10) == {"a": 5, "b": 10, "c": 0}


def test_time_in_which_nobody_could_be_heard_counts_for_nobody() -> None:
    silence = Silence()
    silence.after({"a": 1}, 0)
    silence.after({"a": 1}, 5)
    silence.forget()
    assert silence.after({"a": 1}, 7) == {"a": 0}
    assert silence.after({"a": 1}, 7 + DEAF_AFTER_S) == {"a": DEAF_AFTER_S}
    assert silence.after({"a": 1}, 100) == {"a": 0}, "who listens stood still itself"


# Eighths of a second add up exactly.
@given(
    st.lists(st.integers(1, int(DEAF_AFTER_S * 8)).map(lambda n: n / 8), min_size=1, max_size=40),
    st.floats(0, BEAT_EVERY_S),
)
def test_who_beats_is_never_silent_and_who_does_not_is_after_its_time(gaps: list[float], offset: float) -> None:
    silence, at = Silence(), 100.0
    silence.after({"alive": int(at / BEAT_EVERY_S), "dead": 1}, at)
    for gap in gaps:
        at += gap
        found = silence.after({"alive": int((at + offset) / BEAT_EVERY_S), "dead": 1}, at)
        assert found["alive"] < SILENT_AFTER_S
        assert found["dead"] == at - 100.0
