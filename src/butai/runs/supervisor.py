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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from butai.datafolder import FolderLock
from butai.db import AWAY, Database
from butai.runs.claims import Claim, check
from butai.runs.folder import ENGINES_REATTACH, REATTACH, USER, Command, RunFolder, Work, user_of
from butai.runs.model import EngineEnd, Step
from butai.runs.rescue import keep, take_over_state
from butai.runs.understudy import Understudy, standing_by
from butai.states.endpoint import StateEndpoint
from butai.states.service import Guard, States
from butai.tables import load_tables

LOOK_EVERY_S = 0.1
# How long a database that is away is still waited for once somebody wants the run to stop.
PATIENCE_S = 60.0
# Ten seconds: where a machine is busy, whoever only looks may have the folder's lock for longer than a moment, a process that
# was just forked from it too.
LOCK_LOOKS = 200
DATABASE, STATE_KEY = "BUTAI_DATABASE", "BUTAI_STATE_KEY"


def main(folder: RunFolder) -> int:
    """Do the work of one folder, once. A second supervisor, or one that comes after the end, does nothing."""
    lock = FolderLock(folder.lock_path)
    if not lock.take_soon(LOCK_LOOKS) or folder.read_end() is not None:
        return 0
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    work = folder.read_work()
    with standing_by([each.argv for each in work.commands]) as understudies:
        return (_work_stateless if work.stateless else _work)(folder, work, stop, understudies)


def _work_stateless(folder: RunFolder, work: Work, stop: threading.Event, understudies: list[Understudy | None]) -> int:
    """Without a state there is nothing to open before, to serve meanwhile, or to tidy up after; no database is needed."""
    engine = _Engines(folder, work, _engine_environment({USER: user_of(work.run_id)}), _Wish(stop, folder))
    _keep_end(folder, _run_commands(engine, understudies))
    return 0


def _work(folder: RunFolder, work: Work, stop: threading.Event, understudies: list[Understudy | None]) -> int:
    states = _open_states(stop)
    if states is None:
        folder.write_end(EngineEnd(work.commands[0].step, None, cancelled=True))
        return 0
    claim = Claim(work.run_id, work.environment_id, "", work.fence)
    server = _endpoint(states, work, lambda session: check(session, claim, worker=False))
    with _serving(server) as backend:
        engine = _Engines(folder, work, _engine_environment(backend), _Wish(stop, folder, server))
        end = _run_commands(engine, understudies)
        _keep_end(folder, _tidy(states, folder, work, end, server))
    return 0


def _keep_end(folder: RunFolder, end: EngineEnd) -> None:
    """Write down how it ended, as soon as the disk takes it."""
    while not _written(lambda: folder.write_end(end)):
        time.sleep(LOOK_EVERY_S)


def _open_states(stop: threading.Event) -> States | None:
    """The states, as soon as the database is there; none when this process was ended before."""
    load_tables()
    while not stop.is_set():
        with contextlib.suppress(*AWAY):
            return States(Database(os.environ[DATABASE]), Path(os.environ[STATE_KEY]), lambda: datetime.now(UTC))
        time.sleep(LOOK_EVERY_S)
    return None


def _tidy(states: States, folder: RunFolder, work: Work, end: EngineEnd, server: StateEndpoint) -> EngineEnd:
    """After the engine: its lock has no holder any more, and what it could not save is saved. A database is waited for."""
    while True:
        try:
            released = states.release_of_run(work.environment_id, work.run_id)
            saved = take_over_state(states, folder, work.environment_id, work.run_id, server.guard)
            return replace(end, lock_released=released, state_saved=saved)
        except AWAY:
            if not server.patient:
                left = folder.states_left_behind()
                for each in left:
                    keep(each, folder.path)
                return replace(end, state_saved=not left)
            time.sleep(LOOK_EVERY_S)


def _endpoint(states: States, work: Work, guard: Guard) -> StateEndpoint:
    return StateEndpoint(
        states,
        environment_id=work.environment_id,
        run_id=work.run_id,
        user=user_of(work.run_id),
        password=secrets.token_urlsafe(32),
        now=lambda: datetime.now(UTC),
        guard=guard,
    )


@contextlib.contextmanager
def _serving(server: StateEndpoint) -> Iterator[dict[str, str]]:
    """Serve the state; yields the backend's settings, which hold the password of this run."""
    user, password = server.credentials.decode().split(":", 1)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield {
            "TF_HTTP_ADDRESS": server.url,
            "TF_HTTP_LOCK_ADDRESS": server.url,
            "TF_HTTP_UNLOCK_ADDRESS": server.url,
            "TF_HTTP_LOCK_METHOD": "LOCK",
            "TF_HTTP_UNLOCK_METHOD": "UNLOCK",
            USER: user,
            "TF_HTTP_PASSWORD": password,
        }
    finally:
        server.shutdown()
        server.server_close()


