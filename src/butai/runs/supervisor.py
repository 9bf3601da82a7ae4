"""The small process beside the engine: owns it, serves its state, and outlives worker and server.

    python -m butai.runs.supervisor RUN_FOLDER

Its environment is the engine's (secrets included) plus the few `BUTAI_*` names it needs itself, which it does not hand on.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from butai.datafolder import FolderLock
from butai.db import Database
from butai.errors import ButaiError
from butai.runs.folder import STATE_LEFT_BEHIND, Command, RunFolder, Work
from butai.runs.model import EngineEnd
from butai.states.endpoint import StateEndpoint
from butai.states.service import States
from butai.tables import load_tables

LOOK_EVERY_S = 0.1
DATABASE, STATE_KEY = "BUTAI_DATABASE", "BUTAI_STATE_KEY"


def main(folder: RunFolder) -> int:
    """Do the work of one folder, once. A second supervisor, or one that comes after the end, does nothing."""
    lock = FolderLock(folder.lock_path)
    if not lock.take_soon() or folder.read_end() is not None:
        return 0
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    work = folder.read_work()
    load_tables()
    states = States(Database(os.environ[DATABASE]), Path(os.environ[STATE_KEY]), lambda: datetime.now(UTC))
    with _endpoint(states, work) as backend:
        environment = _engine_environment(backend)
        end = _run_commands(folder, work, environment, stop)
        # The engine was reaped above: a lock that it left has no holder any more.
        released = states.release_of_run(work.environment_id, work.run_id)
        end = replace(end, lock_released=released)
        folder.write_end(_rescue_state(states, folder, work, end))
    return 0


@contextlib.contextmanager
def _endpoint(states: States, work: Work) -> Iterator[dict[str, str]]:
    """Serve the state; yields the backend's settings, which hold the password of this run."""
    user, password = f"run-{work.run_id}", secrets.token_urlsafe(32)
    server = StateEndpoint(
        states,
        environment_id=work.environment_id,
        run_id=work.run_id,
        user=user,
        password=password,
        now=lambda: datetime.now(UTC),
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield {
            "TF_HTTP_ADDRESS": server.url,
            "TF_HTTP_LOCK_ADDRESS": server.url,
            "TF_HTTP_UNLOCK_ADDRESS": server.url,
            "TF_HTTP_LOCK_METHOD": "LOCK",
            "TF_HTTP_UNLOCK_METHOD": "UNLOCK",
            "TF_HTTP_USERNAME": user,
            "TF_HTTP_PASSWORD": password,
        }
    finally:
        server.shutdown()
        server.server_close()


def _engine_environment(backend: dict[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("BUTAI_")}
    return {**own, **backend}


def _run_commands(folder: RunFolder, work: Work, environment: dict[str, str], stop: threading.Event) -> EngineEnd:
    """One command after the other; the first that fails, or a wish to stop, ends the row."""
    end = EngineEnd(work.commands[0].step, None)
    for command in work.commands:
        if stop.is_set() or folder.cancel_asked:
            return EngineEnd(command.step, None, cancelled=True)
        with _lock_for(work, command):
            end = _run_command(folder, work, command, environment, stop)
        if end.exit_code != 0:
            break
    return end


@contextlib.contextmanager
def _lock_for(work: Work, command: Command) -> Iterator[None]:
    """Engines that fetch providers into one cache at once damage it: those wait for each other here."""
    if command.step != work.commands[0].step or not work.init_lock:
        yield
        return
    lock = FolderLock(Path(work.init_lock))
    while not lock.try_take():
        time.sleep(LOOK_EVERY_S)
    try:
        yield
    finally:
        lock.release()


def _run_command(
    folder: RunFolder, work: Work, command: Command, environment: dict[str, str], stop: threading.Event
) -> EngineEnd:
    with folder.output(command.step).open("ab") as out, folder.errors(command.step).open("ab") as errors:
        # A session of its own: no terminal's Ctrl-C reaches the providers behind the engine's back.
        process = subprocess.Popen(
            command.argv,
            cwd=work.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        )
    folder.write_engine(process.pid)
    cancelled = _wait(process, folder, stop)
    return EngineEnd(command.step, process.returncode, cancelled=cancelled)


def _wait(process: subprocess.Popen[bytes], folder: RunFolder, stop: threading.Event) -> bool:
    """Wait for the engine; on a wish to stop send exactly one interrupt and go on waiting. Never a kill."""
    cancelled = False
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=LOOK_EVERY_S)
            return cancelled
        if not cancelled and (stop.is_set() or folder.cancel_asked):
            process.send_signal(signal.SIGINT)
            cancelled = True


def _rescue_state(states: States, folder: RunFolder, work: Work, end: EngineEnd) -> EngineEnd:
    """Take over the state that the engine could not write, whatever its exit code was."""
    left = Path(work.root) / STATE_LEFT_BEHIND
    if not left.exists():
        return end
    try:
        states.write(work.environment_id, work.run_id, left.read_bytes(), lock_id="")
    except (ButaiError, OSError, SQLAlchemyError):
        left.replace(folder.path / STATE_LEFT_BEHIND)
        return replace(end, state_saved=False)
    left.unlink()
    return end


def _start(argv: list[str]) -> Any:
    os.umask(0o077)
    return main(RunFolder(Path(argv[0])))


if __name__ == "__main__":
    sys.exit(_start(sys.argv[1:]))