def _engine_environment(backend: dict[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("BUTAI_")}
    return {**own, **backend}


@dataclass(frozen=True)
class _Wish:
    """What a person, or whoever ends this process, wants of the engine. `server`: what serves its state, if anything."""

    terminated: threading.Event
    folder: RunFolder
    server: StateEndpoint | None = None

    @property
    def stop(self) -> bool:
        """One interrupt, please. From then on nothing is waited for without an end."""
        wanted = self.terminated.is_set() or self.folder.cancel_asked
        if wanted and self.server:
            self.server.lose_patience_in(PATIENCE_S)
        return wanted

    @property
    def kill(self) -> bool:
        """The engine's own hard stop: a second interrupt. It stays five seconds more: time to leave its state in a file."""
        wanted = self.folder.kill_asked
        if wanted and self.server:
            self.server.hurry()
        return wanted


@dataclass(frozen=True)
class _Engines:
    """What one command after the other is run with."""

    folder: RunFolder
    work: Work
    environment: dict[str, str]
    wish: _Wish


def _run_commands(engines: _Engines, understudies: list[Understudy | None]) -> EngineEnd:
    """One command after the other; the first that does not end as it has to, or a wish to stop, ends the row."""
    work, wish = engines.work, engines.wish
    end = EngineEnd(work.commands[0].step, None)
    for command, understudy in zip(work.commands, understudies, strict=True):
        if wish.stop:
            return EngineEnd(command.step, None, cancelled=True)
        with _lock_for(work, command, wish) as ready:
            if not ready:
                return EngineEnd(command.step, None, cancelled=True)
            end = _run_command(engines, command, understudy)
        if end.exit_code != command.goes_on and not command.may_fail:
            break
    return end


@contextlib.contextmanager
def _lock_for(work: Work, command: Command, wish: _Wish) -> Iterator[bool]:
    """Engines that fetch providers into one cache at once damage it: those wait for each other here. False: not any more."""
    if command.step is not Step.INIT or not work.init_lock:
        yield True
        return
    lock = FolderLock(Path(work.init_lock))
    while not (taken := lock.try_take()) and not wish.stop:
        time.sleep(LOOK_EVERY_S)
    try:
        yield taken
    finally:
        lock.release()


def _run_command(engines: _Engines, command: Command, understudy: Understudy | None) -> EngineEnd:
    folder, wish = engines.folder, engines.wish
    # Whoever comes after this process looks for an engine from here on, also before its number is written down. An understudy
    # has one before it begins, and never begins when this process is gone.
    while not _written(lambda: folder.write_engine(understudy.pid) if understudy else folder.write_engine_intent()):
        if wish.stop:
            return EngineEnd(command.step, None, cancelled=True)
        time.sleep(LOOK_EVERY_S)
    process = understudy or _started(engines, command)
    if understudy:
        _begin(engines, command, understudy)
    # An engine that is not written down would be taken for dead by whoever comes after this process.
    while not understudy and not _written(lambda: folder.write_engine(process.pid)) and process.poll() is None:
        time.sleep(LOOK_EVERY_S)
    cancelled = _wait(process, wish)
    return EngineEnd(command.step, process.returncode, cancelled=cancelled)


@contextlib.contextmanager
def _files(folder: RunFolder, step: Step) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    with folder.output(step).open("ab") as out, folder.errors(step).open("ab") as errors:
        yield out, errors


def _started(engines: _Engines, command: Command) -> subprocess.Popen[bytes]:
    with _files(engines.folder, command.step) as (out, errors):
        # A session of its own: no terminal's Ctrl-C reaches the providers behind the engine's back.
        return subprocess.Popen(
            command.argv,
            cwd=engines.work.root,
            env={**engines.environment, **_shared_providers(command.step)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            start_new_session=True,
        )


def _begin(engines: _Engines, command: Command, understudy: Understudy) -> None:
    environment = {**engines.environment, **_shared_providers(command.step)}
    # Where it has ended before it could begin, its exit status says so.
    with _files(engines.folder, command.step) as (out, errors), contextlib.suppress(OSError):
        understudy.begin(cwd=engines.work.root, env=environment, stdout=out.fileno(), stderr=errors.fileno())


def _shared_providers(step: Step) -> dict[str, str]:
    """The sockets, but not for `init`: it would leave providers that have one out of the lock file."""
    told = os.environ.get(REATTACH)
    return {ENGINES_REATTACH: told} if told and step is not Step.INIT else {}


def _written(write: Callable[[], None]) -> bool:
    """Write; false while the disk is full."""
    try:
        write()
    except OSError:
        return False
    return True


def _wait(process: subprocess.Popen[bytes] | Understudy, wish: _Wish) -> bool:
    """Wait for the engine; on a wish to stop send one interrupt, on a second one another, and go on waiting. Never a kill."""
    sent = 0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=LOOK_EVERY_S)
            return sent > 0
        if wish.stop and sent < 1 + wish.kill:
            process.send_signal(signal.SIGINT)
            sent += 1


def start(folder: Path) -> int:
    """Be the supervisor of a run's folder; the exit code of this process."""
    os.umask(0o077)
    return main(RunFolder(folder))


if __name__ == "__main__":
    sys.exit(start(Path(sys.argv[1])))
